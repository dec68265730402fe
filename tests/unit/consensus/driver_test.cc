#include "registryd/consensus/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/consensus/driver_harness.h"

namespace registryd::consensus {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DriverTest : public ::testing::Test {
 protected:
  void StartOfThree() {
    h_.Bootstrap(Members({1, 2, 3}));
    ASSERT_TRUE(h_.Start().ok());
  }
  void LeadThree() {
    StartOfThree();
    h_.Lead(2);
    h_.Accept(3, h_.driver->status().last_index.value());
    h_.sent.clear();
  }
  uint64_t Last() const { return h_.driver->status().last_index.value(); }
  uint64_t TermNow() const { return h_.driver->status().term.value(); }
  DriverHarness h_;
};

TEST_F(DriverTest, TermAndVoteAreSavedBeforeTheyAreSpoken) {
  StartOfThree();
  h_.From(2, RequestVote{Term(9), NodeId(2), LogIndex(1), Term(1)});
  const auto results = h_.Take<RequestVoteResult>();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].second.granted);
  EXPECT_EQ(h_.disk.term, Term(9));
  EXPECT_EQ(h_.disk.voted_for, NodeId(2));
  EXPECT_EQ(h_.saved_after_sends, 0u);
}

TEST_F(DriverTest, NewLeaderIsReadyOnceItHasCommittedInItsTerm) {
  StartOfThree();
  h_.Lead(2, /*ready=*/false);
  EXPECT_FALSE(h_.driver->status().ready);
  EXPECT_EQ(h_.leadership.back().role, Role::kLeader);
  EXPECT_FALSE(h_.leadership.back().ready);
  h_.Sync();  // its own copy is no majority
  EXPECT_FALSE(h_.driver->status().ready);
  h_.Accept(2, Last());
  EXPECT_TRUE(h_.driver->status().ready);
  EXPECT_TRUE(h_.leadership.back().ready);
  EXPECT_EQ(h_.leadership.back().leader, kSelf);
  EXPECT_EQ(h_.handed.back().entry.type, EntryType::kBarrier);
  EXPECT_EQ(h_.handed.back().entry.term, Term(TermNow()));
}

TEST_F(DriverTest, FollowerAppliesOnlyWhatIsOnItsDisk) {
  StartOfThree();
  h_.Append(2, 2, 1, 1, 3, {Command(2, "a"), Command(2, "b")});
  EXPECT_EQ(h_.driver->status().commit, LogIndex(3));
  EXPECT_EQ(h_.handed.size(), 1u);  // the first configuration
  EXPECT_THAT(h_.Take<AppendEntriesResult>(), IsEmpty());
  h_.Sync();
  EXPECT_EQ(h_.handed.size(), 3u);
  EXPECT_EQ(h_.Take<AppendEntriesResult>().at(0).second.last_log_index, LogIndex(3));
}

TEST_F(DriverTest, CommitsWithTheFollowersWhileItsOwnDiskIsSlow) {
  LeadThree();
  const size_t handed = h_.handed.size();
  h_.Propose({"a"});
  h_.Accept(2, Last());
  h_.Accept(3, Last());
  h_.Sync();
  EXPECT_EQ(h_.driver->status().commit, LogIndex(Last()));
  EXPECT_EQ(h_.handed.size(), handed + 1);
  EXPECT_THAT(h_.answers, ElementsAre(1));
  EXPECT_TRUE(h_.outcomes[0].ok());
}

TEST_F(DriverTest, DeposedLeaderAnswersUnknownForWhatItDidNotCommit) {
  LeadThree();
  h_.Propose({"committed"});
  h_.Sync();
  h_.Accept(2, Last());
  const uint64_t committed = Last(), term = TermNow();
  h_.Propose({"open", "open"});
  h_.Sync();
  h_.Append(3, term + 1, committed, term, committed);
  EXPECT_THAT(h_.answers, ElementsAre(1, 1, 1));
  EXPECT_TRUE(h_.outcomes[0].ok());
  EXPECT_TRUE(absl::IsAborted(h_.outcomes[1]));
  EXPECT_TRUE(absl::IsAborted(h_.outcomes[2]));
  h_.Propose({"later"});
  EXPECT_TRUE(absl::IsUnavailable(h_.outcomes[3]));
}

