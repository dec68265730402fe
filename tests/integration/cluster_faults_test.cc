// Clusters under faults that single kills do not show: networks cut one way, full disks, and
// everything at random.
//
// ClusterChaos runs for a few seconds by default; CLUSTER_CHAOS_SECONDS makes it longer and
// CLUSTER_CHAOS_SEED repeats its choices (docs/hacking.md).

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>

#include "tests/support/cluster.h"
#include "tests/support/linearizability.h"
#include "tests/support/network_namespaces.h"
#include "tests/support/recording_client.h"
#include "tests/support/small_disk.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

uint64_t TermOf(Cluster& cluster, size_t i) {
  const auto status = cluster.Status(i);
  if (!status) return 0;
  for (const auto& member : status->members()) {
    if (member.name() == cluster.name(i)) return member.term();
  }
  return 0;
}

class PartitionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!NetworkNamespaces::Permitted()) GTEST_SKIP() << "no right to make network namespaces";
    networks_.emplace(3);
    cluster_.emplace(3, std::vector<std::string>{"--insecure"}, &*networks_);
    ASSERT_TRUE(cluster_->Start()) << cluster_->Log();
  }
  size_t Leader(std::optional<size_t> but = {}) {
    const auto leader = cluster_->WaitForLeader(but);
    EXPECT_TRUE(leader.has_value()) << cluster_->Log();
    return leader.value_or(0);
  }
  std::optional<NetworkNamespaces> networks_;
  std::optional<Cluster> cluster_;
};

TEST_F(PartitionTest, G2CutsInOneDirectionAndInBothUnderLoad) {
  RecordingClients clients(cluster_->apis(), {.seed = 21});
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_->Log();
  // A follower that the leader cannot reach, and one that cannot reach the leader.
  for (const bool to_leader : {false, true}) {
    const size_t leader = Leader();
    const size_t follower = (leader + 1) % 3;
    networks_->Cut(to_leader ? follower : leader, to_leader ? leader : follower);
    ASSERT_TRUE(clients.WaitForWrites(200)) << cluster_->Log();
    networks_->HealAll();
    ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_->Log();
  }
  // A leader that hears everybody and reaches nobody: another one takes over.
  {
    const size_t leader = Leader();
    networks_->Cut(leader, (leader + 1) % 3);
    networks_->Cut(leader, (leader + 2) % 3);
    Leader(leader);
    ASSERT_TRUE(clients.WaitForWrites(100)) << cluster_->Log();
    networks_->HealAll();
    ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_->Log();
  }
  // A leader on its own.
  {
    const size_t leader = Leader();
    networks_->Isolate(leader);
    Leader(leader);
    ASSERT_TRUE(clients.WaitForWrites(100)) << cluster_->Log();
    networks_->HealAll();
    ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_->Log();
  }
  ASSERT_NO_FATAL_FAILURE(ExpectGood(*cluster_, clients.Stop()));
}

TEST_F(PartitionTest, AMemberThatComesBackDoesNotDisturbTheLeader) {
  const size_t leader = Leader();
  const size_t away = (leader + 1) % 3;
  const uint64_t term = TermOf(*cluster_, leader);
  networks_->Isolate(away);
  // It has no leader any more, and stands for election in vain.
  ASSERT_TRUE(WaitFor([&] {
    const auto status = cluster_->Status(away);
    return status && !status->info().leader_known() && status->info().lag_ms() > 3'000;
  })) << cluster_->Log();
  networks_->HealAll();
  ASSERT_TRUE(WaitFor([&] {
    const auto status = cluster_->Status(away);
    return status && status->leader() == cluster_->name(leader) && status->info().lag_ms() < 1'000;
  })) << cluster_->Log();
  EXPECT_EQ(Leader(), leader);
  EXPECT_EQ(TermOf(*cluster_, leader), term);
}

TEST(DiskFullTest, G1AMemberWhoseDiskIsFullIsNotMissedAndCatchesUp) {
  Cluster cluster(3, {"--disk-reserve", "1MiB"});
  constexpr size_t kSmall = 2;
  SmallDisk disk(cluster[kSmall].data_dir());
  if (!disk.mounted()) GTEST_SKIP() << "no right to mount a file system";
  ASSERT_TRUE(cluster.Start()) << cluster.Log();
  // It must be a follower: a leader with a full disk refuses writes until there is space or another
  // leader.
  ASSERT_TRUE(WaitFor([&] {
    if (cluster.WaitForLeader().value_or(kSmall) != kSmall) return true;
    EXPECT_EQ(cluster[kSmall].Stop(), 0);
    EXPECT_TRUE(cluster[kSmall].Start()) << cluster.Log();
    return false;
  }));
  RecordingClients clients({cluster.api(0), cluster.api(1)}, {.seed = 22});
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster.Log();
  disk.Fill();
  ASSERT_TRUE(clients.WaitForWrites(500)) << cluster.Log();
  disk.Free();
  if (!cluster[kSmall].running()) {
    ASSERT_TRUE(cluster[kSmall].Start()) << cluster.Log();
  }
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster.Log();
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster, clients.Stop()));
}

