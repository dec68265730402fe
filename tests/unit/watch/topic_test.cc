#include "registryd/watch/topic.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "registry/v1/discovery.pb.h"
#include "registryd/watch/hub.h"

namespace registryd::watch {
namespace {

core::InstancePtr Instance(std::string_view id, uint64_t revision,
                           core::Report report = core::Report::kPassing) {
  auto instance = std::make_shared<core::Instance>();
  instance->spec.name = core::InstanceName("default", "web", id);
  instance->changed = Revision(revision);
  instance->incarnation = Revision(1);
  instance->facts.report = report;
  return instance;
}

registry::v1::Changes Parse(const Page& page) {
  registry::v1::WatchResponse response;
  EXPECT_TRUE(response.ParseFromString(*page.bytes));
  return response.changes();
}

const Scope kWeb{"default/web", false};

TEST(Topic, APageHasEachInstanceOnceInItsFinalState) {
  Topic topic(kWeb, {}, Revision(10));
  topic.Publish({nullptr, Instance("a", 11), core::Cause::kRegister}, Revision(11), 0);
  topic.Publish({Instance("a", 11), Instance("a", 12), core::Cause::kUpdate}, Revision(12), 0);
  topic.Publish({nullptr, Instance("b", 13), core::Cause::kRegister}, Revision(13), 0);
  topic.Publish({Instance("b", 13), nullptr, core::Cause::kDeregister}, Revision(14), 0);
  Page page;
  ASSERT_EQ(topic.Next(Revision(10), Revision(14), &page), Topic::Fetch::kPage);
  EXPECT_EQ(page.to, Revision(14));
  const auto changes = Parse(page);
  ASSERT_EQ(changes.changed_size(), 1);
  EXPECT_EQ(changes.changed(0).changed_revision(), 12u);
  ASSERT_EQ(changes.gone_size(), 1);
  EXPECT_EQ(changes.gone(0).id(), "b");
  EXPECT_EQ(topic.Next(Revision(14), Revision(14), &page), Topic::Fetch::kNothing);
}

TEST(Topic, ARevisionThatIsStillBeingPublishedIsNotShown) {
  Topic topic(kWeb, {}, Revision(0));
  topic.Publish({nullptr, Instance("a", 1), core::Cause::kRegister}, Revision(1), 0);
  topic.Publish({nullptr, Instance("b", 2), core::Cause::kRegister}, Revision(2), 0);
  Page page;
  ASSERT_EQ(topic.Next(Revision(0), Revision(1), &page), Topic::Fetch::kPage);
  EXPECT_EQ(page.to, Revision(1));
  EXPECT_EQ(topic.Next(Revision(1), Revision(1), &page), Topic::Fetch::kNothing);
  topic.Publish({nullptr, Instance("c", 2), core::Cause::kRegister}, Revision(2), 0);
  ASSERT_EQ(topic.Next(Revision(1), Revision(2), &page), Topic::Fetch::kPage);
  EXPECT_EQ(Parse(page).changed_size(), 2);
}

TEST(Topic, SubscribersAtTheSamePlaceShareTheBytes) {
  Topic topic(kWeb, {}, Revision(5));
  topic.Publish({nullptr, Instance("a", 8), core::Cause::kRegister}, Revision(8), 0);
  Page one;
  Page two;
  topic.Next(Revision(5), Revision(8), &one);
  topic.Next(Revision(7), Revision(8), &two);  // progress had moved this one on
  EXPECT_EQ(one.bytes.get(), two.bytes.get());
}

TEST(Topic, ASubscriberThatFellOutOfTheRingIsTold) {
  Topic topic(kWeb, {}, Revision(0));
  for (uint64_t r = 1; r <= Topic::kRingMax + 10; ++r) {
    topic.Publish({nullptr, Instance("a", r), core::Cause::kUpdate}, Revision(r), 0);
  }
  Page page;
  const Revision all(Topic::kRingMax + 10);
  EXPECT_EQ(topic.Next(Revision(9), all, &page), Topic::Fetch::kBehind);
  EXPECT_FALSE(topic.Reaches(Revision(9)));
  EXPECT_EQ(topic.Next(Revision(10), all, &page), Topic::Fetch::kPage);
  EXPECT_TRUE(topic.Reaches(Revision(10)));
}

TEST(Topic, AnInstanceThatLeavesTheFilterIsGone) {
  core::InstanceFilter filter;
  filter.health_mask = core::HealthBit(core::Health::kPassing);
  Topic topic(kWeb, filter, Revision(0));
  EXPECT_TRUE(topic.Publish({nullptr, Instance("a", 1), core::Cause::kRegister}, Revision(1), 0));
  EXPECT_TRUE(topic.Publish(
      {Instance("a", 1), Instance("a", 2, core::Report::kCritical), core::Cause::kReport},
      Revision(2), 0));
  EXPECT_FALSE(topic.Publish({Instance("a", 2, core::Report::kCritical),
                              Instance("a", 3, core::Report::kDraining), core::Cause::kReport},
                             Revision(3), 0));
  Page page;
  ASSERT_EQ(topic.Next(Revision(1), Revision(3), &page), Topic::Fetch::kPage);
  EXPECT_EQ(Parse(page).gone_size(), 1);
}

// Random changes seen by subscribers that read at random times: each ends with the same picture,
// digest and count.
TEST(Topic, EverySubscriberEndsWithTheSamePicture) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Topic topic(kWeb, {}, Revision(0));
  topic.SetLevel({Revision(0), 0, 0});
  std::map<std::string, core::InstancePtr> truth;
  struct Subscriber {
    Revision cursor;
    std::map<std::string, uint64_t> picture;  // id to changed revision
  };
  std::vector<Subscriber> subscribers(8);
  const auto read = [&](Subscriber& subscriber, Revision visible) {
    Page page;
    while (topic.Next(subscriber.cursor, visible, &page) == Topic::Fetch::kPage) {
      const auto changes = Parse(page);
      EXPECT_LE(changes.from_revision(), subscriber.cursor.value());
      EXPECT_GT(page.to, subscriber.cursor);
      for (const auto& i : changes.changed()) {
        EXPECT_GT(i.changed_revision(), subscriber.cursor.value()) << "a repeat";
        subscriber.picture[i.spec().id()] = i.changed_revision();
      }
      for (const auto& gone : changes.gone()) subscriber.picture.erase(gone.id());
      subscriber.cursor = page.to;
    }
  };
  Revision now;
  for (int step = 0; step < 3'000; ++step) {
    ++now;
    for (auto n = 1 + random() % 3; n > 0; --n) {
      const std::string id = std::to_string(n) + "-" + std::to_string(random() % 20);
      core::InstancePtr& known = truth[id];
      core::InstancePtr after = random() % 3 == 0 ? nullptr : Instance(id, now.value());
      if (known == nullptr && after == nullptr) continue;
      topic.Publish({known, after, core::Cause::kUpdate}, now, 0);
      known = after;
    }
    read(subscribers[random() % subscribers.size()], now);
  }
  uint64_t digest = 0;
  std::map<std::string, uint64_t> picture;
  for (const auto& [id, instance] : truth) {
    if (instance == nullptr) continue;
    digest += core::InstanceDigest(*instance);
    picture[id] = instance->changed.value();
  }
  for (Subscriber& subscriber : subscribers) {
    read(subscriber, now);
    EXPECT_EQ(subscriber.picture, picture);
  }
  Level level;
  ASSERT_TRUE(topic.Quiet(now, &level));
  EXPECT_EQ(level.digest, digest);
  EXPECT_EQ(level.count, picture.size());
}

class CountingWaker : public Waker {
 public:
  void Wake() override { ++woken; }
  std::atomic<int> woken{0};
};

TEST(Hub, AChangeReachesItsServiceItsPrefixesAndNobodyElse) {
  Hub hub(0);
  auto waker = std::make_shared<CountingWaker>();
  bool created = false;
  auto web = hub.Attach(kWeb, {}, waker, &created);
  EXPECT_TRUE(created);
  auto prefix = hub.Attach({"default/w", true}, {}, waker, &created);
  auto all = hub.Attach({"", true}, {}, waker, &created);
  auto api = hub.Attach({"default/api", false}, {}, waker, &created);
  EXPECT_EQ(hub.Attach(kWeb, {}, waker, &created), web);
  EXPECT_FALSE(created);
  core::Outcome outcome;
  outcome.reply.revision = Revision(1);
  outcome.instances.push_back({nullptr, Instance("a", 1), core::Cause::kRegister});
  hub.Publish(outcome);
  hub.Flush(Revision(1));
  Page page;
  EXPECT_EQ(web->Next(Revision(0), hub.published(), &page), Topic::Fetch::kPage);
  EXPECT_EQ(prefix->Next(Revision(0), hub.published(), &page), Topic::Fetch::kPage);
  EXPECT_EQ(all->Next(Revision(0), hub.published(), &page), Topic::Fetch::kPage);
  EXPECT_EQ(api->Next(Revision(0), hub.published(), &page), Topic::Fetch::kNothing);
}

TEST(Hub, ATopicMadeLaterDoesNotClaimTheChangesBefore) {
  Hub hub(0);
  hub.Flush(Revision(41));  // loaded from disk
  bool created = false;
  auto topic = hub.Attach(kWeb, {}, std::make_shared<CountingWaker>(), &created);
  EXPECT_FALSE(topic->Reaches(Revision(40)));
  EXPECT_TRUE(topic->Reaches(Revision(41)));
}

}  // namespace
}  // namespace registryd::watch
