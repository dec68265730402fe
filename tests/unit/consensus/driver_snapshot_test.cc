// Snapshots and membership, as the driver sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registryd/consensus/driver.h"
#include "tests/unit/consensus/driver_harness.h"

namespace registryd::consensus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Staged final : public StagedSnapshot {
 public:
  Staged(SnapshotRecord record, uint64_t generation, bool* dropped = nullptr)
      : record_(std::move(record)), generation_(generation), dropped_(dropped) {}
  ~Staged() override {
    if (dropped_ != nullptr) *dropped_ = true;
  }
  const SnapshotRecord& record() const override { return record_; }
  uint64_t generation() const override { return generation_; }

 private:
  const SnapshotRecord record_;
  const uint64_t generation_;
  bool* const dropped_;
};

class DriverSnapshotTest : public ::testing::Test {
 protected:
  // A member with entries 1 to 3 of term 1, all of them applied.
  void StartFollower() {
    h_.Bootstrap(Members({1, 2, 3}), {Command(1, "a"), Command(1, "b")}, 5);
    ASSERT_TRUE(h_.Start(LogIndex(3)).ok());
  }
  SnapshotRecord RecordAt(uint64_t index, uint64_t term = 5) {
    return {LogIndex(index), Term(term), Members({1, 2, 3}), LogIndex(1)};
  }
  // A leader whose log begins at 11 and who lacks every answer of node 3.
  void LeadAfterCut() {
    h_.options.trailing_entries = 0;
    h_.Bootstrap(Members({1, 2, 3}));
    ASSERT_TRUE(h_.Start().ok());
    h_.Lead(2);
    for (int i = 0; i < 8; ++i) h_.Propose({"x"});
    h_.Sync();
    h_.Accept(2, h_.driver->status().last_index.value());
    h_.ReportApplied();
    h_.driver->CutLog(h_.driver->status().applied);
    ASSERT_GT(h_.driver->status().first_index, LogIndex(5));
    // Node 3 shows up with an empty log.
    for (int i = 0; i < 4 && h_.snapshots_to.empty(); ++i) {
      h_.From(3, AppendEntriesResult{h_.driver->status().term,
                                     LogIndex(h_.driver->status().last_index), LogIndex(1)});
      h_.Accept(2, h_.driver->status().last_index.value());
      h_.RunTimer();
    }
  }
  DriverHarness h_;
};

TEST_F(DriverSnapshotTest, TheLogIsNotCutBehindASnapshotThatIsUnderWay) {
  LeadAfterCut();
  ASSERT_THAT(h_.snapshots_to, ElementsAre(NodeId(3)));
  const Term term = h_.driver->status().term;
  const LogIndex cut = h_.driver->status().snapshot;
  const auto write_and_cut = [&](LogIndex third) {
    h_.Propose({"y", "y"});
    h_.Sync();
    h_.Accept(2, h_.driver->status().last_index.value());
    // Node 3 is there, and has what it has.
    h_.From(3, AppendEntriesResult{term, LogIndex(), third});
    h_.ReportApplied();
    h_.driver->CutLog(h_.driver->status().applied);
  };
  write_and_cut(LogIndex(1));
  EXPECT_LE(h_.driver->status().first_index, cut + 1);
  // The picture was taken, and is there now.
  const LogIndex staged = h_.driver->status().applied;
  write_and_cut(LogIndex(1));
  h_.driver->SnapshotSent(NodeId(3), staged, term);
  write_and_cut(LogIndex(1));
  EXPECT_EQ(h_.driver->status().first_index, staged);
  // Installed: the log behind it is there.
  h_.Take<AppendEntries>();
  h_.From(3, AppendEntriesResult{term, LogIndex(), staged});
  h_.RunTimer();
  const auto appends = h_.Take<AppendEntries>();
  EXPECT_TRUE(std::any_of(appends.begin(), appends.end(), [&](const auto& sent) {
    return sent.first == NodeId(3) && sent.second.prev_log_index == staged;
  }));
  EXPECT_EQ(h_.snapshots_to.size(), 1u);
  // Once it is level the log is as short as ever.
  write_and_cut(h_.driver->status().last_index);
  write_and_cut(h_.driver->status().last_index + 2);
  EXPECT_EQ(h_.driver->status().first_index, h_.driver->status().last_index + 1);
}

