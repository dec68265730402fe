#include "registry/picker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "client/local/published.h"
#include "registry/resilient_call.h"
#include "registry/subscription.h"
#include "tests/support/wait_for.h"
#include "tests/unit/client_local/memory_registry.h"

namespace registry {
namespace {

using ::registryd::testing::WaitFor;

InstancePtr Web(const std::string& id, uint64_t incarnation = 1, Health health = Health::kPassing) {
  auto instance = std::make_shared<Instance>();
  instance->spec.service = "web";
  instance->spec.id = id;
  instance->spec.endpoints = {{.host = "10.0.0.1", .port = 80}};
  instance->incarnation = incarnation;
  instance->health = health;
  return instance;
}

ViewPtr ViewOf(std::vector<InstancePtr> instances) {
  return std::make_shared<const View>(
      View{.cluster_id = 7, .revision = 1, .instances = std::move(instances)});
}

std::set<std::string> PickedIds(Picker& picker, int picks = 200) {
  std::set<std::string> ids;
  for (int i = 0; i < picks; ++i) {
    Picked picked = picker.Pick();
    if (picked) ids.insert(picked.instance().spec.id);
  }
  return ids;
}

void FailOn(Picker& picker, const std::string& id, int times) {
  while (times > 0) {
    Picked picked = picker.Pick();
    ASSERT_TRUE(picked);
    if (picked.instance().spec.id == id) {
      picked.Done(false, absl::Milliseconds(1));
      --times;
    }
  }
}

TEST(PublishedTest, ReadersSeeWholeValuesAndOldOnesAreFreed) {
  struct Pair {
    ~Pair() { a = b = -1; }
    int64_t a;
    int64_t b;
  };
  Published<Pair> published(std::make_unique<const Pair>(Pair{0, 0}));
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      int64_t before = 0;
      while (!stop) {
        const auto reading = published.Read();
        ASSERT_EQ(reading->a, reading->b);
        ASSERT_GE(reading->a, before);
        before = reading->a;
      }
    });
  }
  for (int64_t i = 1; i < 3'000; ++i) published.Replace(std::make_unique<const Pair>(Pair{i, i}));
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST(PickerTest, WithoutInstancesThereIsNone) {
  Picker picker;
  const Picked picked = picker.Pick();
  EXPECT_FALSE(picked);
  EXPECT_EQ(picked.failure(), PickFailure::kNoInstances);
  picker.SetView(ViewOf({Web("a", 1, Health::kCritical), Web("b", 1, Health::kDraining)}));
  EXPECT_FALSE(picker.Pick()) << "neither critical nor draining ones are picked";
}

TEST(PickerTest, SuspectOnesOnlyWhenMostAreSuspect) {
  Picker picker;
  const auto suspect = [](const std::string& id) { return Web(id, 1, Health::kSuspect); };
  picker.SetView(ViewOf({Web("a"), Web("b"), suspect("c")}));
  EXPECT_THAT(PickedIds(picker), testing::ElementsAre("a", "b"));
  picker.SetView(ViewOf({Web("a"), suspect("b"), suspect("c")}));
  EXPECT_THAT(PickedIds(picker), testing::ElementsAre("a", "b", "c"));
}

TEST(PickerTest, APickedInstanceOutlivesItsRemovalAndThePicker) {
  auto picker = std::make_unique<Picker>();
  picker->SetView(ViewOf({Web("a")}));
  Picked picked = picker->Pick();
  picker->SetView(ViewOf({}));
  EXPECT_FALSE(picker->Pick());
  picker.reset();
  EXPECT_EQ(picked.instance().spec.id, "a");
  EXPECT_EQ(picked.endpoint().port, 80u);
  picked.Done(true, absl::Milliseconds(1));
  EXPECT_FALSE(picked);
}

TEST(PickerTest, EachPickedHasTheVersionThatWasPicked) {
  Picker picker;
  std::vector<Picked> held;
  std::vector<std::weak_ptr<const Instance>> versions;
  for (uint64_t revision = 1; revision <= 20; ++revision) {
    auto version = std::make_shared<Instance>(*Web("a"));
    version->changed_revision = revision;
    versions.push_back(version);
    picker.SetView(ViewOf({std::move(version)}));
    // Some are held over several changes, some are gone at the next.
    if (revision % 3 == 0) held.clear();
    held.push_back(picker.Pick());
    if (revision % 2 == 0) held.push_back(picker.Pick());
    for (const Picked& one : held) {
      EXPECT_LE(revision - one.instance().changed_revision, 3u);
      EXPECT_EQ(&one.instance(), versions[one.instance().changed_revision - 1].lock().get());
    }
    EXPECT_EQ(held.back().instance().changed_revision, revision);
  }
  held.clear();
  picker.SetView(ViewOf({}));
  for (const auto& version : versions) EXPECT_TRUE(version.expired());
}

TEST(PickerTest, FiguresLiveOnOverAnUpdateButNotOverANewLife) {
  ManualTime time;
  Picker picker({.policy = WeightedRoundRobin(), .time = &time});
  picker.SetView(ViewOf({Web("a"), Web("b")}));
  FailOn(picker, "a", 5);
  EXPECT_THAT(PickedIds(picker), testing::ElementsAre("b"));
  EXPECT_EQ(picker.ejected(), 1u);
  auto changed = std::make_shared<Instance>(*Web("a"));
  changed->spec.weight = 7;
  changed->changed_revision = 9;
  picker.SetView(ViewOf({changed, Web("b")}));
  EXPECT_THAT(PickedIds(picker), testing::ElementsAre("b")) << "the same life";
  picker.SetView(ViewOf({Web("a", 2), Web("b")}));
  EXPECT_THAT(PickedIds(picker), testing::ElementsAre("a", "b")) << "a new one";
  EXPECT_EQ(picker.ejected(), 0u);
}

TEST(PickerTest, EjectedOnesComeBackAndAreBetterThanNone) {
  ManualTime time;
  Picker picker({.policy = WeightedRoundRobin(), .time = &time});
  picker.SetView(ViewOf({Web("a"), Web("b")}));
  FailOn(picker, "a", 5);
  EXPECT_THAT(PickedIds(picker), testing::ElementsAre("b"));
  picker.SetView(ViewOf({picker.Pick().shared_instance()}));
  time.Advance(absl::Seconds(30));
  picker.SetView(ViewOf({Web("a"), Web("b")}));
  EXPECT_THAT(PickedIds(picker), testing::ElementsAre("a", "b"));
}

TEST(PickerTest, BreakersOfInstancesAndOfTheService) {
  ManualTime time;
  PickerOptions options{.policy = WeightedRoundRobin(), .ejection = std::nullopt, .time = &time};
  options.instance_breaker = CircuitBreakerOptions{.consecutive_failures = 2, .half_open_calls = 1};
  Picker picker(options);
  picker.SetView(ViewOf({Web("a"), Web("b")}));
  FailOn(picker, "a", 2);
  EXPECT_THAT(PickedIds(picker), testing::ElementsAre("b"));
  FailOn(picker, "b", 2);
  EXPECT_EQ(picker.Pick().failure(), PickFailure::kCircuitOpen);
  time.Advance(absl::Seconds(60));
  Picked again = picker.Pick();
  ASSERT_TRUE(again);
  Picked other = picker.Pick();
  ASSERT_TRUE(other);
  EXPECT_NE(again.instance().spec.id, other.instance().spec.id) << "one try each";
  EXPECT_FALSE(picker.Pick());
  again.Done(true, absl::Milliseconds(1));
  EXPECT_TRUE(picker.Pick());

  options.instance_breaker = std::nullopt;
  options.service_breaker = CircuitBreakerOptions{.consecutive_failures = 3};
  Picker whole(options);
  whole.SetView(ViewOf({Web("a"), Web("b")}));
  for (int i = 0; i < 3; ++i) whole.Pick().Done(false, absl::Milliseconds(1));
  EXPECT_EQ(whole.circuit(), CircuitBreaker::State::kOpen);
  EXPECT_EQ(whole.Pick().failure(), PickFailure::kCircuitOpen);
}

TEST(PickerTest, TheHookIsTold) {
  class Counting : public ClientMetrics {
   public:
    void OnPick(const Instance* instance) override { ++(instance != nullptr ? picks : misses); }
    void OnOutcome(const Instance&, bool, absl::Duration) override { ++outcomes; }
    void OnEjection(const Instance&) override { ++ejections; }
    std::atomic<int> picks{0}, misses{0}, outcomes{0}, ejections{0};
  };
  Counting metrics;
  Picker picker({.metrics = &metrics});
  static_cast<void>(picker.Pick());
  picker.SetView(ViewOf({Web("a"), Web("b")}));
  for (int i = 0; i < 50; ++i) picker.Pick().Done(false, absl::Milliseconds(1));
  EXPECT_EQ(metrics.misses, 1);
  EXPECT_EQ(metrics.picks, 50);
  EXPECT_EQ(metrics.outcomes, 50);
  EXPECT_EQ(metrics.ejections, 1);
}

TEST(PickerTest, AUsersPolicyMayEvenBeWrong) {
  class Wrong : public Policy {
    class Table : public PickTable {
      size_t Pick(const PickRequest&, uint32_t) const override { return 12'345; }
    };
    std::unique_ptr<const PickTable> Build(const std::vector<Candidate>&) const override {
      return std::make_unique<Table>();
    }
  };
  Picker picker({.policy = std::make_shared<Wrong>()});
  picker.SetView(ViewOf({Web("a"), Web("b")}));
  EXPECT_THAT(PickedIds(picker), testing::ElementsAre("b"));
}

TEST(PickerTest, FollowsASubscriptionWhileThreadsPick) {
  MemoryRegistry registry;
  MemoryClient client(&registry);
  auto web = client.Subscribe({.service = "web"});
  std::vector<std::unique_ptr<Picker>> pickers;
  for (const PolicyPtr& policy :
       {WeightedRoundRobin(), LeastRequests(), Affinity(), ZoneAware({.zone = "a"}, nullptr)}) {
    PickerOptions options{.policy = policy};
    options.instance_breaker = CircuitBreakerOptions{.open_for = absl::Milliseconds(1)};
    pickers.push_back(std::make_unique<Picker>(*web, options));
  }
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; !stop; ++i) {
        Picked picked = pickers[i % pickers.size()]->Pick({.key = "k"});
        if (!picked) continue;
        EXPECT_EQ(picked.instance().spec.service, "web");
        if (i % 5 != 0) picked.Done(i % 3 != t, absl::Microseconds(i % 100));
      }
    });
  }
  uint64_t last = 0;
  for (int i = 0; i < 300; ++i) {
    last = registry.Put("web", std::to_string(i % 10), static_cast<uint32_t>(i % 4 + 1));
    if (i % 3 == 0) last = registry.Take("web", std::to_string(i % 7));
    if (i % 30 == 0) {
      ASSERT_TRUE(web->WaitRevision(last, absl::Seconds(30)).ok());
    }
  }
  ASSERT_TRUE(web->WaitRevision(last, absl::Seconds(30)).ok());
  stop = true;
  for (std::thread& thread : threads) thread.join();
  for (const auto& picker : pickers) EXPECT_EQ(picker->size(), web->view()->instances.size());
}

