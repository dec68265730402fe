// One test per defect of libraft 0.22.1 that stands in docs/adr/0001, against the core as it is
// wrapped here.
#include <gtest/gtest.h>

#include "tests/unit/consensus/driver_harness.h"

namespace registryd::consensus {
namespace {

std::vector<LogEntry> Commands(uint64_t term, uint64_t first, uint64_t last) {
  std::vector<LogEntry> entries;
  for (uint64_t i = first; i <= last; ++i) entries.push_back(Command(term, Text("c", i)));
  return entries;
}

// F1: the core answers an older leader with an index from the stack, sometimes as a success.
TEST(CoreDefectsTest, F1OlderLeaderIsAnsweredWithARejectionOfTheCurrentTerm) {
  DriverHarness h;
  h.Bootstrap(Members({1, 2, 3}), Commands(1, 2, 10), 5);
  ASSERT_TRUE(h.Start().ok());
  h.Append(2, 4, 0, 0, 0);
  h.Append(2, 4, 0, 0, 0, {ConfigurationEntry(1, Members({1, 2, 3}))});
  h.Append(2, 4, 10, 1, 10, {Command(4, "late")});
  h.From(2, InstallSnapshot{Term(4), LogIndex(500), Term(3)});
  const auto answers = h.Take<AppendEntriesResult>();
  ASSERT_EQ(answers.size(), 4u);
  for (const auto& [to, answer] : answers) {
    EXPECT_EQ(to, NodeId(2));
    EXPECT_EQ(answer.term, Term(5));
    EXPECT_GT(answer.rejected, LogIndex(1'000'000'000));
    EXPECT_EQ(answer.last_log_index, LogIndex());
  }
  EXPECT_EQ(h.driver->status().last_index, LogIndex(10));
  EXPECT_EQ(h.driver->status().leader, NodeId());
}

TEST(CoreDefectsTest, F1SuchAnAnswerNeverCountsAsAMatchForTheServerElectedAgain) {
  DriverHarness h;
  h.Bootstrap(Members({1, 2, 3}), Commands(1, 2, 10));
  ASSERT_TRUE(h.Start().ok());
  h.Lead(2);
  h.Propose({"a", "b", "c"});
  h.Sync();
  const LogIndex commit = h.driver->status().commit;
  const LogIndex last = h.driver->status().last_index;
  ASSERT_LT(commit, last);
  // Node 3 answers a message of our own earlier term; its term is ours by now.
  const Term term = h.driver->status().term;
  h.From(3, AppendEntriesResult{term, LogIndex(UINT64_MAX), LogIndex()});
  EXPECT_EQ(h.driver->status().commit, commit);
  // The link goes on to work.
  h.Accept(3, last.value());
  EXPECT_EQ(h.driver->status().commit, last);
}

// F2: the core records a configuration under the index of the first new entry of its message.
TEST(CoreDefectsTest, F2ConfigurationInTheMiddleOfAMessageIsRecordedWhereItIs) {
  DriverHarness h;
  h.Bootstrap(Members({1, 2, 3}));
  ASSERT_TRUE(h.Start().ok());
  h.Append(2, 2, 1, 1, 1,
           {Command(2, "a"), Command(2, "b"), ConfigurationEntry(2, Members({1, 2, 3}, {4})),
            Command(2, "c")});
  RaftStatus status = h.driver->status();
  EXPECT_EQ(status.configuration_index, LogIndex(4));
  EXPECT_EQ(status.configuration->size(), 4u);
  EXPECT_FALSE(status.configuration_committed);
  h.Sync();
  h.Append(2, 2, 5, 2, 5);
  // Else this server, once it leads, would refuse every change of members.
  EXPECT_TRUE(h.driver->status().configuration_committed);
  ASSERT_EQ(h.handed.size(), 5u);
}

TEST(CoreDefectsTest, F2OverwrittenConfigurationIsRolledBack) {
  DriverHarness h;
  h.Bootstrap(Members({1, 2, 3}));
  ASSERT_TRUE(h.Start().ok());
  h.Append(2, 2, 1, 1, 1,
           {Command(2, "a"), Command(2, "b"), ConfigurationEntry(2, Members({1, 2, 3}, {4}))});
  h.Sync();
  // Entry 3 stays, entry 4 goes.
  h.Append(3, 3, 3, 2, 1, {Command(3, "other")});
  const RaftStatus status = h.driver->status();
  EXPECT_EQ(status.configuration_index, LogIndex(1));
  EXPECT_EQ(status.configuration->size(), 3u);
  EXPECT_TRUE(status.configuration_committed);
}

// The core keeps one uncommitted configuration. When a follower gets two at once, the first of them
// is committed.
TEST(CoreDefectsTest, RollbackOfTheSecondOfTwoConfigurationsKeepsTheFirst) {
  DriverHarness h;
  h.Bootstrap(Members({1, 2, 3}));
  ASSERT_TRUE(h.Start().ok());
  h.Append(2, 2, 1, 1, 1,
           {ConfigurationEntry(2, Members({1, 2, 3}, {4})), Command(2, "a"),
            ConfigurationEntry(2, Members({1, 2, 3, 4}))});
  h.Sync();
  EXPECT_EQ(h.driver->status().configuration_index, LogIndex(4));
  h.Append(3, 3, 3, 2, 3, {Command(3, "other")});
  const RaftStatus status = h.driver->status();
  EXPECT_EQ(status.configuration_index, LogIndex(2));
  EXPECT_TRUE(status.configuration_committed);
  // As the core sees it, node 4 has no vote: a candidate asks 2 and 3 only.
  h.Sync();
  h.sent.clear();
  while (h.Take<RequestVote>().empty()) h.RunTimer();
  h.sent.clear();
  h.RunTimer();
  for (const auto& [to, vote] : h.Take<RequestVote>()) EXPECT_NE(to, NodeId(4));
}

// F3: a log that begins above the leader's probe makes the leader walk back one index per round
// trip.
class F3Test : public ::testing::Test {
 protected:
  void StartAtSnapshot(std::vector<LogEntry> trailing = {}) {
    h_.disk.term = Term(3);
    h_.disk.snapshot = SnapshotRecord{LogIndex(40), Term(2), Members({1, 2, 3}), LogIndex(1)};
    h_.disk.first = LogIndex(41 - trailing.size());
    h_.disk.entries.assign(trailing.begin(), trailing.end());
    ASSERT_TRUE(h_.Start(LogIndex(40)).ok());
  }
  AppendEntriesResult Answer() {
    const auto answers = h_.Take<AppendEntriesResult>();
    EXPECT_EQ(answers.size(), 1u);
    return answers.empty() ? AppendEntriesResult{} : answers[0].second;
  }
  DriverHarness h_;
};

TEST_F(F3Test, EntriesUpToTheSnapshotAreSkipped) {
  StartAtSnapshot();
  std::vector<LogEntry> entries = Commands(2, 21, 40);
  entries.push_back(Command(3, "new"));
  h_.Append(2, 3, 20, 2, 40, entries);
  h_.Sync();
  const AppendEntriesResult answer = Answer();
  EXPECT_EQ(answer.rejected, LogIndex());
  EXPECT_EQ(answer.last_log_index, LogIndex(41));
  EXPECT_EQ(*h_.disk.at(LogIndex(41)).payload, "new");
}

TEST_F(F3Test, ProbeBelowTheSnapshotIsAnsweredWithTheSnapshot) {
  StartAtSnapshot();
  h_.Append(2, 3, 20, 2, 40);
  AppendEntriesResult answer = Answer();
  EXPECT_EQ(answer.rejected, LogIndex());
  EXPECT_EQ(answer.last_log_index, LogIndex(40));
  h_.Append(2, 3, 10, 1, 40, Commands(2, 11, 15));
  answer = Answer();
  EXPECT_EQ(answer.rejected, LogIndex());
  EXPECT_EQ(answer.last_log_index, LogIndex(40));
}

TEST_F(F3Test, FromTheVeryFirstEntryToo) {
  StartAtSnapshot();
  std::vector<LogEntry> entries = {ConfigurationEntry(1, Members({1, 2, 3}))};
  for (const LogEntry& entry : Commands(2, 2, 42)) entries.push_back(entry);
  h_.Append(2, 3, 0, 0, 40, entries);
  h_.Sync();
  const AppendEntriesResult answer = Answer();
  EXPECT_EQ(answer.rejected, LogIndex());
  EXPECT_EQ(answer.last_log_index, LogIndex(42));
  EXPECT_EQ(h_.disk.first, LogIndex(41));
}

TEST_F(F3Test, EntriesThatTrailBeforeTheSnapshotDoNotHideIt) {
  StartAtSnapshot(Commands(2, 31, 40));
  h_.Append(2, 3, 30, 2, 40, Commands(2, 31, 41));  // 30 is just before the first entry
  h_.Sync();
  EXPECT_EQ(Answer().last_log_index, LogIndex(41));
  h_.Append(2, 3, 35, 2, 40, Commands(2, 36, 41));  // inside the log: nothing to do
  EXPECT_EQ(Answer().last_log_index, LogIndex(41));
}

// F4: heartbeats are anchored at a snapshot that is still on its way.
TEST(CoreDefectsTest, F4HeartbeatsBeyondTheLogAreAcceptedWhileASnapshotIsReceived) {
  DriverHarness h;
  h.Bootstrap(Members({1, 2, 3}), Commands(1, 2, 5), 3);
  ASSERT_TRUE(h.Start().ok());
  h.Append(2, 3, 100, 3, 100);
  EXPECT_EQ(h.Take<AppendEntriesResult>().at(0).second.rejected, LogIndex(100));
  h.driver->SetReceivingSnapshot(true);
  const LogIndex commit = h.driver->status().commit;
  h.Append(2, 3, 100, 3, 100);
  const AppendEntriesResult answer = h.Take<AppendEntriesResult>().at(0).second;
  EXPECT_EQ(answer.rejected, LogIndex());
  EXPECT_EQ(answer.last_log_index, LogIndex());
  EXPECT_EQ(h.driver->status().commit, commit);
  EXPECT_EQ(h.driver->status().leader, NodeId(2));
}

// F5: the only voter elects itself in the term it had, so entries that it lost in a crash would be
// written again, with other contents and the same term, while a standby may hold the first ones.
TEST(CoreDefectsTest, F5TheOnlyVoterBeginsANewTermWithEveryStart) {
  DriverHarness h;
  h.Bootstrap(Members({1}, {2}));
  ASSERT_TRUE(h.Start().ok());
  EXPECT_EQ(h.driver->status().role, Role::kLeader);
  const Term first = h.driver->status().term;
  EXPECT_EQ(h.disk.term, first);
  h.Propose({"lost"});
  ASSERT_TRUE(h.Start().ok());  // nothing of it was synced
  EXPECT_GT(h.driver->status().term, first);
  EXPECT_EQ(h.disk.term, h.driver->status().term);
  EXPECT_EQ(h.disk.voted_for, kSelf);
}

TEST(CoreDefectsTest, VoteResultsReachOnlyCandidates) {
  DriverHarness h;
  h.Bootstrap(Members({1, 2, 3}));
  ASSERT_TRUE(h.Start().ok());
  h.From(2, RequestVoteResult{Term(99), true, false});
  EXPECT_EQ(h.driver->status().term, Term(1));
  h.Lead(2);
  const Term term = h.driver->status().term;
  h.From(3, RequestVoteResult{Term(term + 7), false, false});
  EXPECT_EQ(h.driver->status().role, Role::kLeader);
  EXPECT_EQ(h.driver->status().term, term);
}

}  // namespace
}  // namespace registryd::consensus