// The simulator found this one: the new leader's entries were taken for those that had been
// proposed here.
TEST_F(DriverTest, DeposedByAMessageThatOverwritesAndCommitsAtOnce) {
  LeadThree();
  const uint64_t last = Last(), term = TermNow();
  h_.Propose({"mine"});
  h_.Sync();
  h_.Append(3, term + 1, last, term, last + 1, {Command(term + 1, "theirs")});
  h_.Sync();
  EXPECT_THAT(h_.answers, ElementsAre(1));
  EXPECT_TRUE(absl::IsAborted(h_.outcomes[0]));
  EXPECT_EQ(*h_.handed.back().entry.payload, "theirs");
}

TEST_F(DriverTest, CommittedButUnappliedIsStillAnsweredAfterLeadershipIsLost) {
  h_.options.max_unapplied = 2;
  LeadThree();
  h_.ReportApplied();
  h_.Propose({"a", "b", "c", "d"});
  h_.Sync();
  h_.Accept(2, Last());
  EXPECT_THAT(h_.answers, ElementsAre(1, 1, 0, 0));  // the state machine may hold two
  const uint64_t last = Last(), term = TermNow();
  h_.Append(3, term + 1, last, term, last);
  EXPECT_THAT(h_.answers, ElementsAre(1, 1, 0, 0));
  h_.ReportApplied();
  EXPECT_THAT(h_.answers, ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(h_.outcomes, Each(absl::OkStatus()));
}

TEST_F(DriverTest, StateMachineHoldsNoMoreThanTheLimit) {
  h_.options.max_unapplied = 10;
  std::vector<LogEntry> entries;
  for (int i = 0; i < 100; ++i) entries.push_back(Command(1, "x"));
  h_.Bootstrap(Members({1}), entries);
  ASSERT_TRUE(h_.Start().ok());
  for (size_t expected = 10; expected <= 100; expected += 10) {
    ASSERT_EQ(h_.handed.size(), expected);
    h_.ReportApplied();
  }
}

TEST_F(DriverTest, BatchesAreSplitByCountAndBytesAndKeepTheirOrder) {
  h_.options.max_batch_entries = 3;
  h_.options.max_batch_bytes = 10;
  LeadThree();
  const uint64_t first = Last() + 1;
  h_.Propose({"1", "2", "3", "4", "a very long command", "5", "unreadable", "6"});
  h_.Sync();
  h_.Accept(2, Last());
  ASSERT_EQ(Last(), first + 6);
  EXPECT_EQ(*h_.disk.at(LogIndex(first)).payload, "1");
  EXPECT_EQ(*h_.disk.at(LogIndex(first + 4)).payload, "a very long command");
  EXPECT_EQ(*h_.disk.at(LogIndex(first + 6)).payload, "6");
  EXPECT_THAT(h_.answers, Each(1));
  EXPECT_EQ(h_.outcomes[6].code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(DriverTest, MessagesAreSplitByBytesAndLargeBacklogsWaitForAcknowledgements) {
  h_.options.max_message_bytes = 1000;
  h_.options.max_peer_window_bytes = 3000;
  LeadThree();
  const uint64_t first = Last() + 1;
  h_.Propose(std::vector<std::string>(50, std::string(300, 'x')));
  uint64_t acknowledged = first - 1, rounds = 0;
  while (acknowledged < Last()) {
    ASSERT_LT(++rounds, 100u);
    const auto messages = h_.Take<AppendEntries>();
    size_t bytes = 0;
    for (const auto& [to, append] : messages) {
      if (to != NodeId(2) || append.entries.empty()) continue;
      EXPECT_EQ(append.prev_log_index.value(), acknowledged);
      size_t message_bytes = 0;
      for (const LogEntry& entry : append.entries) message_bytes += entry.payload->size();
      EXPECT_LE(message_bytes, 1000u);
      bytes += message_bytes;
      acknowledged += append.entries.size();
    }
    EXPECT_LE(bytes, 4000u);
    ASSERT_GT(bytes, 0u);
    h_.Accept(2, acknowledged);
  }
}

TEST_F(DriverTest, AConfigurationIsSentAsTheFirstEntryOfItsMessage) {
  h_.Bootstrap(Members({1, 2, 3}),
               {Command(1, "a"), ConfigurationEntry(1, Members({1, 2, 3}, {4})), Command(1, "b")});
  ASSERT_TRUE(h_.Start().ok());
  h_.Lead(2);
  h_.sent.clear();
  h_.From(3,
          AppendEntriesResult{Term(TermNow()), LogIndex(4), LogIndex(1)});  // it has entry 1 only
  uint64_t next = 2;
  while (next < Last()) {
    const auto messages = h_.Take<AppendEntries>();
    ASSERT_FALSE(messages.empty());
    for (const auto& [to, append] : messages) {
      if (to != NodeId(3)) continue;
      EXPECT_EQ(append.prev_log_index, LogIndex(next - 1));
      next += append.entries.size();
      for (size_t i = 1; i < append.entries.size(); ++i) {
        EXPECT_NE(append.entries[i].type, EntryType::kConfiguration);
      }
    }
    h_.Accept(3, next - 1);
  }
}

TEST_F(DriverTest, HeartbeatOfAFullWindowIsAnchoredAtWhatWasSent) {
  h_.options.max_message_bytes = 1000;
  h_.options.max_peer_window_bytes = 1000;
  LeadThree();
  h_.Propose(std::vector<std::string>(50, std::string(300, 'x')));
  uint64_t sent = 0;
  for (const auto& [to, append] : h_.Take<AppendEntries>()) {
    if (to == NodeId(2)) sent = append.prev_log_index.value() + append.entries.size();
  }
  ASSERT_LT(sent, Last());
  h_.RunTimer();
  for (const auto& [to, append] : h_.Take<AppendEntries>()) {
    if (to == NodeId(2)) {
      EXPECT_LE(append.prev_log_index.value(), sent);
    }
  }
}

TEST_F(DriverTest, NothingIsLoadedForAPeerThatIsSilent) {
  LeadThree();
  h_.options.election_timeout_ms = 500;
  h_.Propose({"a"});
  h_.Sync();
  // Node 2 answers on and on, node 3 does not.
  for (int i = 0; i < 30; ++i) {
    h_.RunTimer();
    h_.Accept(2, Last());
  }
  h_.sent.clear();
  for (int i = 0; i < 10; ++i) {
    h_.RunTimer();
    h_.Accept(2, Last());
  }
  size_t to_silent = 0;
  for (const auto& [to, append] : h_.Take<AppendEntries>()) {
    if (to != NodeId(3)) continue;
    ++to_silent;
    EXPECT_THAT(append.entries, IsEmpty());
  }
  EXPECT_GT(to_silent, 0u);
  // It comes back, says that it lacks the entry, and gets it.
  h_.From(3, AppendEntriesResult{Term(TermNow()), LogIndex(Last()), LogIndex(Last() - 1)});
  h_.RunTimer();
  bool sent = false;
  for (const auto& [to, append] : h_.Take<AppendEntries>()) {
    sent = sent || (to == NodeId(3) && !append.entries.empty());
  }
  EXPECT_TRUE(sent);
}

TEST_F(DriverTest, FollowersLearnOfACommitAtOnce) {
  LeadThree();
  h_.Propose({"a"});
  h_.Sync();
  h_.sent.clear();
  h_.Accept(2, Last());
  auto hints = h_.Take<AppendEntries>();
  ASSERT_EQ(hints.size(), 1u);  // node 3 has not acknowledged the entry yet
  EXPECT_EQ(hints[0].first, NodeId(2));
  EXPECT_EQ(hints[0].second.leader_commit, LogIndex(Last()));
  EXPECT_EQ(hints[0].second.prev_log_index, LogIndex(Last()));
  EXPECT_THAT(hints[0].second.entries, IsEmpty());
  h_.Accept(3, Last());
  hints = h_.Take<AppendEntries>();
  ASSERT_EQ(hints.size(), 1u);
  EXPECT_EQ(hints[0].first, NodeId(3));
  h_.Accept(3, Last());  // told once
  EXPECT_THAT(h_.Take<AppendEntries>(), IsEmpty());
}

TEST_F(DriverTest, ProposalsAreRefusedWhileMostDisksAreFull) {
  LeadThree();
  h_.From(2, AppendEntriesResult{Term(TermNow()), LogIndex(), LogIndex(Last()), false});
  h_.Propose({"a"});
  EXPECT_TRUE(absl::IsUnknown(h_.outcomes[0]));  // one of three: on its way
  h_.From(3, AppendEntriesResult{Term(TermNow()), LogIndex(), LogIndex(Last() - 1), false});
  h_.Propose({"b"});
  EXPECT_TRUE(absl::IsResourceExhausted(h_.outcomes[1]));
  h_.From(3, AppendEntriesResult{Term(TermNow()), LogIndex(), LogIndex(Last()), true});
  h_.Propose({"c"});
  EXPECT_TRUE(absl::IsUnknown(h_.outcomes[2]));
  h_.has_space = false;
  h_.Propose({"d"});
  EXPECT_TRUE(absl::IsResourceExhausted(h_.outcomes[3]));
  // Members say so to their leader.
  const uint64_t last = Last(), term = TermNow();
  h_.Append(2, term + 1, last, term, last);
  h_.sent.clear();
  h_.Append(2, term + 1, last, term, last);
  EXPECT_FALSE(h_.Take<AppendEntriesResult>().at(0).second.has_space);
}

TEST_F(DriverTest, AnswersOfStrangersAndMalformedMessagesChangeNothing) {
  LeadThree();
  h_.Propose({"a"});
  h_.Sync();
  const RaftStatus before = h_.driver->status();
  h_.From(9, AppendEntriesResult{Term(TermNow() + 50), LogIndex(), LogIndex(Last())});
  h_.From(9, ProbeAck{Term(TermNow()), 1});
  h_.From(1, RequestVote{Term(99), kSelf, LogIndex(100), Term(98)});
  h_.From(0, RequestVote{Term(99), NodeId(0), LogIndex(100), Term(98)});
  h_.From(2, RequestVote{Term(99), NodeId(3), LogIndex(100), Term(98), true});
  h_.Append(2, 99, 5, 0, 0);
  h_.Append(2, 99, 0, 0, 0, {Command(99, "no configuration first")});
  h_.Append(2, 99, 2, 1, 0, {Command(98, "a"), Command(97, "terms go back")});
  h_.Append(2, 99, 2, 1, 0, {{Term(98), EntryType::kConfiguration, Bytes("no configuration")}});
  h_.Append(2, 99, 2, 1, 0, {{Term(98), static_cast<EntryType>(9), Bytes("")}});
  h_.Append(2, 99, UINT64_MAX - 1, 1, 0, {Command(99, "overflow")});
  const RaftStatus after = h_.driver->status();
  EXPECT_EQ(after.term, before.term);
  EXPECT_EQ(after.role, Role::kLeader);
  EXPECT_EQ(after.commit, before.commit);
  EXPECT_EQ(after.last_index, before.last_index);
}

TEST_F(DriverTest, RequestsOfUnknownMembersAreTaken) {
  // A configuration with node 4 has not reached this log; node 4 leads.
  StartOfThree();
  h_.Append(4, 2, 1, 1, 1, {ConfigurationEntry(2, Members({1, 2, 3, 4}))});
  EXPECT_EQ(h_.driver->status().leader, NodeId(4));
  EXPECT_EQ(h_.driver->status().configuration->size(), 4u);
}

TEST_F(DriverTest, ReadsWaitForAMajorityThatKnowsOfNoLaterTerm) {
  LeadThree();
  std::vector<absl::StatusOr<LogIndex>> answers;
  const auto read = [&] {
    h_.driver->ReadIndex([&](absl::StatusOr<LogIndex> index) { answers.push_back(index); });
  };
  read();
  const auto probes = h_.Take<Probe>();
  ASSERT_EQ(probes.size(), 2u);
  EXPECT_THAT(answers, IsEmpty());
  read();  // arrived during the round: not served by it
  h_.From(2, ProbeAck{Term(TermNow()), probes[0].second.context + 1});
  h_.From(2, ProbeAck{Term(TermNow() - 1), probes[0].second.context});
  EXPECT_THAT(answers, IsEmpty());
  h_.From(2, ProbeAck{Term(TermNow()), probes[0].second.context});
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].value(), h_.driver->status().commit);
  const auto second = h_.Take<Probe>();
  ASSERT_EQ(second.size(), 2u);
  EXPECT_NE(second[0].second.context, probes[0].second.context);
  h_.From(3, ProbeAck{Term(TermNow()), probes[1].second.context});  // late, of the first round
  EXPECT_EQ(answers.size(), 1u);
  h_.From(3, ProbeAck{Term(TermNow()), second[1].second.context});
  EXPECT_EQ(answers.size(), 2u);
}

TEST_F(DriverTest, ReadsAreAskedAgainAfterALostRoundAndFailWithTheLeadership) {
  LeadThree();
  std::vector<absl::StatusOr<LogIndex>> answers;
  h_.driver->ReadIndex([&](absl::StatusOr<LogIndex> index) { answers.push_back(index); });
  const uint64_t context = h_.Take<Probe>().at(0).second.context;
  h_.clock.Advance(2 * h_.options.heartbeat_ms);
  h_.driver->Tick();
  EXPECT_NE(h_.Take<Probe>().at(0).second.context, context);
  h_.From(2, ProbeAck{Term(TermNow()), context});
  EXPECT_THAT(answers, IsEmpty());
  // Nobody is there any more: it steps down by itself.
  while (h_.driver->status().role == Role::kLeader) h_.RunTimer();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(answers[0].status()));
}