TEST_F(DriverSnapshotTest, TheLogWaitsForNobodyWhoIsAwayAndOnNoFullDisk) {
  LeadAfterCut();
  // Where the log begins, and where it ends.
  const auto cut = [&](bool there, bool has_space) {
    h_.Propose({"y"});
    h_.Sync();
    h_.Accept(2, h_.driver->status().last_index.value());
    h_.ReportApplied();
    if (there) {
      h_.From(3, AppendEntriesResult{h_.driver->status().term, LogIndex(), LogIndex(1)});
    }
    h_.has_space = has_space;
    h_.driver->CutLog(h_.driver->status().applied);
    h_.has_space = true;
    return std::pair(h_.driver->status().first_index, h_.driver->status().last_index);
  };
  const LogIndex before = h_.driver->status().first_index;
  EXPECT_LE(cut(true, true).first, before);
  const auto [first, last] = cut(true, false);
  EXPECT_EQ(first, last + 1);
  h_.driver->PeerLost(NodeId(3));
  const auto [first_alone, last_alone] = cut(false, true);
  EXPECT_EQ(first_alone, last_alone + 1);
}

TEST_F(DriverSnapshotTest, AStagedSnapshotIsInstalledWhenItsLeaderSaysSo) {
  StartFollower();
  h_.driver->OnSnapshotReceived(std::make_unique<Staged>(RecordAt(20), 7));
  EXPECT_THAT(h_.installed, IsEmpty());
  h_.From(2, InstallSnapshot{Term(5), LogIndex(20), Term(5)});
  ASSERT_EQ(h_.installed.size(), 1u);
  EXPECT_EQ(h_.disk.generation, 7u);
  EXPECT_EQ(h_.disk.snapshot, RecordAt(20));
  EXPECT_TRUE(h_.disk.entries.empty());
  EXPECT_EQ(h_.disk.first, LogIndex(21));
  EXPECT_EQ(h_.driver->status().commit, LogIndex(20));
  EXPECT_EQ(h_.driver->status().applied, LogIndex(20));
  const auto answers = h_.Take<AppendEntriesResult>();
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.back().second.last_log_index, LogIndex(20));
  EXPECT_FALSE(answers.back().second.rejected);
  // And the log goes on behind it.
  h_.handed.clear();
  h_.Append(2, 5, 20, 5, 21, {Command(5, "next")});
  h_.Sync();
  ASSERT_EQ(h_.handed.size(), 1u);
  EXPECT_EQ(h_.handed[0].index, LogIndex(21));
}

TEST_F(DriverSnapshotTest, AnotherSnapshotThanTheStagedOneIsNotInstalled) {
  StartFollower();
  h_.From(2, InstallSnapshot{Term(5), LogIndex(20), Term(5)});  // nothing is staged
  h_.driver->OnSnapshotReceived(std::make_unique<Staged>(RecordAt(20), 7));
  h_.From(2, InstallSnapshot{Term(5), LogIndex(19), Term(5)});
  h_.From(2, InstallSnapshot{Term(5), LogIndex(20), Term(4)});
  EXPECT_THAT(h_.installed, IsEmpty());
  EXPECT_EQ(h_.disk.generation, 0u);
}

TEST_F(DriverSnapshotTest, AStaleLeadersSnapshotIsNotInstalled) {  // F1
  StartFollower();
  h_.driver->OnSnapshotReceived(std::make_unique<Staged>(RecordAt(20, 4), 7));
  h_.From(2, InstallSnapshot{Term(4), LogIndex(20), Term(4)});
  EXPECT_THAT(h_.installed, IsEmpty());
  const auto answers = h_.Take<AppendEntriesResult>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].second.rejected);
}

TEST_F(DriverSnapshotTest, ASnapshotOfWhatTheLogHasIsDropped) {
  StartFollower();
  bool dropped = false;
  h_.driver->OnSnapshotReceived(std::make_unique<Staged>(RecordAt(2, 1), 7, &dropped));
  h_.From(2, InstallSnapshot{Term(5), LogIndex(2), Term(1)});
  EXPECT_TRUE(dropped);
  EXPECT_THAT(h_.installed, IsEmpty());
  EXPECT_EQ(h_.disk.entries.size(), 3u);
}

