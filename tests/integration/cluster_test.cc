// Three real members as one registry: any of them serves, any one may go.

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/cluster.h"
#include "tests/support/linearizability.h"
#include "tests/support/recording_client.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

using registry::v1::LookupRequest;
using registry::v1::LookupResponse;
using registry::v1::Member;
using registry::v1::RegisterRequest;
using registry::v1::RegisterResponse;

RegisterRequest Permanent(const std::string& service, const std::string& id) {
  RegisterRequest request;
  *request.add_instances() = Spec(service, id);
  return request;
}

size_t Served(Stubs& stubs, const std::string& service) {
  LookupRequest request;
  request.set_service(service);
  LookupResponse response;
  const grpc::Status status = stubs.Lookup(request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return static_cast<size_t>(response.instances_size());
}

class ClusterTest : public ::testing::Test {
 protected:
  Cluster cluster_{3};
};

TEST_F(ClusterTest, EveryMemberTakesWritesAndReadsItsOwn) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  for (size_t round = 0; round < 20; ++round) {
    const size_t i = round % cluster_.size();
    RegisterResponse response;
    const grpc::Status status =
        cluster_.stubs(i).Register(Permanent("web", "i-" + std::to_string(round)), &response);
    ASSERT_TRUE(status.ok()) << status.error_message() << cluster_.Log();
    EXPECT_EQ(response.revision(), round + 1);
    EXPECT_EQ(response.instances(0).incarnation(), round + 1);
    // Whoever wrote there reads it there, without asking for anything.
    EXPECT_EQ(Served(cluster_.stubs(i), "web"), round + 1);
    // And everywhere, who asks for it: by revision, or linearizably.
    for (size_t other = 0; other < cluster_.size(); ++other) {
      LookupRequest request;
      request.set_service("web");
      if (round % 2 == 0) {
        request.mutable_read()->set_min_revision(response.revision());
      } else {
        request.mutable_read()->set_consistency(registry::v1::CONSISTENCY_LINEARIZABLE);
      }
      LookupResponse found;
      ASSERT_TRUE(cluster_.stubs(other).Lookup(request, &found).ok());
      EXPECT_EQ(static_cast<size_t>(found.instances_size()), round + 1);
      EXPECT_GE(found.info().revision(), response.revision());
      EXPECT_TRUE(found.info().leader_known());
    }
  }
  // A refusal by the state comes back as it is.
  registry::v1::UpdateRequest update;
  update.mutable_instance()->set_service("web");
  update.mutable_instance()->set_id("nobody");
  update.set_version("1.0.0");
  for (size_t i = 0; i < cluster_.size(); ++i) {
    registry::v1::UpdateResponse response;
    const grpc::Status status = cluster_.stubs(i).Update(update, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND) << status.error_message();
    EXPECT_NE(status.error_message().find("nobody"), std::string::npos);
  }
  ASSERT_TRUE(cluster_.WaitUntilEqual()) << cluster_.Log();
}

TEST_F(ClusterTest, StatusNamesTheLeaderAndEveryMember) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  const auto leader = cluster_.WaitForLeader();
  ASSERT_TRUE(leader.has_value());
  const size_t gone = (*leader + 1) % 3;
  const size_t asked = (*leader + 2) % 3;
  ASSERT_TRUE(WaitFor([&] {
    const auto status = cluster_.Status(asked);
    if (!status || status->leader() != cluster_.name(*leader) || status->members_size() != 3) {
      return false;
    }
    for (const Member& member : status->members()) {
      if (!member.reachable() || member.suffrage() != Member::SUFFRAGE_VOTER) return false;
    }
    return true;
  })) << cluster_.Log();
  const auto status = cluster_.Status(asked);
  ASSERT_TRUE(status.has_value());
  for (size_t i = 0; i < 3; ++i) {
    const Member& member = status->members(static_cast<int>(i));
    EXPECT_EQ(member.name(), cluster_.name(i));
    EXPECT_EQ(member.address(), cluster_.peer(i));
    EXPECT_EQ(member.role(), i == *leader ? Member::ROLE_LEADER : Member::ROLE_FOLLOWER);
    EXPECT_GT(member.applied_index(), 0u);
  }
  cluster_[gone].Kill9();
  EXPECT_TRUE(WaitFor([&] {
    const auto now = cluster_.Status(asked);
    return now && !now->members(static_cast<int>(gone)).reachable() &&
           now->members(static_cast<int>(gone)).name() == cluster_.name(gone);
  })) << cluster_.Log();
}