TEST_F(DriverTest, ReadsWaitUntilANewLeaderIsReady) {
  StartOfThree();
  h_.Lead(2, /*ready=*/false);
  std::vector<absl::StatusOr<LogIndex>> answers;
  h_.driver->ReadIndex([&](absl::StatusOr<LogIndex> index) { answers.push_back(index); });
  EXPECT_THAT(h_.Take<Probe>(), IsEmpty());
  h_.Sync();
  h_.Accept(2, Last());
  const auto probes = h_.Take<Probe>();
  ASSERT_EQ(probes.size(), 2u);
  h_.From(3, ProbeAck{Term(TermNow()), probes[0].second.context});
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].value(), LogIndex(Last()));
}

TEST_F(DriverTest, ProbesOfAnOlderTermAreNotAnswered) {
  StartOfThree();
  h_.From(2, Probe{Term(1), 7});
  ASSERT_EQ(h_.Take<ProbeAck>().size(), 1u);
  h_.From(3, RequestVote{Term(5), NodeId(3), LogIndex(1), Term(1)});
  h_.From(2, Probe{Term(4), 8});
  EXPECT_THAT(h_.Take<ProbeAck>(), IsEmpty());
  h_.From(2, Probe{Term(6), 9});
  EXPECT_EQ(h_.Take<ProbeAck>().at(0).second.context, 9u);
}