TEST_F(DriverSnapshotTest, WritesUnderWayMeanNothingAfterAnInstall) {
  StartFollower();
  h_.Append(2, 5, 3, 1, 3, {Command(5, "late")});  // not synced yet
  h_.driver->OnSnapshotReceived(std::make_unique<Staged>(RecordAt(20), 7));
  h_.From(2, InstallSnapshot{Term(5), LogIndex(20), Term(5)});
  h_.Sync();
  EXPECT_EQ(h_.driver->status().last_index, LogIndex(20));
  EXPECT_EQ(h_.driver->status().commit, LogIndex(20));
}

TEST_F(DriverSnapshotTest, HeartbeatsDoNotRestartATransfer) {  // F4
  StartFollower();
  h_.driver->SetReceivingSnapshot(true);
  h_.Append(2, 5, 20, 5, 25);
  auto answers = h_.Take<AppendEntriesResult>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_FALSE(answers[0].second.rejected);
  h_.driver->SetReceivingSnapshot(false);
  h_.Append(2, 5, 20, 5, 25);
  answers = h_.Take<AppendEntriesResult>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].second.rejected);
}

TEST_F(DriverSnapshotTest, OneTransferPerPeer) {  // F4
  LeadAfterCut();
  ASSERT_THAT(h_.snapshots_to, ElementsAre(NodeId(3)));
  for (int i = 0; i < 5; ++i) {
    h_.From(3, AppendEntriesResult{h_.driver->status().term,
                                   LogIndex(h_.driver->status().last_index), LogIndex(1)});
    h_.Accept(2, h_.driver->status().last_index.value());
    h_.RunTimer();
  }
  EXPECT_THAT(h_.snapshots_to, ElementsAre(NodeId(3)));
  h_.driver->SnapshotFailed(NodeId(3));
  for (int i = 0; i < 4; ++i) {
    h_.From(3, AppendEntriesResult{h_.driver->status().term,
                                   LogIndex(h_.driver->status().last_index), LogIndex(1)});
    h_.Accept(2, h_.driver->status().last_index.value());
    h_.RunTimer();
  }
  EXPECT_THAT(h_.snapshots_to, ElementsAre(NodeId(3), NodeId(3)));
}

TEST_F(DriverSnapshotTest, ATransferThatFailsAfterTheLogWasCutAgainIsRepeated) {  // F8
  LeadAfterCut();
  ASSERT_THAT(h_.snapshots_to, ElementsAre(NodeId(3)));
  // Heartbeats are anchored at the new start of the log from now on.
  h_.Propose({"x"});
  h_.Sync();
  h_.Accept(2, h_.driver->status().last_index.value());
  h_.ReportApplied();
  h_.driver->CutLog(h_.driver->status().applied);
  h_.driver->SnapshotFailed(NodeId(3));
  for (int i = 0; i < 40 && h_.snapshots_to.size() < 2; ++i) {
    h_.From(3, AppendEntriesResult{h_.driver->status().term, h_.driver->status().snapshot,
                                   LogIndex(1)});
    h_.Accept(2, h_.driver->status().last_index.value());
    h_.RunTimer();
  }
  EXPECT_THAT(h_.snapshots_to, ElementsAre(NodeId(3), NodeId(3)));
}

TEST_F(DriverSnapshotTest, ASentSnapshotIsToldToBeInstalledUntilItIs) {
  LeadAfterCut();
  ASSERT_THAT(h_.snapshots_to, ElementsAre(NodeId(3)));
  const LogIndex index = h_.driver->status().applied;
  const Term term = h_.driver->status().term;
  h_.driver->SnapshotSent(NodeId(3), index, term);
  auto installs = h_.Take<InstallSnapshot>();
  ASSERT_EQ(installs.size(), 1u);
  EXPECT_EQ(installs[0].first, NodeId(3));
  EXPECT_EQ(installs[0].second.last_index, index);
  // It was lost: said again after a while.
  for (int i = 0; i < 20 && installs.size() < 2; ++i) {
    h_.Accept(2, h_.driver->status().last_index.value());
    h_.RunTimer();
    for (auto& again : h_.Take<InstallSnapshot>()) installs.push_back(again);
  }
  EXPECT_EQ(installs.size(), 2u);
  h_.Accept(3, index.value());
  for (int i = 0; i < 20; ++i) {
    h_.Accept(2, h_.driver->status().last_index.value());
    h_.RunTimer();
  }
  EXPECT_THAT(h_.Take<InstallSnapshot>(), IsEmpty());
}

