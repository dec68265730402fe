// Explain and lookup say the same, for random services and questions; and the past is told as it
// was.

#include "registryd/operations/explain.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "registryd/base/text.h"
#include "tests/support/test_replica.h"

namespace registryd::operations {
namespace {

class PastTest : public ::testing::Test {
 protected:
  PastTest()
      : reads_({.replica = &node_.replica(),
                .proposer = &node_.proposer(),
                .access = &access_,
                .clock = &clock_}),
        history_(&reads_, &access_) {
    node_.Start();
    node_.Lead();
  }
  uint64_t Below(uint64_t n) { return random_() % n; }

  void FillService(int instances) {
    static const char* const kVersions[] = {"", "1.2.0", "1.4.2", "2.0.0"};
    static const char* const kZones[] = {"", "a", "b"};
    for (int i = 0; i < instances; ++i) {
      core::InstanceSpec spec = testing::Spec("web", Text("i-", i));
      spec.version = kVersions[Below(4)];
      spec.zone = kZones[Below(3)];
      if (Below(2) == 0) spec.labels.push_back({"env", Below(2) == 0 ? "prod" : "test"});
      node_.Apply(core::Register{{spec}, std::nullopt});
      if (Below(2) == 0) {
        node_.Apply(core::SetHealth{{spec.name, {}}, static_cast<core::Report>(Below(3)), ""});
      }
    }
  }
  LookupQuery RandomQuery() {
    LookupQuery query;
    query.service_name = "default/web";
    query.filter.health_mask = Below(2) == 0 ? core::kServedHealth : core::kAnyHealth;
    if (Below(2) == 0) query.filter.selector = *core::Selector::Parse("selector", "env=prod");
    if (Below(2) == 0) query.filter.versions = *core::VersionRange::Parse("range", ">=1.3");
    if (Below(2) == 0) query.zone = "a";
    query.limit = static_cast<uint32_t>(Below(2) * Below(8));
    return query;
  }

