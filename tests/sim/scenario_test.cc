// Scripted runs of whole clusters.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "registryd/base/log.h"
#include "tests/sim/sim_cluster.h"

namespace registryd::sim {
namespace {

using consensus::AppendEntries;
using consensus::EntryType;
using consensus::LogEntry;
using consensus::PeerMessage;

const NodeId kA(1), kB(2), kC(3);

LogEntry Command(uint64_t term, std::string bytes) {
  return {Term(term), EntryType::kCommand, std::make_shared<const std::string>(std::move(bytes))};
}

class ScenarioTest : public ::testing::Test {
 protected:
  ScenarioTest() { log::SetLevel(log::Level::kError); }
  ~ScenarioTest() override { log::SetLevel(log::Level::kInfo); }
};

// Figure 8 of the Raft paper. A has X (entry 2, term 2), B has Y (entry 2, term 3), C has neither.
// A wins term 4 and copies X to C: now X is on a majority, and still not committed, because B may
// win and overwrite it.
TEST_F(ScenarioTest, Figure8EntryOfAnOldTermIsNotCommittedByCountingCopies) {
  SimCluster cluster({.seed = 1, .members = 3, .tune = [](consensus::DriverOptions& options) {
                        options.max_message_entries = 1;  // X travels alone
                      }});
  const auto on_disk = [&](NodeId node, const std::string& payload) {
    for (const LogEntry& entry : cluster.disk(node).durable().entries) {
      if (*entry.payload == payload) return true;
    }
    return false;
  };
  cluster.disk(kA).durable().entries.push_back(Command(2, "X"));
  cluster.disk(kB).durable().entries.push_back(Command(3, "Y"));
  for (const NodeId id : {kA, kB, kC}) cluster.disk(id).durable().term = Term(3);
  // No entry of A's own term leaves it; heartbeats do.
  cluster.network().filter = [](NodeId, PeerMessage& message) {
    auto* append = std::get_if<AppendEntries>(&message.body);
    if (append == nullptr || message.from != kA || append->entries.empty()) return true;
    if (append->entries[0].type == EntryType::kBarrier) append->entries.clear();
    return true;
  };
  cluster.Restart(kA);
  cluster.Restart(kC);
  ASSERT_TRUE(cluster.world().RunUntil(10'000'000, [&] { return on_disk(kC, "X"); }));
  cluster.world().RunFor(300'000);  // C's acknowledgement arrives
  ASSERT_EQ(cluster.status(kA).role, consensus::Role::kLeader);
  EXPECT_EQ(cluster.status(kA).commit, LogIndex(1));
  EXPECT_EQ(cluster.applied(kA).size(), 1u);
  EXPECT_EQ(cluster.applied(kC).size(), 1u);

  cluster.Crash(kA);
  cluster.network().filter = nullptr;
  cluster.Restart(kB);
  ASSERT_TRUE(cluster.WaitForLeader());
  EXPECT_EQ(cluster.Leader(), kB);
  EXPECT_EQ(cluster.Finish(), "");
  EXPECT_EQ(*cluster.applied(kA)[1].payload, "Y");
  EXPECT_EQ(*cluster.applied(kC)[1].payload, "Y");
  EXPECT_FALSE(on_disk(kC, "X"));
}

// The leader sleeps; others go on without it. What it says when it wakes must not be older than
// what was acknowledged.
TEST_F(ScenarioTest, PausedLeaderServesNoStaleRead) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SimCluster cluster({.seed = seed, .members = 3});
    cluster.Start();
    ASSERT_TRUE(cluster.WaitForLeader());
    const NodeId old = cluster.Leader();
    cluster.Propose(old, 3);
    cluster.world().RunFor(100'000);
    const size_t before = cluster.reads_served();
    cluster.Read(old);  // its probes are answered while the leader sleeps; it may be served
    cluster.Pause(old);
    ASSERT_TRUE(cluster.WaitForLeader());
    const NodeId next = cluster.Leader();
    ASSERT_NE(next, old);
    cluster.Propose(next, 5);
    cluster.world().RunFor(100'000);
    cluster.Read(old);  // asked while it sleeps
    cluster.Resume(old);
    cluster.Read(old);  // and right after
    cluster.world().RunFor(1'000'000);
    // SimCluster checks each answer against what was acknowledged when it was asked.
    ASSERT_EQ(cluster.invariants().failure(), "") << "seed " << seed;
    const size_t served = cluster.reads_served();
    EXPECT_LE(served, before + 1) << "an old leader served a read, seed " << seed;
    cluster.Read(next);
    cluster.world().RunFor(100'000);
    EXPECT_EQ(cluster.reads_served(), served + 1);
    EXPECT_EQ(cluster.Finish(), "") << "seed " << seed;
  }
}

// The leader sleeps with its clock, as in a suspended virtual machine, and hears nothing of the new
// one: it has no reason to step down, and only the probes tell that its time is over.
TEST_F(ScenarioTest, LeaderWhoseClockStoodServesNoStaleRead) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SimCluster cluster({.seed = seed, .members = 3});
    cluster.Start();
    ASSERT_TRUE(cluster.WaitForLeader());
    const NodeId old = cluster.Leader();
    cluster.world().RunFor(100'000);
    cluster.Pause(old);
    cluster.network().filter = [old](NodeId to, PeerMessage& message) {
      if (to != old && message.from != old) return true;
      return std::holds_alternative<consensus::Probe>(message.body) ||
             std::holds_alternative<consensus::ProbeAck>(message.body);
    };
    ASSERT_TRUE(cluster.WaitForLeader());
    cluster.Propose(cluster.Leader(), 5);
    cluster.world().RunFor(100'000);
    const size_t served = cluster.reads_served(), failed = cluster.reads_failed();
    cluster.Resume(old, /*clock_stood=*/true);
    ASSERT_EQ(cluster.status(old).role, consensus::Role::kLeader);
    for (int i = 0; i < 10; ++i) {
      cluster.Read(old);
      cluster.world().RunFor(10'000);
    }
    EXPECT_EQ(cluster.invariants().failure(), "") << "seed " << seed;
    EXPECT_EQ(cluster.reads_served(), served) << "seed " << seed;
    cluster.world().RunFor(2'000'000);  // without answers it steps down
    EXPECT_EQ(cluster.reads_failed(), failed + 10) << "seed " << seed;
    ASSERT_EQ(cluster.Finish(), "") << "seed " << seed;
  }
}

// The leader does not sleep, but nobody hears it.
TEST_F(ScenarioTest, IsolatedLeaderAnswersNoReadAndStepsDown) {
  SimCluster cluster({.seed = 3, .members = 5});
  cluster.Start();
  ASSERT_TRUE(cluster.WaitForLeader());
  const NodeId old = cluster.Leader();
  cluster.Isolate(old, true);
  const size_t served = cluster.reads_served(), failed = cluster.reads_failed();
  cluster.Read(old);
  cluster.Propose(old, 2);
  cluster.world().RunFor(2'000'000);
  EXPECT_NE(cluster.status(old).role, consensus::Role::kLeader);
  EXPECT_EQ(cluster.reads_served(), served);
  EXPECT_EQ(cluster.reads_failed(), failed + 1);
  ASSERT_TRUE(cluster.Leader());
  EXPECT_NE(cluster.Leader(), old);
  EXPECT_EQ(cluster.Finish(), "");
}

// A follower's acknowledgements are lost while it learns of commits, applies and cuts its log; then
// the leader probes it below the start of its log (F3).
TEST_F(ScenarioTest, FollowerThatCutItsLogBeyondTheLeadersKnowledgeComesBack) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SimCluster cluster({.seed = seed, .members = 3, .tune = [](consensus::DriverOptions& options) {
                          options.trailing_entries = 0;
                        }});
    cluster.Start();
    ASSERT_TRUE(cluster.WaitForLeader());
    const NodeId leader = cluster.Leader();
    const NodeId follower = leader == kA ? kB : kA;
    cluster.Propose(leader, 5);
    cluster.world().RunFor(300'000);
    cluster.network().filter = [=](NodeId to, PeerMessage& message) {
      return to != leader || message.from != follower ||
             !std::holds_alternative<consensus::AppendEntriesResult>(message.body);
    };
    for (int i = 0; i < 10; ++i) {
      cluster.Propose(leader, 2);
      cluster.world().RunFor(30'000);
    }
    cluster.MakeStatesDurable();
    cluster.CutLog(follower);
    ASSERT_GT(cluster.status(follower).first_index, LogIndex(10)) << "seed " << seed;
    cluster.world().RunFor(800'000);
    cluster.network().filter = nullptr;
    cluster.Propose(leader, 1);
    cluster.world().RunFor(1'000'000);
    ASSERT_EQ(cluster.Finish(), "") << "seed " << seed;
  }
}

TEST_F(ScenarioTest, TransferMovesLeadershipWithoutLosingWrites) {
  SimCluster cluster({.seed = 11, .members = 3});
  cluster.Start();
  ASSERT_TRUE(cluster.WaitForLeader());
  const NodeId old = cluster.Leader();
  const NodeId next = old == kA ? kB : kA;
  cluster.Propose(old, 50);
  cluster.Transfer(old, next);
  const int64_t asked_us = cluster.world().now_us();
  ASSERT_TRUE(cluster.world().RunUntil(5'000'000, [&] { return cluster.Leader() == next; }));
  // Virtual time: no election timeout had to pass.
  EXPECT_LT(cluster.world().now_us() - asked_us, 100'000);
  EXPECT_EQ(cluster.Finish(), "");
}

TEST_F(ScenarioTest, PowerLossOfAllMembersKeepsWhatWasAcknowledged) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SimCluster cluster({.seed = seed, .members = 5});
    cluster.Start();
    ASSERT_TRUE(cluster.WaitForLeader());
    for (int i = 0; i < 20; ++i) {
      if (cluster.Leader()) cluster.Propose(cluster.Leader(), 3);
      cluster.world().RunFor(1500);
    }
    for (const NodeId id : cluster.ids()) cluster.Crash(id);
    for (const NodeId id : cluster.ids()) cluster.Restart(id);
    ASSERT_EQ(cluster.Finish(), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace registryd::sim