TEST_F(DriverTest, LogIsCutOnlyUpToWhatIsAppliedAndCommitted) {
  h_.options.trailing_entries = 2;
  StartOfThree();
  std::vector<LogEntry> entries;
  for (int i = 2; i <= 10; ++i) entries.push_back(Command(2, Text(i)));
  h_.Append(2, 2, 1, 1, 6, entries);
  h_.Sync();
  h_.driver->CutLog(LogIndex(10));
  EXPECT_EQ(h_.cuts, 0);  // nothing was reported as applied
  h_.ReportApplied();
  h_.driver->CutLog(LogIndex(10));
  ASSERT_EQ(h_.cuts, 1);
  EXPECT_EQ(h_.disk.snapshot->index, LogIndex(6));
  EXPECT_EQ(h_.disk.snapshot->term, Term(2));
  EXPECT_EQ(h_.disk.snapshot->configuration, Members({1, 2, 3}));
  EXPECT_EQ(h_.disk.first, LogIndex(5));
  h_.driver->CutLog(LogIndex(6));
  h_.driver->CutLog(LogIndex(3));
  EXPECT_EQ(h_.cuts, 1);
  ASSERT_TRUE(h_.Start(LogIndex(6)).ok());
  EXPECT_EQ(h_.driver->status().first_index, LogIndex(5));
  EXPECT_EQ(h_.driver->status().configuration->size(), 3u);
}

