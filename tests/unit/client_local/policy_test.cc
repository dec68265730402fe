#include "registry/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <map>

namespace registry {
namespace {

// Instances with loads of their own.
class Service {
 public:
  explicit Service(const std::vector<uint32_t>& weights,
                   const std::vector<std::string>& zones = {}) {
    for (size_t i = 0; i < weights.size(); ++i) {
      Instance& instance = instances_.emplace_back();
      instance.spec.service = "web";
      instance.spec.id = std::to_string(i);
      instance.spec.weight = weights[i];
      if (i < zones.size()) instance.spec.zone = zones[i];
      loads_.emplace_back();
    }
  }
  std::vector<Candidate> candidates() const {
    std::vector<Candidate> all;
    for (size_t i = 0; i < instances_.size(); ++i) {
      all.push_back({.instance = &instances_[i], .load = &loads_[i]});
    }
    return all;
  }
  TargetLoad& load(size_t i) { return loads_[i]; }

 private:
  std::deque<Instance> instances_;
  std::deque<TargetLoad> loads_;
};

std::vector<int> Count(const PickTable& table, size_t instances, int picks) {
  std::vector<int> counts(instances, 0);
  for (int i = 0; i < picks; ++i) ++counts[table.Pick({}, 0)];
  return counts;
}

TEST(WeightedRoundRobinTest, EqualWeightsTakeTurns) {
  const Service service({1, 1, 1});
  const auto table = WeightedRoundRobin()->Build(service.candidates());
  const size_t first = table->Pick({}, 0);
  for (size_t i = 1; i < 30; ++i) EXPECT_EQ(table->Pick({}, 0), (first + i) % 3);
}

TEST(WeightedRoundRobinTest, SharesAreExactAndSpread) {
  const Service service({50, 20, 30});
  const auto table = WeightedRoundRobin()->Build(service.candidates());
  EXPECT_THAT(Count(*table, 3, 1000), testing::ElementsAre(500, 200, 300));
  // No two turns of the small one stand side by side.
  size_t before = 9;
  for (int i = 0; i < 100; ++i) {
    const size_t now = table->Pick({}, 0);
    EXPECT_FALSE(now == 1 && before == 1);
    before = now;
  }
}

TEST(WeightedRoundRobinTest, HugeWeightsAreScaledAndNobodyStarves) {
  std::vector<uint32_t> weights(1'000, 65'535);
  weights[0] = 1;
  weights[1] = 32'768;
  const Service service(weights);
  const auto table = WeightedRoundRobin()->Build(service.candidates());
  const std::vector<int> counts = Count(*table, weights.size(), 1'000'000);
  EXPECT_GT(counts[0], 0);
  EXPECT_NEAR(double{1} * counts[1] / counts[2], 0.5, 0.15);
}

TEST(LeastRequestsTest, TheBusyAndTheSlowGetLess) {
  Service service({1, 1});
  const auto table = LeastRequests()->Build(service.candidates());
  for (size_t i = 0; i < 2; ++i) service.load(i).Report(0, true, absl::Milliseconds(1));
  for (int i = 0; i < 5; ++i) service.load(0).Begin();
  EXPECT_THAT(Count(*table, 2, 100), testing::ElementsAre(0, 100));
  for (int i = 0; i < 5; ++i) service.load(0).End();
  service.load(1).Report(1, true, absl::Milliseconds(10));
  EXPECT_THAT(Count(*table, 2, 100), testing::ElementsAre(100, 0));
}

TEST(LeastRequestsTest, ANewOneIsTriedByOneCallAtATime) {
  Service service({1, 1});
  const auto table = LeastRequests()->Build(service.candidates());
  service.load(0).Report(0, true, absl::Milliseconds(1));
  EXPECT_THAT(Count(*table, 2, 100), testing::ElementsAre(0, 100));
  service.load(1).Begin();
  EXPECT_THAT(Count(*table, 2, 100), testing::ElementsAre(100, 0));
}

TEST(LeastRequestsTest, EqualOnesShare) {
  Service service(std::vector<uint32_t>(10, 1));
  const auto table = LeastRequests()->Build(service.candidates());
  for (size_t i = 0; i < 10; ++i) service.load(i).Report(0, true, absl::Milliseconds(1));
  for (const int count : Count(*table, 10, 20'000)) EXPECT_NEAR(count, 2'000, 2'000);
}

TEST(TargetLoadTest, LatencyRisesAtOnceAndFallsInTime) {
  TargetLoad load;
  load.Report(0, true, absl::Milliseconds(10));
  EXPECT_NEAR(load.latency_ns(), 10e6, 1);
  load.Report(0, true, absl::Milliseconds(50));
  EXPECT_NEAR(load.latency_ns(), 50e6, 10);
  load.Report(int64_t{10'000'000'000}, true, absl::Milliseconds(10));
  EXPECT_NEAR(load.latency_ns(), 50e6 / std::exp(1) + 10e6 * (1 - 1 / std::exp(1)), 1e3);
  const double before = load.latency_ns();
  load.Report(int64_t{20'000'000'000}, false, absl::Microseconds(1));
  EXPECT_EQ(load.latency_ns(), before) << "what fails quickly is not fast";
}

TEST(AffinityTest, TheSameKeyComesToTheSameInstance) {
  const Service service(std::vector<uint32_t>(20, 1));
  const auto one = Affinity()->Build(service.candidates());
  const auto other = Affinity()->Build(service.candidates());
  std::vector<int> counts(20, 0);
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "user-" + std::to_string(i);
    const size_t picked = one->Pick({.key = key}, 0);
    EXPECT_EQ(picked, other->Pick({.key = key}, 0)) << "in every process";
    ++counts[picked];
  }
  for (const int count : counts) EXPECT_NEAR(count, 1'000, 250);
}

TEST(AffinityTest, FewKeysMoveWhenAnInstanceLeaves) {
  const Service service(std::vector<uint32_t>(20, 1));
  std::vector<Candidate> all = service.candidates();
  const auto before = Affinity()->Build(all);
  all.pop_back();
  const auto after = Affinity()->Build(all);
  int moved = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = std::to_string(i);
    const size_t was = before->Pick({.key = key}, 0);
    if (was != 19 && was != after->Pick({.key = key}, 0)) ++moved;
  }
  EXPECT_LT(moved, 1'000) << "of those whose instance is still there";
}

TEST(AffinityTest, WeightsCountAndAnotherAttemptGoesElsewhere) {
  const Service service({3, 1});
  const auto table = Affinity()->Build(service.candidates());
  int heavy = 0;
  bool elsewhere = false;
  for (int i = 0; i < 10'000; ++i) {
    const std::string key = std::to_string(i);
    const size_t picked = table->Pick({.key = key}, 0);
    heavy += picked == 0;
    elsewhere |= picked != table->Pick({.key = key}, 1);
  }
  EXPECT_NEAR(heavy, 7'500, 400);
  EXPECT_TRUE(elsewhere);
}

TEST(ZoneAwareTest, StaysAtHomeUntilHomeIsMuchBusier) {
  Service service({1, 1, 1, 1}, {"a", "b", "a", "c"});
  const auto table = ZoneAware({.zone = "a", .spill_in_flight = 4}, WeightedRoundRobin())
                         ->Build(service.candidates());
  EXPECT_THAT(Count(*table, 4, 100), testing::ElementsAre(50, 0, 50, 0));
  // An ejected one at home: the third attempt goes away.
  const size_t away = table->Pick({}, 2);
  EXPECT_TRUE(away == 1 || away == 3);
  for (int i = 0; i < 4; ++i) {
    service.load(0).Begin();
    service.load(2).Begin();
  }
  EXPECT_THAT(Count(*table, 4, 100), testing::ElementsAre(0, 50, 0, 50));
  for (int i = 0; i < 3; ++i) {
    service.load(1).Begin();
    service.load(3).Begin();
  }
  EXPECT_THAT(Count(*table, 4, 100), testing::ElementsAre(50, 0, 50, 0)) << "busy everywhere";
}

TEST(ZoneAwareTest, WithoutAnyoneAtHomeOthersAreTaken) {
  const Service service({1, 1}, {"b", "c"});
  const auto table = ZoneAware({.zone = "a"}, WeightedRoundRobin())->Build(service.candidates());
  EXPECT_THAT(Count(*table, 2, 100), testing::ElementsAre(50, 50));
  const Service home({1, 1}, {"a", "a"});
  const auto only = ZoneAware({.zone = "a"}, WeightedRoundRobin())->Build(home.candidates());
  EXPECT_LT(only->Pick({}, 3), 2u);
}

}  // namespace
}  // namespace registry