TEST_F(ClusterTest, G1G2KillsOfLeaderFollowersAndAllLoseNothing) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  RecordingClients clients(cluster_.apis(), {.seed = 11});
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster_.Log();
  // The leader, and it comes back.
  size_t leader = cluster_.WaitForLeader().value();
  cluster_[leader].Kill9();
  ASSERT_TRUE(cluster_.WaitForLeader(leader).has_value()) << cluster_.Log();
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster_.Log();
  ASSERT_TRUE(cluster_[leader].Start()) << cluster_.Log();
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_.Log();
  // A follower.
  leader = cluster_.WaitForLeader().value();
  const size_t follower = (leader + 1) % 3;
  cluster_[follower].Kill9();
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster_.Log();
  ASSERT_TRUE(cluster_[follower].Start()) << cluster_.Log();
  // A leader that is stopped for a while, and wakes up as a former one.
  leader = cluster_.WaitForLeader().value();
  cluster_[leader].Signal(SIGSTOP);
  const auto next = cluster_.WaitForLeader(leader);
  const bool went_on = clients.WaitForWrites(100);
  cluster_[leader].Signal(SIGCONT);
  ASSERT_TRUE(next.has_value()) << cluster_.Log();
  ASSERT_TRUE(went_on) << cluster_.Log();
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_.Log();
  // All of them at once.
  for (size_t i = 0; i < 3; ++i) cluster_[i].SignalKill9();
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(cluster_[i].Wait().has_value());
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster_.Log();
  const History history = clients.Stop();
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster_, history));
  std::printf("%zu operations; %lu writes acknowledged, %lu of unknown outcome, %lu refused\n",
              history.size(), clients.acknowledged(), clients.unknown(), clients.refused());
}

TEST_F(ClusterTest, APlannedStopHandsOverAndNoWriteFails) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  const size_t leader = cluster_.WaitForLeader().value();
  // Clients of the members that stay.
  std::vector<std::string> others;
  for (size_t i = 0; i < 3; ++i) {
    if (i != leader) others.push_back(cluster_.api(i));
  }
  RecordingClients clients(others, {.clients = 4, .seed = 12});
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster_.Log();
  EXPECT_EQ(cluster_[leader].Stop(), 0) << cluster_.Log();
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster_.Log();
  EXPECT_NE(cluster_[leader].Log().find("leadership was handed over"), std::string::npos)
      << cluster_.Log();
  const History history = clients.Stop();
  EXPECT_EQ(clients.refused(), 0u) << cluster_.Log();
  EXPECT_EQ(clients.unknown(), 0u) << cluster_.Log();
  std::printf("longest pause between two acknowledged writes: %ld ms\n",
              clients.longest_pause_ms());
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster_, history));
}

// Renews leases through all members, as clients that move on after an error do.
class Renewer {
 public:
  explicit Renewer(Cluster* cluster) : cluster_(cluster) {}
  ~Renewer() { Stop(); }
  void Add(const registry::v1::GrantedLease& lease, size_t first) {
    threads_.emplace_back([this, lease, first] {
      for (size_t at = first; !stopping_;) {
        registry::v1::KeepAliveRequest frame;
        frame.add_lease_ids(lease.lease_id());
        frame.add_epochs(lease.epoch());
        registry::v1::KeepAliveResponse answer;
        const grpc::Status status =
            cluster_->stubs(at % cluster_->size()).KeepAlive(frame, &answer);
        const bool good = status.ok() && answer.accepted();
        if (good && answer.lost_lease_ids_size() != 0) ++lost_;
        if (good) ++renewed_;
        if (!good) ++at;
        // Every third of the ttl, and at once after an error.
        poll(nullptr, 0, good ? static_cast<int>(lease.renew_every_ms()) : 50);
      }
    });
  }
  void Stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  uint64_t lost() const { return lost_; }
  uint64_t renewed() const { return renewed_; }

 private:
  Cluster* const cluster_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> lost_{0};
  std::atomic<uint64_t> renewed_{0};
  std::vector<std::thread> threads_;
};

TEST_F(ClusterTest, G4LeasesThatAreRenewedOutliveLeadersAndSilentOnesDoNot) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  constexpr int kLeases = 12;
  Renewer renewer(&cluster_);
  for (int i = 0; i <= kLeases; ++i) {
    RegisterRequest request = Permanent("web", "i-" + std::to_string(i));
    request.mutable_lease()->set_ttl_ms(6'000);
    RegisterResponse response;
    const size_t through = static_cast<size_t>(i) % 3;
    ASSERT_TRUE(cluster_.stubs(through).Register(request, &response).ok()) << cluster_.Log();
    // The last one is silent from the beginning.
    if (i < kLeases) renewer.Add(response.lease(), through);
  }
  for (int round = 0; round < 2; ++round) {
    const size_t leader = cluster_.WaitForLeader().value();
    if (round == 0) {
      cluster_[leader].Kill9();
    } else {
      cluster_[leader].Signal(SIGSTOP);
    }
    const auto next = cluster_.WaitForLeader(leader);
    if (round == 0) {
      ASSERT_TRUE(cluster_[leader].Start()) << cluster_.Log();
    } else {
      cluster_[leader].Signal(SIGCONT);
    }
    ASSERT_TRUE(next.has_value()) << cluster_.Log();
  }
  // The silent one turns critical; by then every other one would have, had its renewals not
  // counted.
  const auto health = [&](int i) {
    const auto all = cluster_.stubs(0).AllInstances();
    const auto found = all.find("default/web/i-" + std::to_string(i));
    return found == all.end() ? registry::v1::HEALTH_UNSPECIFIED : found->second.health();
  };
  ASSERT_TRUE(WaitFor([&] { return health(kLeases) == registry::v1::HEALTH_CRITICAL; }))
      << cluster_.Log();
  for (int i = 0; i < kLeases; ++i) EXPECT_EQ(health(i), registry::v1::HEALTH_PASSING) << i;
  EXPECT_EQ(renewer.lost(), 0u);
  EXPECT_GT(renewer.renewed(), 0u);
  renewer.Stop();
  ASSERT_TRUE(cluster_.WaitUntilEqual()) << cluster_.Log();
}