TEST_F(DriverTest, SnapshotRecordHoldsTheConfigurationAsOfItsIndex) {
  h_.options.trailing_entries = 0;
  StartOfThree();
  h_.Append(2, 2, 1, 1, 4,
            {Command(2, "a"), Command(2, "b"), ConfigurationEntry(2, Members({1, 2, 3}, {4}))});
  h_.Sync();
  h_.ReportApplied();
  h_.driver->CutLog(LogIndex(3));
  EXPECT_EQ(h_.disk.snapshot->configuration_index, LogIndex(1));
  EXPECT_EQ(h_.disk.snapshot->configuration.size(), 3u);
  h_.driver->CutLog(LogIndex(4));
  EXPECT_EQ(h_.disk.snapshot->configuration_index, LogIndex(4));
  EXPECT_EQ(h_.disk.snapshot->configuration.size(), 4u);
}

TEST_F(DriverTest, ConfigurationsThatTheStateHasAppliedAreCommittedAfterARestart) {
  h_.Bootstrap(Members({1, 2, 3}),
               {Command(2, "a"), ConfigurationEntry(2, Members({1, 2, 3}, {4})), Command(2, "b")},
               2);
  ASSERT_TRUE(h_.Start(LogIndex(2)).ok());
  EXPECT_FALSE(h_.driver->status().configuration_committed);
  ASSERT_TRUE(h_.Start(LogIndex(4)).ok());
  EXPECT_TRUE(h_.driver->status().configuration_committed);
  EXPECT_EQ(h_.driver->status().configuration_index, LogIndex(3));
}

