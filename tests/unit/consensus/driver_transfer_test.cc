// A leader that hands over: who takes over, and what becomes of what it had taken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/consensus/driver_harness.h"

namespace registryd::consensus {
namespace {

using ::testing::ElementsAre;

class DriverTransferTest : public ::testing::Test {
 protected:
  void LeadThree() {
    h_.Bootstrap(Members({1, 2, 3}));
    ASSERT_TRUE(h_.Start().ok());
    h_.Lead(2);
    h_.Accept(3, h_.driver->status().last_index.value());
    h_.sent.clear();
  }
  uint64_t Last() const { return h_.driver->status().last_index.value(); }
  uint64_t TermNow() const { return h_.driver->status().term.value(); }
  DriverHarness h_;
};

TEST_F(DriverTransferTest, TransferTellsTheFollowerAndRefusesProposalsMeanwhile) {
  LeadThree();
  absl::Status done = absl::UnknownError("pending");
  h_.driver->Transfer(NodeId(), [&](absl::Status status) { done = status; });
  const auto timeouts = h_.Take<TimeoutNow>();
  ASSERT_EQ(timeouts.size(), 1u);
  h_.Propose({"meanwhile"});
  EXPECT_TRUE(absl::IsUnavailable(h_.outcomes[0]));
  const uint64_t last = Last(), term = TermNow();
  h_.Append(timeouts[0].first.value(), term + 1, last, term, last);
  EXPECT_TRUE(done.ok()) << done;
}

// The successor was asked when it had every entry, so it commits what this leader had taken.
TEST_F(DriverTransferTest, WhatWasTakenBeforeATransferIsAnsweredByWhatTheSuccessorCommits) {
  LeadThree();
  h_.Propose({"a", "b"});
  absl::Status done = absl::UnknownError("pending");
  h_.driver->Transfer(NodeId(2), [&](absl::Status status) { done = status; });
  const uint64_t last = Last(), term = TermNow();
  h_.Accept(2, last);  // its disk was quicker than ours
  ASSERT_EQ(h_.Take<TimeoutNow>().size(), 1u);
  h_.From(2, RequestVote{Term(term + 1), NodeId(2), LogIndex(last), Term(term), true, false});
  EXPECT_EQ(h_.driver->status().role, Role::kFollower);
  EXPECT_THAT(h_.answers, ElementsAre(0, 0));
  EXPECT_TRUE(absl::IsUnknown(done)) << done;
  h_.Sync();
  h_.Append(2, term + 1, last, term, last + 1, {Barrier(term + 1)});
  h_.Sync();
  EXPECT_TRUE(done.ok()) << done;
  ASSERT_GE(h_.handed.size(), 2u);
  EXPECT_TRUE(h_.handed.back().index >= LogIndex(last));
}

TEST_F(DriverTransferTest, WhatASuccessorOverwritesIsAborted) {
  LeadThree();
  h_.Propose({"a", "b"});
  absl::Status done = absl::UnknownError("pending");
  h_.driver->Transfer(NodeId(2), [&](absl::Status status) { done = status; });
  const uint64_t last = Last(), term = TermNow();
  // Somebody else was elected, without them.
  h_.Append(3, term + 1, last - 2, term, last - 2, {Barrier(term + 1)});
  EXPECT_THAT(h_.answers, ElementsAre(1, 1));
  EXPECT_TRUE(absl::IsAborted(h_.outcomes[0])) << h_.outcomes[0];
  EXPECT_TRUE(done.ok()) << done;
}

TEST_F(DriverTransferTest, TransferThatNobodyTakesUpEndsAndTheLeaderGoesOn) {
  LeadThree();
  absl::Status done = absl::UnknownError("pending"), stranger = done;
  h_.driver->Transfer(NodeId(3), [&](absl::Status status) { done = status; });
  for (int i = 0; i < 20; ++i) {
    h_.RunTimer();
    h_.Accept(2, Last());
    h_.Accept(3, Last());
  }
  EXPECT_TRUE(absl::IsUnavailable(done)) << done;
  EXPECT_EQ(h_.driver->status().role, Role::kLeader);
  h_.driver->Transfer(NodeId(17), [&](absl::Status status) { stranger = status; });
  EXPECT_TRUE(absl::IsNotFound(stranger)) << stranger;
  h_.driver->Transfer(NodeId(1), [&](absl::Status status) { stranger = status; });
  EXPECT_TRUE(absl::IsAlreadyExists(stranger)) << stranger;
  h_.Propose({"x"});
  EXPECT_TRUE(absl::IsUnknown(h_.outcomes[0]));
}

}  // namespace
}  // namespace registryd::consensus
