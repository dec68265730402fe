// The driver's small parts, each alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registryd/consensus/admission.h"
#include "registryd/consensus/configuration_history.h"
#include "registryd/consensus/log_cache.h"
#include "registryd/consensus/read_index.h"
#include "registryd/consensus/receive_filters.h"
#include "registryd/consensus/replication_window.h"
#include "registryd/consensus/write_tracker.h"
#include "tests/unit/consensus/driver_harness.h"

namespace registryd::consensus {
namespace {

TEST(WriteTrackerTest, ReportsOnlyWhatIsOnDiskWithAllBeforeIt) {
  WriteTracker tracker;
  const uint64_t first = tracker.Add(LogIndex(1), LogIndex(5));
  const uint64_t second = tracker.Add(LogIndex(6), LogIndex(9));
  EXPECT_EQ(tracker.Finish(second), LogIndex());
  EXPECT_EQ(tracker.Finish(first), LogIndex(9));
}

TEST(WriteTrackerTest, TruncatedEntriesAreNeverReported) {
  WriteTracker tracker;
  const uint64_t first = tracker.Add(LogIndex(1), LogIndex(5));
  const uint64_t second = tracker.Add(LogIndex(6), LogIndex(20));
  const uint64_t third = tracker.Add(LogIndex(4), LogIndex(4));  // overwrites from 4 on
  EXPECT_EQ(tracker.Finish(first), LogIndex(3));
  EXPECT_EQ(tracker.Finish(second), LogIndex(3));
  EXPECT_EQ(tracker.Finish(third), LogIndex(4));
}

TEST(ReplicationWindowTest, OpensWithTheFirstAcknowledgement) {
  ReplicationWindow window(100);
  window.Want(LogIndex(10), 50);
  ASSERT_TRUE(window.MaySend());
  window.OnSent(LogIndex(12), 40);
  EXPECT_FALSE(window.MaySend());  // one message until it is acknowledged
  window.OnMatch(LogIndex(12));
  for (const uint64_t last : {14, 16, 18}) {
    ASSERT_TRUE(window.MaySend());
    window.OnSent(LogIndex(last), 40);
  }
  EXPECT_FALSE(window.MaySend());  // 120 bytes are under way
  window.Want(LogIndex(60), 5);    // more behind the end: nothing changes
  EXPECT_EQ(window.sent(), LogIndex(18));
  EXPECT_EQ(window.end(), LogIndex(65));
  window.OnMatch(LogIndex(15));  // the first of the three
  EXPECT_TRUE(window.MaySend());
}

TEST(ReplicationWindowTest, AnotherPlaceRestartsIt) {
  ReplicationWindow window(100);
  window.Want(LogIndex(10), 5);
  window.OnSent(LogIndex(15), 10);
  window.Want(LogIndex(11), 4);
  EXPECT_EQ(window.sent(), LogIndex(11));
  EXPECT_TRUE(window.MaySend());
  window.Want(LogIndex(15), 0);  // heartbeat behind what waits
  EXPECT_EQ(window.sent(), LogIndex(11));
  window.Want(LogIndex(3), 0);
  EXPECT_EQ(window.sent(), LogIndex(3));
  EXPECT_FALSE(window.MaySend());
}

TEST(LogCacheTest, KeepsTheNewestWithinItsLimit) {
  const size_t each = EntryBytes(Command(1, "0123456789"));
  LogCache cache(3 * each);
  for (uint64_t i = 1; i <= 10; ++i) cache.Append(LogIndex(i), {Command(1, "0123456789")});
  EXPECT_FALSE(cache.Contains(LogIndex(7)));
  EXPECT_TRUE(cache.Contains(LogIndex(8)));
  EXPECT_TRUE(cache.Contains(LogIndex(10)));
  EXPECT_FALSE(cache.Contains(LogIndex(11)));
  EXPECT_EQ(cache.Read(LogIndex(8), LogIndex(99), 2, SIZE_MAX).size(), 2u);
  EXPECT_EQ(cache.Read(LogIndex(8), LogIndex(10), 99, 1).size(), 1u);  // at least one
  cache.Append(LogIndex(9), {Command(2, "n")});
  EXPECT_EQ(cache.Read(LogIndex(9), LogIndex(9), 9, 999)[0].term, Term(2));
  EXPECT_FALSE(cache.Contains(LogIndex(10)));
  cache.Append(LogIndex(4), {Command(3, "below everything")});
  EXPECT_TRUE(cache.Contains(LogIndex(4)));
  EXPECT_FALSE(cache.Contains(LogIndex(8)));
}

TEST(ConfigurationHistoryTest, AnswersAsOfAnyIndexAndForgetsWhatWasCut) {
  ConfigurationHistory history;
  EXPECT_EQ(history.Newest().first, LogIndex());
  EXPECT_TRUE(history.Newest().second->empty());
  history.Add(LogIndex(1), Members({1}));
  history.Add(LogIndex(10), Members({1, 2}));
  history.Add(LogIndex(20), Members({1, 2, 3}));
  EXPECT_EQ(history.AsOf(LogIndex(19)).first, LogIndex(10));
  history.Truncate(LogIndex(20));
  EXPECT_EQ(history.Newest().first, LogIndex(10));
  history.Cut(LogIndex(15));
  EXPECT_EQ(history.AsOf(LogIndex(9)).first, LogIndex());
  EXPECT_EQ(history.AsOf(LogIndex(15)).first, LogIndex(10));
}

TEST(ReadIndexRoundsTest, OnlyVotersOfTheNewestConfigurationCount) {
  ReadIndexRounds rounds(0, 100, 10);
  int answered = 0;
  rounds.Add([&](absl::StatusOr<LogIndex>) { ++answered; });
  const uint64_t context = rounds.Begin(LogIndex(7), 1000);
  const Configuration newest = Members({1, 2, 3}, {4});
  rounds.Acknowledge(NodeId(4), context);
  rounds.Acknowledge(NodeId(5), context);
  EXPECT_FALSE(rounds.ReleaseIfQuorum(newest, NodeId(1)));
  rounds.Acknowledge(NodeId(2), context);
  EXPECT_FALSE(
      rounds.ReleaseIfQuorum(newest, NodeId(4)));  // a leader without a vote needs two others
  rounds.Acknowledge(NodeId(3), context);
  EXPECT_TRUE(rounds.ReleaseIfQuorum(newest, NodeId(4)));
  EXPECT_EQ(answered, 1);
}

TEST(ReadIndexRoundsTest, LimitOfWaitingReads) {
  ReadIndexRounds rounds(0, 100, 2);
  std::vector<absl::Status> answers;
  for (int i = 0; i < 3; ++i) {
    rounds.Add([&](absl::StatusOr<LogIndex> index) { answers.push_back(index.status()); });
  }
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(absl::IsResourceExhausted(answers[0]));
  rounds.FailAll(absl::UnavailableError("x"));
  EXPECT_EQ(answers.size(), 3u);
}

TEST(AdmissionTest, TicketsCountUntilTheyGo) {
  auto admission = std::make_shared<Admission>(2, 100);
  auto first = admission->Admit(60);
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(admission->Admit(60).has_value());
  auto second = admission->Admit(40);
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(admission->Admit(0).has_value());
  { const Admission::Ticket moved = *std::move(first); }
  EXPECT_EQ(admission->proposals(), 1u);
  EXPECT_EQ(admission->bytes(), 40u);
  EXPECT_TRUE(admission->Admit(60).has_value());
}

TEST(ReceiveFiltersTest, EverySplitMessageContinuesTheOneBefore) {
  const LogEntry configuration = ConfigurationEntry(2, Members({1}));
  AppendEntries message{Term(3),
                        LogIndex(7),
                        Term(1),
                        LogIndex(9),
                        {Command(1, "a"), configuration, configuration, Command(3, "b")}};
  const std::vector<AppendEntries> parts = SplitAtConfigurations(message);
  ASSERT_EQ(parts.size(), 3u);
  LogIndex prev(7);
  Term prev_term(1);
  for (const AppendEntries& part : parts) {
    EXPECT_EQ(part.term, Term(3));
    EXPECT_EQ(part.leader_commit, LogIndex(9));
    EXPECT_EQ(part.prev_log_index, prev);
    EXPECT_EQ(part.prev_log_term, prev_term);
    prev = prev + part.entries.size();
    prev_term = part.entries.back().term;
  }
  EXPECT_EQ(parts[2].entries.size(), 2u);
  message.entries.clear();
  EXPECT_EQ(SplitAtConfigurations(message).size(), 1u);  // a heartbeat stays one
}

}  // namespace
}  // namespace registryd::consensus