TEST_F(DriverTest, APeerBehindTheLogIsHandledWithoutASnapshot) {
  h_.options.trailing_entries = 0;
  LeadThree();
  h_.Propose({"a", "b", "c"});
  h_.Sync();
  h_.Accept(2, Last());
  h_.ReportApplied();
  h_.driver->CutLog(LogIndex(Last()));
  ASSERT_EQ(h_.driver->status().first_index, LogIndex(Last() + 1));
  // Node 3 answers that it is far behind; the leader can only go on with heartbeats.
  for (int i = 0; i < 10; ++i) {
    h_.From(3, AppendEntriesResult{Term(TermNow()), LogIndex(Last()), LogIndex(1)});
    h_.Accept(2, Last());
    h_.RunTimer();
  }
  EXPECT_EQ(h_.driver->status().role, Role::kLeader);
  EXPECT_THAT(h_.Take<InstallSnapshot>(), IsEmpty());
}

TEST_F(DriverTest, OldEntriesAreReadFromTheDisk) {
  h_.options.log_cache_bytes = 100;
  LeadThree();
  h_.Propose(std::vector<std::string>(20, std::string(50, 'x')));
  h_.Sync();
  h_.Accept(2, Last());
  EXPECT_GT(h_.reads_from_disk, 0);
  EXPECT_THAT(h_.answers, Each(1));
}