// The others elect one of them; the one that wakes up ten seconds later has acknowledged and
// answered nothing since, and finds its place.
TEST(LeaderStallTest, G1G2ALeaderThatStandsStillForTenSecondsIsReplacedAndLosesNothing) {
  Cluster cluster(3);
  ASSERT_TRUE(cluster.Start()) << cluster.Log();
  RecordingClients clients(cluster.apis(), {.seed = 24});
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster.Log();
  const size_t stalled = cluster.WaitForLeader().value();
  cluster[stalled].Signal(SIGSTOP);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const auto next = cluster.WaitForLeader(stalled);
  const bool went_on = clients.WaitForWrites(200);
  while (std::chrono::steady_clock::now() < end) poll(nullptr, 0, 50);
  cluster[stalled].Signal(SIGCONT);
  ASSERT_TRUE(next.has_value()) << cluster.Log();
  ASSERT_TRUE(went_on) << cluster.Log();
  ASSERT_TRUE(WaitFor([&] {
    const auto status = cluster.Status(stalled);
    return status && status->info().leader_known() && status->info().lag_ms() < 1'000;
  })) << cluster.Log();
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster.Log();
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster, clients.Stop()));
}

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

// One fault after the other at random, each taken back before the next.
TEST(ClusterChaos, G1G2EverythingAtRandomLosesNothing) {
  const auto seconds = FromEnvironment("CLUSTER_CHAOS_SECONDS", 8);
  const auto seed = static_cast<uint32_t>(FromEnvironment(
      "CLUSTER_CHAOS_SEED", static_cast<int64_t>(std::random_device()() % 1'000'000)));
  std::printf("CLUSTER_CHAOS_SEED=%u\n", seed);
  std::mt19937 random(seed);
  const size_t size = seconds > 60 && random() % 2 == 0 ? 5 : 3;
  std::optional<NetworkNamespaces> networks;
  if (NetworkNamespaces::Permitted()) networks.emplace(size);
  Cluster cluster(size, {"--insecure"}, networks ? &*networks : nullptr);
  ASSERT_TRUE(cluster.Start()) << cluster.Log();
  RecordingClients clients(cluster.apis(), {.clients = 8, .keys = 60, .seed = 23 + seed});
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  int faults = 0;
  while (std::chrono::steady_clock::now() < end) {
    const size_t victim = random() % size;
    const size_t other = (victim + 1 + random() % (size - 1)) % size;
    const int hold_ms = static_cast<int>(random() % (seconds > 60 ? 10'000 : 1'500));
    const size_t leader = cluster.Leader().value_or(victim);
    switch (random() % (networks ? 7 : 5)) {
      case 0:
        cluster[victim].Kill9();
        poll(nullptr, 0, hold_ms);
        ASSERT_TRUE(cluster[victim].Start()) << cluster.Log();
        break;
      case 1:
        cluster[leader].Kill9();
        ASSERT_TRUE(cluster[leader].Start()) << cluster.Log();
        break;
      case 2:
        cluster[leader].Signal(SIGSTOP);
        poll(nullptr, 0, hold_ms);
        cluster[leader].Signal(SIGCONT);
        break;
      case 3:
        EXPECT_EQ(cluster[victim].Stop(), 0) << cluster.Log();
        ASSERT_TRUE(cluster[victim].Start()) << cluster.Log();
        break;
      case 4:
        for (size_t i = 0; i < size; ++i) cluster[i].SignalKill9();
        for (size_t i = 0; i < size; ++i) EXPECT_TRUE(cluster[i].Wait().has_value());
        ASSERT_TRUE(cluster.Start()) << cluster.Log();
        break;
      case 5:
        networks->Cut(victim, other);
        poll(nullptr, 0, hold_ms);
        networks->HealAll();
        break;
      case 6:
        networks->Isolate(leader);
        poll(nullptr, 0, hold_ms);
        networks->HealAll();
        break;
    }
    ++faults;
    ASSERT_TRUE(clients.WaitForWrites(20)) << cluster.Log();
  }
  const History history = clients.Stop();
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster, history));
  std::printf(
      "%d faults in a cluster of %zu; %zu operations, %lu writes acknowledged, %lu unknown, %lu "
      "refused\n",
      faults, size, history.size(), clients.acknowledged(), clients.unknown(), clients.refused());
}

}  // namespace
}  // namespace registryd::testing
