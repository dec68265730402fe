// The guard and the active checks on three members: a leader that stands still, a checker that
// dies.

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/cluster.h"
#include "tests/support/listener.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

constexpr int64_t kTtlMs = 2'000;

class GuardClusterTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cluster_.Start()) << cluster_.Log(); }

  // The health of each instance of web, as this member says.
  std::map<std::string, registry::v1::Health> Seen(size_t member) {
    std::map<std::string, registry::v1::Health> seen;
    for (const auto& [name, instance] : cluster_.stubs(member).AllInstances()) {
      seen[name] = instance.health();
    }
    return seen;
  }

  Cluster cluster_{3};
};

// Renews all leases in one frame, through whoever takes it, and skips those that are silenced. A
// call that hangs on a member that stands still holds up nobody: each member has a thread of its
// own.
class Heartbeats {
 public:
  Heartbeats(Cluster* cluster, std::vector<registry::v1::GrantedLease> leases)
      : cluster_(cluster), leases_(std::move(leases)) {
    for (size_t member = 0; member < cluster->size(); ++member) {
      threads_.emplace_back([this, member] { Run(member); });
    }
  }
  ~Heartbeats() { Stop(); }
  void Stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  void Silence(size_t first) { heard_ = first; }  // those from `first` on
  void HearAll() { heard_ = leases_.size(); }
  uint64_t lost() const { return lost_; }

 private:
  void Run(size_t member) {
    while (!stopping_) {
      registry::v1::KeepAliveRequest frame;
      for (size_t i = 0; i < std::min(heard_.load(), leases_.size()); ++i) {
        frame.add_lease_ids(leases_[i].lease_id());
        frame.add_epochs(leases_[i].epoch());
      }
      registry::v1::KeepAliveResponse answer;
      if (cluster_->stubs(member).KeepAlive(frame, &answer).ok() && answer.accepted()) {
        lost_ += static_cast<uint64_t>(answer.lost_lease_ids_size());
      }
      poll(nullptr, 0, kTtlMs / 6);
    }
  }

  Cluster* const cluster_;
  const std::vector<registry::v1::GrantedLease> leases_;
  std::atomic<size_t> heard_{SIZE_MAX};
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> lost_{0};
  std::vector<std::thread> threads_;
};

// The night in which the leader stands still for 20 s, with a ttl of 2 s instead of 6 s: for longer
// than three ttls. Nobody who renews leaves or turns suspect, neither for the new leader nor when
// the old one goes on.
TEST_F(GuardClusterTest, G4G5TheLeaderStandsStillForThreeTtlsAndGoesOn) {
  std::vector<registry::v1::GrantedLease> leases;
  for (int i = 0; i < 9; ++i) {
    registry::v1::RegisterRequest request;
    *request.add_instances() = Spec("web", "i-" + std::to_string(i));
    request.mutable_lease()->set_ttl_ms(kTtlMs);
    registry::v1::RegisterResponse response;
    ASSERT_TRUE(cluster_.stubs(static_cast<size_t>(i) % 3).Register(request, &response).ok());
    leases.push_back(response.lease());
  }
  Heartbeats heartbeats(&cluster_, leases);
  const size_t old = cluster_.WaitForLeader().value();
  cluster_[old].Signal(SIGSTOP);
  const auto next = cluster_.WaitForLeader(old);
  ASSERT_TRUE(next.has_value()) << cluster_.Log();
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(3 * kTtlMs + 500);
  const auto expect_all_pass = [&](size_t member) {
    const auto seen = Seen(member);
    EXPECT_EQ(seen.size(), 9u);
    for (const auto& [name, health] : seen) EXPECT_EQ(health, registry::v1::HEALTH_PASSING) << name;
  };
  while (std::chrono::steady_clock::now() < until && !HasFailure()) {
    expect_all_pass(*next);
    poll(nullptr, 0, 50);
  }
  cluster_[old].Signal(SIGCONT);
  ASSERT_TRUE(cluster_.WaitUntilEqual()) << cluster_.Log();
  for (size_t member = 0; member < 3; ++member) expect_all_pass(member);
  EXPECT_EQ(heartbeats.lost(), 0u);

  // Two thirds go silent: a third leaves, a third is suspect, and when they are heard of again what
  // was suspect passes.
  heartbeats.Silence(3);
  const auto count = [&](registry::v1::Health health) {
    size_t found = 0;
    for (const auto& [name, seen] : Seen(0)) found += seen == health;
    return found;
  };
  ASSERT_TRUE(WaitFor([&] {
    return count(registry::v1::HEALTH_CRITICAL) == 3 && count(registry::v1::HEALTH_SUSPECT) == 3;
  })) << cluster_.Log();
  EXPECT_EQ(count(registry::v1::HEALTH_PASSING), 3u);
  heartbeats.HearAll();
  ASSERT_TRUE(WaitFor([&] { return count(registry::v1::HEALTH_PASSING) == 6; })) << cluster_.Log();
  EXPECT_EQ(count(registry::v1::HEALTH_SUSPECT), 0u);
  heartbeats.Stop();
}

// Each of the members checks a part. When one dies the others check its part too: an instance that
// nobody checks would stay CRITICAL.
TEST_F(GuardClusterTest, ADeadMembersChecksAreMadeByTheOthers) {
  const Listener listener;
  constexpr int kInstances = 24;
  const auto register_all = [&](size_t member, const std::string& service) {
    registry::v1::RegisterRequest request;
    for (int i = 0; i < kInstances; ++i) {
      registry::v1::InstanceSpec* spec = request.add_instances();
      *spec = Spec(service, "i-" + std::to_string(i));
      spec->mutable_endpoints(0)->set_host("127.0.0.1");
      spec->mutable_endpoints(0)->set_port(listener.port());
      spec->mutable_check()->set_kind(registry::v1::Check::KIND_TCP);
      spec->mutable_check()->set_interval_ms(1'000);
    }
    registry::v1::RegisterResponse response;
    return cluster_.stubs(member).Register(request, &response).ok();
  };
  const auto passing = [&](size_t member, const std::string& service) {
    int found = 0;
    for (const auto& [name, health] : Seen(member)) {
      found += name.find("/" + service + "/") != std::string::npos &&
               health == registry::v1::HEALTH_PASSING;
    }
    return found;
  };
  ASSERT_TRUE(WaitFor([&] { return register_all(0, "web"); })) << cluster_.Log();
  ASSERT_TRUE(WaitFor([&] { return passing(0, "web") == kInstances; })) << cluster_.Log();

  const size_t dead = (cluster_.WaitForLeader().value() + 1) % 3;
  const size_t alive = (dead + 1) % 3;
  cluster_[dead].Kill9();
  ASSERT_TRUE(WaitFor([&] { return register_all(alive, "late"); })) << cluster_.Log();
  ASSERT_TRUE(WaitFor([&] { return passing(alive, "late") == kInstances; })) << cluster_.Log();
  EXPECT_EQ(passing(alive, "web"), kInstances);
}

}  // namespace
}  // namespace registryd::testing