TEST(ResilientCallerTest, RetriesOnOthersAndCountsWhatTellsOfTheInstance) {
  ResilientCallerOptions options;
  options.picker.policy = WeightedRoundRobin();
  options.sleep = [](absl::Duration) {};
  ResilientCaller caller(options);
  EXPECT_TRUE(absl::IsUnavailable(caller.Call([](const Instance&) { return absl::OkStatus(); })));
  caller.picker().SetView(ViewOf({Web("a"), Web("b"), Web("c")}));
  std::map<std::string, int> calls;
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(caller
                    .Call([&](const Instance& instance) {
                      ++calls[instance.spec.id];
                      return instance.spec.id == "a" ? absl::UnavailableError("broken")
                                                     : absl::OkStatus();
                    })
                    .ok());
  }
  EXPECT_EQ(calls["a"], 5) << "then it was ejected";
  EXPECT_EQ(caller.picker().ejected(), 1u);
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(absl::IsNotFound(
        caller.Call([](const Instance&) { return absl::NotFoundError("no such user"); })));
  }
  EXPECT_EQ(caller.picker().ejected(), 1u) << "a bad request is nobody's fault";
}

TEST(ResilientCallerTest, TheBulkheadLimitsCalls) {
  ResilientCallerOptions options;
  options.bulkhead = BulkheadOptions{.max_concurrent = 1, .max_waiting = 0};
  ResilientCaller caller(options);
  caller.picker().SetView(ViewOf({Web("a")}));
  EXPECT_TRUE(caller
                  .Call([&](const Instance&) {
                    return absl::IsResourceExhausted(
                               caller.Call([](const Instance&) { return absl::OkStatus(); }))
                               ? absl::OkStatus()
                               : absl::UnknownError("two at once");
                  })
                  .ok());
}

}  // namespace
}  // namespace registry