TEST_F(DriverTest, LogAndStateThatDoNotFitAreRefused) {
  h_.Bootstrap(Members({1}), {Command(1, "a")});
  EXPECT_TRUE(absl::IsDataLoss(h_.Start(LogIndex(3))));
  h_.disk.snapshot = SnapshotRecord{LogIndex(2), Term(1), Members({1}), LogIndex(1)};
  EXPECT_TRUE(absl::IsDataLoss(h_.Start(LogIndex(1))));
  EXPECT_TRUE(h_.Start(LogIndex(2)).ok());
  h_.disk.first = LogIndex(4);
  EXPECT_TRUE(absl::IsDataLoss(h_.Start(LogIndex(5))));

  DriverHarness terms;
  terms.Bootstrap(Members({1}), {Command(3, "a"), Command(2, "b")}, 3);
  EXPECT_TRUE(absl::IsDataLoss(terms.Start()));
  DriverHarness no_configuration;
  no_configuration.disk.term = Term(1);
  no_configuration.disk.entries = {Command(1, "a")};
  EXPECT_TRUE(absl::IsDataLoss(no_configuration.Start()));
  DriverHarness no_term;
  no_term.Bootstrap(Members({1}));
  no_term.disk.term = Term();
  EXPECT_TRUE(absl::IsDataLoss(no_term.Start()));
}

TEST_F(DriverTest, JoinerWithoutALogTakesItFromWhoeverLeads) {
  ASSERT_TRUE(h_.Start().ok());
  EXPECT_EQ(h_.driver->status().role, Role::kFollower);
  for (int i = 0; i < 5; ++i) h_.RunTimer();
  EXPECT_THAT(h_.Take<RequestVote>(), IsEmpty());  // it is no member yet
  h_.Append(2, 3, 0, 0, 2, {ConfigurationEntry(1, Members({2}, {1})), Command(2, "a")});
  h_.Sync();
  EXPECT_EQ(h_.handed.size(), 2u);
  EXPECT_EQ(h_.driver->status().configuration->size(), 2u);
}

TEST_F(DriverTest, StopAnswersWhatIsInTheLogAndWhatReads) {
  LeadThree();
  h_.Propose({"a", "b"});
  std::vector<absl::StatusOr<LogIndex>> reads;
  h_.driver->ReadIndex([&](absl::StatusOr<LogIndex> index) { reads.push_back(index); });
  absl::Status transfer = absl::UnknownError("pending");
  h_.driver->Transfer(NodeId(2), [&](absl::Status status) { transfer = status; });
  h_.driver->Stop();
  EXPECT_THAT(h_.answers, ElementsAre(1, 1));
  EXPECT_TRUE(absl::IsAborted(h_.outcomes[0]));
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(reads[0].status()));
  EXPECT_TRUE(absl::IsUnavailable(transfer));
  h_.Sync();
  h_.Propose({"late"});
  EXPECT_TRUE(absl::IsUnavailable(h_.outcomes[2]));
}

using DriverDeathTest = DriverTest;

TEST_F(DriverDeathTest, TwoLeadersOfOneTermStopTheProcess) {
  LeadThree();
  EXPECT_DEATH(h_.Append(2, TermNow(), 1, 1, 1), "two leaders in one term");
}

TEST_F(DriverDeathTest, AConflictWithACommittedEntryStopsTheProcess) {
  StartOfThree();
  h_.Append(2, 2, 1, 1, 2, {Command(2, "a")});
  h_.Sync();
  EXPECT_DEATH(h_.Append(3, 3, 1, 1, 2, {Command(3, "b")}), "check failed");
}

}  // namespace
}  // namespace registryd::consensus
