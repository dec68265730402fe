#include "registryd/consensus/raft_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "registryd/base/bounded_queue.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "tests/support/threaded_log_store.h"
#include "tests/support/wait_for.h"

namespace registryd::consensus {
namespace {

using ::registryd::testing::MemoryLog;
using ::registryd::testing::ThreadedLogStore;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kDeadline(20);

class NoTransport final : public Transport {
 public:
  void Send(NodeId, const std::string&, const PeerMessage&) override {}
  void KeepConnected(const Configuration&) override {}
};

// A state machine with a loop thread of its own: keeps every command, in order.
class Journal final : public StateMachine {
 public:
  explicit Journal(LogIndex applied = {}) : applied_(applied), loop_([this] { Run(); }) {}
  ~Journal() override {
    ranges_.Close();
    loop_.join();
  }
  void Report(std::function<void(LogIndex)> report) { report_ = std::move(report); }

  absl::Status Prepare(std::string& command) override {
    if (command == "unreadable") return absl::InvalidArgumentError("cannot be read");
    command = "prepared " + command;
    return absl::OkStatus();
  }
  void Apply(std::vector<Committed> range) override {
    received_ += range.size();
    EXPECT_TRUE(ranges_.TryPush(std::move(range)));
  }
  void OnLeadership(const Leadership& leadership) override {
    MutexLock lock(mutex_);
    leadership_.push_back(leadership);
    changed_.NotifyAll();
  }
  void Install(std::unique_ptr<StagedSnapshot>) override { ADD_FAILURE() << "no snapshot is sent"; }
  void OnRemoved() override { ADD_FAILURE() << "nobody is removed"; }

  size_t received() const { return received_; }
  void Pause(bool paused) {
    MutexLock lock(mutex_);
    paused_ = paused;
    changed_.NotifyAll();
  }
  template <class Condition>
  bool WaitFor(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    MutexLock lock(mutex_);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      changed_.WaitFor(mutex_, 100);
    }
    return true;
  }
  bool WaitUntilReady() {
    return WaitFor([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return !leadership_.empty() && leadership_.back().ready;
    });
  }
  std::vector<std::string> commands() const {
    MutexLock lock(mutex_);
    return commands_;
  }
  LogIndex applied() const {
    MutexLock lock(mutex_);
    return applied_;
  }
  std::vector<Leadership> leadership() const {
    MutexLock lock(mutex_);
    return leadership_;
  }

 private:
  void Run() {
    std::vector<std::vector<Committed>> batches;
    while (ranges_.PopAll(&batches)) {
      for (std::vector<Committed>& range : batches) {
        for (Committed& committed : range) {
          {
            MutexLock lock(mutex_);
            while (paused_) changed_.Wait(mutex_);
            EXPECT_EQ(committed.index, applied_ + 1);
            applied_ = committed.index;
            if (committed.entry.type == EntryType::kCommand) {
              commands_.push_back(*committed.entry.payload);
            }
          }
          if (committed.done) {
            std::move(committed.done)(
                Applied{committed.index, std::make_shared<std::string>(*committed.entry.payload)});
          }
        }
        if (report_) report_(range.back().index);
        changed_.NotifyAll();
      }
    }
  }

  std::atomic<size_t> received_{0};
  BoundedQueue<std::vector<Committed>> ranges_{100'000};
  std::function<void(LogIndex)> report_;
  mutable Mutex mutex_;
  CondVar changed_;
  LogIndex applied_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> commands_ ABSL_GUARDED_BY(mutex_);
  std::vector<Leadership> leadership_ ABSL_GUARDED_BY(mutex_);
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread loop_;
};

MemoryLog Bootstrapped() {
  MemoryLog disk;
  disk.term = Term(1);
  disk.entries.push_back(
      {Term(1), EntryType::kConfiguration, *EncodeConfiguration({{NodeId(7), "127.0.0.1:1"}})});
  return disk;
}

// One member: disk, state machine, thread; destroyed in the order of a daemon's stop.
struct Member {
  explicit Member(MemoryLog* disk, RaftThreadOptions options = {}, LogIndex applied = {})
      : store(disk), journal(applied) {
    options.driver.id = NodeId(7);
    options.driver.address = "127.0.0.1:1";
    raft = std::make_unique<RaftThread>(RaftThread::Parts{&store, &transport, &journal, &clock},
                                        options);
    journal.Report([this](LogIndex index) { raft->OnApplied(index); });
  }
  ~Member() {
    raft->Stop();
    store.Hold(false);
  }

