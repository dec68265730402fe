// What a follower concludes from hearing its leader, and from losing it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registryd/consensus/driver.h"
#include "tests/unit/consensus/driver_harness.h"

namespace registryd::consensus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DriverLeaderTest : public ::testing::Test {
 protected:
  void StartOfThree() {
    h_.Bootstrap(Members({1, 2, 3}));
    ASSERT_TRUE(h_.Start().ok());
  }
  DriverHarness h_;
};

TEST_F(DriverLeaderTest, AFollowerWhoseLeaderIsGoneStandsAfterTwoHeartbeats) {
  StartOfThree();
  const int hurry = 2 * h_.options.heartbeat_ms;
  const auto time_left = [&] { return h_.driver->NextTickMs() - h_.clock.MonotonicMs(); };
  h_.Append(2, 2, 1, 1, 1);
  EXPECT_GE(time_left(), h_.options.election_timeout_ms);
  h_.driver->PeerLost(NodeId(3));  // not the leader
  EXPECT_GE(time_left(), h_.options.election_timeout_ms);
  h_.driver->PeerLost(NodeId(2));
  EXPECT_GE(time_left(), hurry);
  EXPECT_LE(time_left(), 2 * hurry);
  // A leader is heard again: all is as it was.
  h_.Append(2, 2, 1, 1, 1);
  EXPECT_GE(time_left(), h_.options.election_timeout_ms);
  h_.driver->PeerLost(NodeId(2));
  h_.RunTimer();
  EXPECT_EQ(h_.driver->status().role, Role::kCandidate);
  h_.Lead(3);
  // As a leader it measures silence by the whole timeout again.
  h_.clock.Advance(h_.options.election_timeout_ms - 1);
  h_.driver->Tick();
  EXPECT_EQ(h_.driver->status().role, Role::kLeader);
}

TEST_F(DriverLeaderTest, AFollowerSupportsTheFirstToStandOnceItMissesItsLeader) {
  StartOfThree();
  const auto supports = [&](bool pre_vote) {
    h_.sent.clear();
    h_.From(3, RequestVote{Term(3), NodeId(3), LogIndex(1), Term(1), false, pre_vote});
    const auto results = h_.Take<RequestVoteResult>();
    return results.size() == 1 && results[0].second.granted;
  };
  h_.Append(2, 2, 1, 1, 1);
  h_.clock.Advance(h_.options.election_timeout_ms - 1);
  EXPECT_FALSE(supports(true));
  EXPECT_FALSE(supports(false));
  EXPECT_EQ(h_.driver->status().leader, NodeId(2));
  // The shortest timeout is over, this node's own is not.
  h_.clock.Advance(1);
  ASSERT_EQ(h_.driver->status().role, Role::kFollower);
  EXPECT_TRUE(supports(true));
  EXPECT_EQ(h_.driver->status().leader, NodeId());
  // It does not stand itself before the other one had its time.
  EXPECT_GE(h_.driver->NextTickMs() - h_.clock.MonotonicMs(), h_.options.election_timeout_ms);
  // The leader was only slow.
  h_.Append(2, 2, 1, 1, 1);
  EXPECT_EQ(h_.driver->status().leader, NodeId(2));
  EXPECT_FALSE(supports(true));
  // Its connection broke.
  h_.driver->PeerLost(NodeId(2));
  EXPECT_TRUE(supports(true));
  EXPECT_TRUE(supports(false));
  EXPECT_EQ(h_.driver->status().term, Term(3));
}

TEST_F(DriverLeaderTest, TheOtherMembersAreKeptConnected) {
  StartOfThree();
  EXPECT_THAT(h_.kept, ElementsAre(1, 2, 3));
  h_.Append(2, 2, 1, 1, 1, {ConfigurationEntry(2, Members({1, 2, 3}, {4}))});
  EXPECT_THAT(h_.kept, ElementsAre(1, 2, 3, 4));
  // Overwritten by another leader.
  h_.Append(3, 3, 1, 1, 1, {Barrier(3)});
  EXPECT_THAT(h_.kept, ElementsAre(1, 2, 3));
  h_.Append(3, 3, 2, 3, 2, {ConfigurationEntry(3, Members({2, 3}))});
  EXPECT_THAT(h_.kept, IsEmpty());
}

TEST_F(DriverLeaderTest, AFollowerIsLevelWhenItHasAppliedWhatTheLeaderHadCommitted) {
  StartOfThree();
  h_.Append(2, 2, 1, 1, 3, {Command(2, "a"), Command(2, "b")});
  const int64_t spoken = h_.clock.MonotonicMs();
  EXPECT_THAT(h_.level_ms, IsEmpty());
  h_.Sync();
  h_.clock.Advance(40);
  // A newer word, before the older one is applied: the older one counts.
  h_.Append(2, 2, 3, 2, 3);
  EXPECT_THAT(h_.level_ms, IsEmpty());
  h_.ReportApplied();
  EXPECT_THAT(h_.level_ms, ElementsAre(spoken));
  h_.clock.Advance(40);
  h_.Append(2, 2, 3, 2, 3);
  EXPECT_THAT(h_.level_ms, ElementsAre(spoken, spoken + 80));
  // Silence is no word.
  h_.clock.Advance(40);
  h_.driver->EndRound();
  EXPECT_EQ(h_.level_ms.size(), 2u);
}

}  // namespace
}  // namespace registryd::consensus