TEST_F(ClusterTest, G11WithoutAQuorumItAnswersSaysHowOldItIsAndExpiresNothing) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  constexpr int64_t kTtlMs = 2'000;
  RegisterRequest request = Permanent("web", "leased");
  request.mutable_lease()->set_ttl_ms(kTtlMs);
  RegisterResponse response;
  ASSERT_TRUE(cluster_.stubs(0).Register(request, &response).ok()) << cluster_.Log();
  ASSERT_TRUE(cluster_.WaitUntilEqual());
  cluster_[1].Kill9();
  cluster_[2].Kill9();
  LookupRequest lookup;
  lookup.set_service("web");
  LookupResponse found;
  // Long after the lease would have run out it is there, with the age of the answer.
  ASSERT_TRUE(WaitFor([&] {
    const grpc::Status status = cluster_.stubs(0).Lookup(lookup, &found);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(found.instances_size(), 1);
    return found.info().lag_ms() > 2 * kTtlMs + 1'000;
  })) << cluster_.Log();
  EXPECT_FALSE(found.info().leader_known());
  EXPECT_EQ(found.info().revision(), response.revision());
  EXPECT_EQ(found.instances(0).health(), registry::v1::HEALTH_PASSING);
  // What needs a quorum is refused, and says that nothing happened.
  LookupRequest linearizable = lookup;
  linearizable.mutable_read()->set_consistency(registry::v1::CONSISTENCY_LINEARIZABLE);
  EXPECT_EQ(cluster_.stubs(0).Lookup(linearizable, &found).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  LookupRequest fresh = lookup;
  fresh.mutable_read()->set_max_staleness_ms(1'000);
  EXPECT_EQ(cluster_.stubs(0).Lookup(fresh, &found).error_code(), grpc::StatusCode::UNAVAILABLE);
  const grpc::Status refused = cluster_.stubs(0).Register(Permanent("web", "new"), &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(refused.error_message().find("nothing happened"), std::string::npos);
  // One more member is a quorum again.
  ASSERT_TRUE(cluster_[1].Start()) << cluster_.Log();
  ASSERT_TRUE(WaitFor([&] {
    return cluster_.stubs(0).Register(Permanent("web", "new"), &response).ok();
  })) << cluster_.Log();
}

TEST_F(ClusterTest, AMemberThatLostItsDataIsRefusedByName) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  RegisterResponse response;
  ASSERT_TRUE(cluster_.stubs(0).Register(Permanent("web", "i-1"), &response).ok());
  ASSERT_TRUE(cluster_.WaitUntilEqual());
  const size_t lost = (cluster_.WaitForLeader().value() + 1) % 3;
  cluster_[lost].Kill9();
  std::filesystem::remove_all(cluster_[lost].data_dir());
  cluster_[lost].Launch();
  ASSERT_TRUE(WaitFor([&] {
    return cluster_[lost].Log().find("comes with other data") != std::string::npos;
  })) << cluster_.Log();
  // The others go on, and it has nothing to say.
  const size_t other = (lost + 1) % 3;
  ASSERT_TRUE(cluster_.stubs(other).Register(Permanent("web", "i-2"), &response).ok());
  EXPECT_EQ(Served(cluster_.stubs(other), "web"), 2u);
  ASSERT_TRUE(cluster_[lost].WaitUntilReady()) << cluster_.Log();
  LookupRequest lookup;
  lookup.set_service("web");
  LookupResponse found;
  ASSERT_TRUE(cluster_.stubs(lost).Lookup(lookup, &found).ok());
  EXPECT_FALSE(found.info().leader_known());
  EXPECT_EQ(found.instances_size(), 0);
}

TEST(ClusterOfFive, G1AnyTwoMayDie) {
  Cluster cluster(5);
  ASSERT_TRUE(cluster.Start()) << cluster.Log();
  RecordingClients clients(cluster.apis(), {.seed = 13});
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster.Log();
  const size_t leader = cluster.WaitForLeader().value();
  const size_t other = (leader + 2) % 5;
  cluster[leader].Kill9();
  cluster[other].Kill9();
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster.Log();
  ASSERT_TRUE(cluster[other].Start()) << cluster.Log();
  ASSERT_TRUE(cluster[leader].Start()) << cluster.Log();
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster.Log();
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster, clients.Stop()));
}

}  // namespace
}  // namespace registryd::testing