  const uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
  const SystemClock clock_;
  testing::TestReplica node_;
  OpenAccess access_;
  Reads reads_;
  History history_;
};

TEST_F(PastTest, ExplainAgreesWithLookup) {
  SCOPED_TRACE(Text("seed ", seed_));
  FillService(40);
  const ViewPtr view = reads_.Local();
  const replica::ServiceView& service = *view->Find("default/web");
  for (int round = 0; round < 100; ++round) {
    const LookupQuery query = RandomQuery();
    const Selection selection = Select(service, query);
    const auto verdicts = Explain(*view, query, "", &history_);
    ASSERT_TRUE(verdicts.ok()) << verdicts.status();
    ASSERT_EQ(verdicts->size(), service.instances.size());
    for (size_t i = 0; i < verdicts->size(); ++i) {
      const Verdict& verdict = (*verdicts)[i];
      const bool returned = i < selection.instances.size();
      ASSERT_EQ(verdict.position, returned ? i + 1 : 0);
      EXPECT_TRUE(!returned || verdict.instance == selection.instances[i]);
      // It fails at exactly one step, the last one told, unless it is returned.
      ASSERT_FALSE(verdict.steps.empty());
      for (size_t step = 0; step + 1 < verdict.steps.size(); ++step) {
        EXPECT_TRUE(verdict.steps[step].passed);
      }
      EXPECT_EQ(verdict.steps.back().passed, returned) << verdict.steps.back().name;
      ASSERT_TRUE(verdict.last_change);
      EXPECT_EQ(verdict.last_change->revision, verdict.instance->changed);
    }
    // Alone, one is told the same.
    const Verdict& any = (*verdicts)[Below(verdicts->size())];
    const auto alone = Explain(*view, query, any.id, &history_);
    ASSERT_TRUE(alone.ok() && alone->size() == 1u);
    EXPECT_EQ(alone->front().position, any.position);
    EXPECT_EQ(alone->front().steps.size(), any.steps.size());
  }
}

TEST_F(PastTest, ExplainSaysWhoTookOutAnInstanceThatIsGone) {
  FillService(1);
  node_.Apply(core::Deregister{{{core::InstanceName("default", "web", "i-0"), {}}}});
  const auto verdicts = Explain(*reads_.Local(), RandomQuery(), "i-0", &history_);
  ASSERT_TRUE(verdicts.ok() && verdicts->size() == 1u);
  EXPECT_EQ(verdicts->front().instance, nullptr);
  ASSERT_TRUE(verdicts->front().last_change);
  EXPECT_EQ(verdicts->front().last_change->changes.front().cause, core::Cause::kDeregister);
  EXPECT_EQ(verdicts->front().last_change->actor, "test");
  const auto unknown = Explain(*reads_.Local(), RandomQuery(), "i-99", &history_);
  ASSERT_TRUE(unknown.ok() && unknown->size() == 1u);
  EXPECT_FALSE(unknown->front().last_change);
  EXPECT_FALSE(unknown->front().steps.back().passed);
  const auto untold = Explain(*reads_.Local(), RandomQuery(), "i-0", nullptr);
  ASSERT_TRUE(untold.ok() && untold->size() == 1u);
  EXPECT_FALSE(untold->front().last_change);
}

// Commands of many instances, and instances that one of several later commands has changed again.
TEST_F(PastTest, ExplainTellsEachInstanceTheChangeThatItIsOf) {
  const auto weighing = [](int i, uint32_t weight) {
    core::InstanceSpec spec = testing::Spec("web", Text("i-", i));
    spec.weight = weight;
    return spec;
  };
  core::Register all;
  core::Register some;
  for (int i = 0; i < 200; ++i) all.instances.push_back(weighing(i, 1));
  for (int i = 50; i < 150; ++i) some.instances.push_back(weighing(i, 2));
  const Revision first = node_.Apply(all).revision;
  node_.Apply(core::Register{{testing::Spec("db", "i-0")}, {}});
  const Revision second = node_.Apply(some).revision;
  const Revision third = node_.Apply(core::Register{{weighing(100, 3)}, {}}).revision;
  LookupQuery query;
  query.service_name = "default/web";
  const auto verdicts = Explain(*reads_.Local(), query, "", &history_);
  ASSERT_TRUE(verdicts.ok()) << verdicts.status();
  ASSERT_EQ(verdicts->size(), 200u);
  for (const Verdict& verdict : *verdicts) {
    const uint32_t weight = verdict.instance->spec.weight;
    ASSERT_TRUE(verdict.last_change) << verdict.id;
    EXPECT_EQ(verdict.last_change->revision, weight == 1 ? first : weight == 2 ? second : third);
    ASSERT_EQ(verdict.last_change->changes.size(), 1u);
    EXPECT_EQ(verdict.last_change->changes.front().name(), verdict.instance->name());
    EXPECT_EQ(*verdict.last_change->changes.front().after, *verdict.instance);
  }
}

TEST_F(PastTest, APastPictureIsWhatTheServiceWas) {
  SCOPED_TRACE(Text("seed ", seed_));
  using Instances = std::vector<core::InstancePtr>;
  const auto instances = [](const replica::ServiceView* service) {
    Instances out;
    if (service == nullptr) return out;
    service->instances.ForEach([&](const core::InstancePtr& i) { out.push_back(i); });
    return out;
  };
  std::vector<Instances> pictures{{}};
  for (int i = 0; i < 300; ++i) {
    const core::InstanceName name("default", Below(4) == 0 ? "db" : "web", Text("i-", Below(6)));
    core::Command command = core::Deregister{{{name, {}}}};
    if (Below(3) != 0) {
      core::InstanceSpec spec = testing::Spec(name.service(), name.id());
      spec.weight = static_cast<uint32_t>(2 + i);
      command = core::Register{{spec}, std::nullopt};
    }
    const core::Reply reply = node_.Apply(command);
    if (reply.revision.value() == pictures.size()) {
      pictures.push_back(instances(reads_.Local()->Find("default/web")));
    }
  }
  for (uint64_t revision = 1; revision < pictures.size(); ++revision) {
    const auto past = history_.At({}, "default/web", {Revision(revision), 0});
    ASSERT_TRUE(past.ok()) << past.status();
    EXPECT_EQ(past->revision.value(), revision);
    const Instances told = instances(past->service.get());
    ASSERT_EQ(told.size(), pictures[revision].size()) << revision;
    for (size_t i = 0; i < told.size(); ++i) EXPECT_EQ(*told[i], *pictures[revision][i]);
  }
  EXPECT_EQ(history_.At({}, "default/web", {Revision(pictures.size()), 0}).status().code(),
            absl::StatusCode::kOutOfRange);
  // Pages of the list meet without a gap.
  ChangesQuery query;
  query.scope = {"default/", true};
  query.page = 7;
  uint64_t expected = pictures.size() - 1;
  do {
    const auto page = history_.List({}, query);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& entry : page->entries) EXPECT_EQ(entry.revision.value(), expected--);
    query.before = page->next_before;
  } while (query.before);
  EXPECT_EQ(expected, 0u);
}

}  // namespace
}  // namespace registryd::operations