  std::future<absl::StatusOr<Applied>> Propose(std::string command) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<Applied>>>();
    auto future = promise->get_future();
    // set_value throws when `done` runs twice.
    raft->Propose(std::move(command), [promise](absl::StatusOr<Applied> applied) {
      promise->set_value(std::move(applied));
    });
    return future;
  }
  std::future<absl::StatusOr<LogIndex>> ReadIndex() {
    auto promise = std::make_shared<std::promise<absl::StatusOr<LogIndex>>>();
    auto future = promise->get_future();
    raft->ReadIndex(
        [promise](absl::StatusOr<LogIndex> index) { promise->set_value(std::move(index)); });
    return future;
  }

  SystemClock clock;
  NoTransport transport;
  ThreadedLogStore store;
  std::unique_ptr<RaftThread> raft;
  Journal journal;
};

template <class T>
absl::StatusOr<T> Get(std::future<absl::StatusOr<T>> future) {
  if (future.wait_for(kDeadline) != std::future_status::ready) {
    return absl::DeadlineExceededError("no answer");
  }
  return future.get();
}

TEST(RaftThreadTest, SingleMemberLeadsAtOnceAndIsReady) {
  MemoryLog disk = Bootstrapped();
  Member member(&disk);
  ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
  ASSERT_TRUE(member.journal.WaitUntilReady());
  const StateMachine::Leadership last = member.journal.leadership().back();
  EXPECT_EQ(last.role, Role::kLeader);
  EXPECT_EQ(last.leader, NodeId(7));
  const RaftStatus status = member.raft->status();
  EXPECT_EQ(status.id, NodeId(7));
  ASSERT_EQ(status.configuration->size(), 1u);
  EXPECT_EQ(status.configuration->front().address, "127.0.0.1:1");
  EXPECT_TRUE(status.configuration_committed);
}

TEST(RaftThreadTest, ProposalsAreAppliedInOrderAndAnsweredWithTheirIndex) {
  MemoryLog disk = Bootstrapped();
  Member member(&disk);
  ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
  std::vector<std::future<absl::StatusOr<Applied>>> answers;
  for (int i = 0; i < 3000; ++i) answers.push_back(member.Propose(std::to_string(i)));
  LogIndex previous;
  for (int i = 0; i < 3000; ++i) {
    const absl::StatusOr<Applied> applied = Get(std::move(answers[static_cast<size_t>(i)]));
    ASSERT_TRUE(applied.ok()) << applied.status();
    EXPECT_LT(previous, applied->index);
    previous = applied->index;
    EXPECT_EQ(*static_cast<const std::string*>(applied->reply.get()),
              "prepared " + std::to_string(i));
  }
  const std::vector<std::string> commands = member.journal.commands();
  ASSERT_EQ(commands.size(), 3000u);
  for (size_t i = 0; i < 3000; ++i) EXPECT_EQ(commands[i], "prepared " + std::to_string(i));
  // Batches formed: far fewer syncs than proposals.
  EXPECT_LT(member.store.syncs(), 3000);
}

TEST(RaftThreadTest, ManyThreadsEachProposalIsAnsweredExactlyOnce) {
  MemoryLog disk = Bootstrapped();
  Member member(&disk);
  ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
  constexpr int kThreads = 4, kEach = 500;
  std::atomic<int> ok{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        if (Get(member.Propose(Text(t, "/", i))).ok()) ++ok;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ok, kThreads * kEach);
  ASSERT_EQ(member.journal.commands().size(), size_t{kThreads * kEach});
  // Per thread in order.
  std::map<std::string, int> next;
  for (const std::string& command : member.journal.commands()) {
    const size_t slash = command.find('/');
    EXPECT_EQ(std::stoi(command.substr(slash + 1)), next[command.substr(0, slash)]++);
  }
}

TEST(RaftThreadTest, RefusedByPrepareNeverReachesTheLog) {
  MemoryLog disk = Bootstrapped();
  {
    Member member(&disk);
    ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
    auto before = member.Propose("a");
    auto refused = member.Propose("unreadable");
    auto after = member.Propose("b");
    EXPECT_TRUE(Get(std::move(before)).ok());
    EXPECT_EQ(Get(std::move(refused)).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(Get(std::move(after)).ok());
    EXPECT_THAT(member.journal.commands(), ElementsAre("prepared a", "prepared b"));
  }
  for (const LogEntry& entry : disk.entries) EXPECT_THAT(*entry.payload, Not(HasSubstr("unread")));
}

TEST(RaftThreadTest, TooManyProposalsAreRefusedAtOnceAndLaterAdmittedAgain) {
  MemoryLog disk = Bootstrapped();
  RaftThreadOptions options;
  options.max_proposals = 10;
  Member member(&disk, options);
  ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
  member.store.Hold(true);
  std::vector<std::future<absl::StatusOr<Applied>>> admitted;
  for (int i = 0; i < 10; ++i) admitted.push_back(member.Propose("x"));
  auto refused = member.Propose("one too many");
  // Answered within the call, while the disk stands still.
  ASSERT_EQ(refused.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(refused.get().status().code(), absl::StatusCode::kResourceExhausted);
  member.store.Hold(false);
  for (auto& answer : admitted) EXPECT_TRUE(Get(std::move(answer)).ok());
  EXPECT_TRUE(Get(member.Propose("again")).ok());
}

TEST(RaftThreadTest, AppliedButUnreportedStillCounts) {
  MemoryLog disk = Bootstrapped();
  RaftThreadOptions options;
  options.max_proposal_bytes = 1000;
  Member member(&disk, options);
  ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
  ASSERT_TRUE(member.journal.WaitUntilReady());
  member.journal.Pause(true);
  auto first = member.Propose(std::string(600, 'a'));
  auto refused = member.Propose(std::string(600, 'b'));
  ASSERT_EQ(refused.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(refused.get().status().code(), absl::StatusCode::kResourceExhausted);
  auto small = member.Propose(std::string(300, 'c'));
  member.journal.Pause(false);
  EXPECT_TRUE(Get(std::move(first)).ok());
  EXPECT_TRUE(Get(std::move(small)).ok());
}

TEST(RaftThreadTest, FullDiskRefusesProposalsAndServesReads) {
  MemoryLog disk = Bootstrapped();
  Member member(&disk);
  ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
  const absl::StatusOr<Applied> before = Get(member.Propose("a"));
  ASSERT_TRUE(before.ok());
  member.store.SetHasSpace(false);
  EXPECT_EQ(Get(member.Propose("b")).status().code(), absl::StatusCode::kResourceExhausted);
  const absl::StatusOr<LogIndex> index = Get(member.ReadIndex());
  ASSERT_TRUE(index.ok());
  EXPECT_GE(*index, before->index);
  member.store.SetHasSpace(true);
  EXPECT_TRUE(Get(member.Propose("c")).ok());
}

TEST(RaftThreadTest, ReadIndexCoversEverythingAcknowledgedBefore) {
  MemoryLog disk = Bootstrapped();
  Member member(&disk);
  ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
  for (int i = 0; i < 100; ++i) {
    const absl::StatusOr<Applied> applied = Get(member.Propose("x"));
    ASSERT_TRUE(applied.ok());
    const absl::StatusOr<LogIndex> index = Get(member.ReadIndex());
    ASSERT_TRUE(index.ok());
    EXPECT_GE(*index, applied->index);
  }
}

TEST(RaftThreadTest, StopAnswersEverythingThatIsPending) {
  MemoryLog disk = Bootstrapped();
  Member member(&disk);
  ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
  ASSERT_TRUE(member.journal.WaitUntilReady());
  member.store.Hold(true);
  std::vector<std::future<absl::StatusOr<Applied>>> answers;
  for (int i = 0; i < 100; ++i) answers.push_back(member.Propose("x"));
  member.raft->Stop();
  for (auto& answer : answers) {
    ASSERT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::ready);
    const absl::StatusCode code = answer.get().status().code();
    EXPECT_TRUE(code == absl::StatusCode::kAborted || code == absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(Get(member.Propose("late")).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Get(member.ReadIndex()).status().code(), absl::StatusCode::kUnavailable);
  member.raft->Stop();  // twice is harmless
}

TEST(RaftThreadTest, RestartReplaysTheLogFromTheAppliedIndex) {
  MemoryLog disk = Bootstrapped();
  LogIndex third;
  {
    Member member(&disk);
    ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
    for (const char* command : {"a", "b", "c", "d", "e"}) {
      const absl::StatusOr<Applied> applied = Get(member.Propose(command));
      ASSERT_TRUE(applied.ok());
      if (command == std::string("c")) third = applied->index;
    }
  }
  {
    Member member(&disk);
    ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
    ASSERT_TRUE(member.journal.WaitUntilReady());
    ASSERT_TRUE(Get(member.Propose("f")).ok());
    EXPECT_THAT(member.journal.commands(), ElementsAre("prepared a", "prepared b", "prepared c",
                                                       "prepared d", "prepared e", "prepared f"));
  }
  Member member(&disk, {}, third);
  ASSERT_TRUE(member.raft->Start(third).ok());
  ASSERT_TRUE(Get(member.Propose("g")).ok());
  EXPECT_THAT(member.journal.commands(),
              ElementsAre("prepared d", "prepared e", "prepared f", "prepared g"));
}

TEST(RaftThreadTest, CutLogKeepsTheTrailingEntriesAndSurvivesARestart) {
  MemoryLog disk = Bootstrapped();
  RaftThreadOptions options;
  options.driver.trailing_entries = 20;
  LogIndex last;
  {
    Member member(&disk, options);
    ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
    for (int i = 0; i < 100; ++i) last = Get(member.Propose("x"))->index;
    // The answer comes before the report of progress that a cut is bounded by.
    ASSERT_TRUE(registryd::testing::WaitFor([&] { return member.raft->status().applied == last; }));
    member.raft->CutLog(last);
    member.raft->CutLog(last);  // twice at one index does nothing
    last = Get(member.Propose("y"))->index;
    EXPECT_EQ(member.raft->status().snapshot, last - 1);
  }
  ASSERT_TRUE(disk.snapshot.has_value());
  EXPECT_EQ(disk.snapshot->index, last - 1);
  EXPECT_EQ(disk.snapshot->configuration_index, LogIndex(1));
  EXPECT_EQ(disk.snapshot->configuration.size(), 1u);
  EXPECT_EQ(disk.first, last - 1 - 20 + 1);
  {
    Member member(&disk, options, last);
    ASSERT_TRUE(member.raft->Start(last).ok());
    EXPECT_TRUE(Get(member.Propose("z")).ok());
    EXPECT_EQ(member.raft->status().configuration->size(), 1u);
  }
  // The state is older than the log, or the log lost what the state has.
  Member behind(&disk, options);
  EXPECT_EQ(behind.raft->Start(LogIndex(5)).code(), absl::StatusCode::kDataLoss);
  Member ahead(&disk, options);
  EXPECT_EQ(ahead.raft->Start(last + 1000).code(), absl::StatusCode::kDataLoss);
}

TEST(RaftThreadTest, SlowStateMachineIsNotFlooded) {
  MemoryLog disk = Bootstrapped();
  for (int i = 0; i < 500; ++i) {
    disk.entries.push_back(
        {Term(1), EntryType::kCommand, std::make_shared<std::string>(std::to_string(i))});
  }
  RaftThreadOptions options;
  options.driver.max_unapplied = 64;
  Member member(&disk, options);
  member.journal.Pause(true);
  ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
  // Start has handed over what it may; the rest follows the reports.
  EXPECT_EQ(member.journal.received(), 64u);
  member.journal.Pause(false);
  ASSERT_TRUE(Get(member.Propose("last")).ok());
  ASSERT_EQ(member.journal.commands().size(), 501u);
  EXPECT_EQ(member.journal.commands()[499], "499");
}

TEST(RaftThreadTest, AMemberOfThreeAloneIsNoLeader) {
  MemoryLog disk;
  disk.term = Term(1);
  disk.entries.push_back(
      {Term(1), EntryType::kConfiguration,
       *EncodeConfiguration(
           {{NodeId(7), "127.0.0.1:1"}, {NodeId(8), "127.0.0.1:2"}, {NodeId(9), "127.0.0.1:3"}})});
  RaftThreadOptions options;
  options.driver.election_timeout_ms = 20;
  options.driver.heartbeat_ms = 5;
  Member member(&disk, options);
  ASSERT_TRUE(member.raft->Start(LogIndex()).ok());
  EXPECT_EQ(Get(member.Propose("x")).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Get(member.ReadIndex()).status().code(), absl::StatusCode::kUnavailable);
  // It asks for votes by itself, so its timer runs.
  EXPECT_TRUE(
      member.journal.WaitFor([&]() { return member.raft->status().role == Role::kCandidate; }));
}

}  // namespace
}  // namespace registryd::consensus