class DriverMembershipTest : public ::testing::Test {
 protected:
  using Kind = MembershipChange::Kind;
  void LeadThree() {
    h_.Bootstrap(Members({1, 2, 3}));
    ASSERT_TRUE(h_.Start().ok());
    h_.Lead(2);
    h_.Accept(3, h_.driver->status().last_index.value());
    h_.ReportApplied();
    h_.sent.clear();
  }
  // Its answer, once there is one.
  std::shared_ptr<absl::Status> Change(MembershipChange change) {
    auto answer = std::make_shared<absl::Status>(absl::UnknownError("pending"));
    h_.driver->ChangeMembership(
        change, [answer](absl::StatusOr<Applied> applied) { *answer = applied.status(); });
    return answer;
  }
  void Commit(std::vector<uint64_t> peers) {
    h_.Sync();
    for (const uint64_t peer : peers) h_.Accept(peer, h_.driver->status().last_index.value());
    h_.ReportApplied();
  }
  DriverHarness h_;
};

TEST_F(DriverMembershipTest, AddThenPromoteOnceCaughtUp) {
  LeadThree();
  const auto added = Change({Kind::kAdd, NodeId(4), AddressOf(NodeId(4))});
  Commit({2, 3});
  EXPECT_TRUE(added->ok()) << *added;
  EXPECT_EQ(*h_.driver->status().configuration, Members({1, 2, 3}, {4}));
  const auto early = Change({Kind::kPromote, NodeId(4), ""});
  EXPECT_EQ(early->code(), absl::StatusCode::kFailedPrecondition) << *early;
  h_.From(
      4, AppendEntriesResult{h_.driver->status().term, LogIndex(), h_.driver->status().last_index});
  const auto promoted = Change({Kind::kPromote, NodeId(4), ""});
  Commit({2, 3, 4});
  EXPECT_TRUE(promoted->ok()) << *promoted;
  EXPECT_EQ(*h_.driver->status().configuration, Members({1, 2, 3, 4}));
  EXPECT_TRUE(h_.driver->status().configuration_committed);
}

TEST_F(DriverMembershipTest, OneChangeAtATimeAndOnlyWhenReady) {
  h_.Bootstrap(Members({1, 2, 3}));
  ASSERT_TRUE(h_.Start().ok());
  EXPECT_TRUE(absl::IsUnavailable(*Change({Kind::kRemove, NodeId(3), ""})));
  h_.Lead(2, /*ready=*/false);
  EXPECT_TRUE(absl::IsUnavailable(*Change({Kind::kRemove, NodeId(3), ""})));
  Commit({2, 3});
  const auto first = Change({Kind::kRemove, NodeId(3), ""});
  EXPECT_TRUE(absl::IsUnknown(*first)) << *first;  // under way
  EXPECT_TRUE(absl::IsUnavailable(*Change({Kind::kRemove, NodeId(2), ""})));
  Commit({2});
  EXPECT_TRUE(first->ok()) << *first;
}

TEST_F(DriverMembershipTest, WhatMakesNoSenseIsRefused) {
  LeadThree();
  EXPECT_TRUE(absl::IsAlreadyExists(*Change({Kind::kAdd, NodeId(2), "x:1"})));
  EXPECT_TRUE(absl::IsAlreadyExists(*Change({Kind::kAdd, NodeId(9), AddressOf(NodeId(2))})));
  EXPECT_TRUE(absl::IsNotFound(*Change({Kind::kRemove, NodeId(9), ""})));
  EXPECT_TRUE(absl::IsAlreadyExists(*Change({Kind::kPromote, NodeId(2), ""})));
  EXPECT_TRUE(absl::IsFailedPrecondition(*Change({Kind::kRemove, kSelf, ""})));
  EXPECT_EQ(*h_.driver->status().configuration, Members({1, 2, 3}));
}

TEST_F(DriverMembershipTest, RemovingWhatTheMajorityNeedsIsRefusedUnlessForced) {
  LeadThree();
  // Node 3 falls silent; without node 2 nobody of the two that are left would answer.
  h_.clock.Advance(h_.options.election_timeout_ms + 1);
  h_.Accept(2, h_.driver->status().last_index.value());
  const auto refused = Change({Kind::kRemove, NodeId(2), ""});
  EXPECT_TRUE(absl::IsFailedPrecondition(*refused)) << *refused;
  EXPECT_EQ(Change({Kind::kRemove, NodeId(2), "", true})->code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(*h_.driver->status().configuration, Members({1, 3}));
}

TEST_F(DriverMembershipTest, ALeaderCountsTheMembersThatAreAwayUntilTheyAreBack) {
  LeadThree();
  Change({Kind::kAdd, NodeId(4), AddressOf(NodeId(4))});
  Commit({2, 3, 4});
  // The standby loses its connection, which alone is no silence.
  h_.driver->PeerLost(NodeId(4));
  const int64_t due_ms = h_.clock.MonotonicMs() + h_.options.silent_member_ms;
  while (h_.clock.MonotonicMs() < due_ms) {
    EXPECT_EQ(h_.driver->status().silent_members, 0u);
    h_.RunTimer();
    for (const uint64_t peer : {2, 3}) h_.Accept(peer, h_.driver->status().last_index.value());
  }
  EXPECT_EQ(h_.driver->status().silent_members, 1u);
  h_.Accept(4, h_.driver->status().last_index.value());
  EXPECT_EQ(h_.driver->status().silent_members, 0u);
}

TEST_F(DriverMembershipTest, ARemovedMemberIsToldAndSaysSo) {
  LeadThree();
  const auto removed = Change({Kind::kRemove, NodeId(3), ""});
  Commit({2});
  EXPECT_TRUE(removed->ok()) << *removed;
  auto told = h_.Take<NotMember>();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].first, NodeId(3));
  // It was away, and asks for votes when it is back.
  h_.From(3, RequestVote{Term(h_.driver->status().term + 1), NodeId(3), LogIndex(1), Term(1), false,
                         true});
  told = h_.Take<NotMember>();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].second.configuration_index, h_.driver->status().configuration_index);
  EXPECT_EQ(h_.driver->status().role, Role::kLeader);
}

TEST_F(DriverMembershipTest, ANodeBelievesThatItWasRemovedOnlyByANewerConfiguration) {
  h_.Bootstrap(Members({1, 2, 3}));
  ASSERT_TRUE(h_.Start(LogIndex(1)).ok());
  h_.From(2, NotMember{Term(1), LogIndex(1)});
  EXPECT_EQ(h_.removed, 0);
  h_.From(2, NotMember{Term(1), LogIndex(7)});
  EXPECT_EQ(h_.removed, 1);
  h_.From(2, NotMember{Term(1), LogIndex(8)});
  EXPECT_EQ(h_.removed, 1);
}

TEST_F(DriverMembershipTest, AJoiningNodeIsNotRemovedByConfigurationsFromBeforeItsTime) {
  ASSERT_TRUE(h_.Start().ok());
  h_.Append(2, 5, 0, 0, 2, {ConfigurationEntry(1, Members({2, 3})), Command(5, "a")});
  h_.Sync();
  h_.From(2, NotMember{Term(5), LogIndex(9)});
  EXPECT_EQ(h_.removed, 0);
  h_.Append(2, 5, 2, 5, 3, {ConfigurationEntry(5, Members({2, 3}, {1}))});
  h_.Sync();
  EXPECT_EQ(h_.removed, 0);
  h_.Append(2, 5, 3, 5, 4, {ConfigurationEntry(5, Members({2, 3}))});
  h_.Sync();
  EXPECT_EQ(h_.removed, 1);
}

// F6: the entry that gives it a vote may be with the candidate only.
TEST_F(DriverMembershipTest, AStandbyVotes) {
  h_.Bootstrap(Members({2, 3}, {1}));
  ASSERT_TRUE(h_.Start().ok());
  h_.From(2, RequestVote{Term(9), NodeId(2), LogIndex(5), Term(8)});
  const auto results = h_.Take<RequestVoteResult>();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].second.granted);
  EXPECT_EQ(h_.disk.voted_for, NodeId(2));
}

TEST_F(DriverMembershipTest, AStandbyThatHearsNobodyAsksWhetherItIsOne) {
  h_.Bootstrap(Members({2, 3}, {1}));
  ASSERT_TRUE(h_.Start().ok());
  std::vector<std::pair<NodeId, Probe>> asked;
  for (int i = 0; i < 20 && asked.empty(); ++i) {
    h_.RunTimer();
    asked = h_.Take<Probe>();
  }
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].first, NodeId(2));
}

}  // namespace
}  // namespace registryd::consensus
