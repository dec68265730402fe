// One driver with everything around it in the test's hands: a clock that stands still, a disk that
// syncs when it is told, peers that are played by the test, and a state machine that keeps what it
// gets.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "registryd/base/clock.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/consensus/driver.h"
#include "tests/support/memory_log.h"

namespace registryd::consensus {

inline const NodeId kSelf(1);

inline std::string AddressOf(NodeId id) { return Text("node", id, ":1"); }

inline Payload Bytes(std::string bytes) {
  return std::make_shared<const std::string>(std::move(bytes));
}
inline LogEntry Command(uint64_t term, std::string bytes) {
  return {Term(term), EntryType::kCommand, Bytes(std::move(bytes))};
}
inline LogEntry Barrier(uint64_t term) { return {Term(term), EntryType::kBarrier, Bytes("")}; }
inline Configuration Members(std::vector<uint64_t> voters, std::vector<uint64_t> standbys = {}) {
  Configuration configuration;
  for (const uint64_t id : voters) configuration.push_back({NodeId(id), AddressOf(NodeId(id))});
  for (const uint64_t id : standbys) {
    configuration.push_back({NodeId(id), AddressOf(NodeId(id)), Suffrage::kStandby});
  }
  return configuration;
}
inline LogEntry ConfigurationEntry(uint64_t term, const Configuration& configuration) {
  return {Term(term), EntryType::kConfiguration, *EncodeConfiguration(configuration)};
}

class DriverHarness : public LogStore,
                      public Transport,
                      public StateMachine,
                      public SnapshotSender {
 public:
  struct Sent {
    NodeId to;
    PeerMessage message;
  };

  DriverHarness() {
    options.id = kSelf;
    options.address = AddressOf(kSelf);
    options.seed = 42;
  }

  // The log of a new member of this configuration, and what follows entry 1.
  void Bootstrap(const Configuration& configuration, std::vector<LogEntry> entries = {},
                 uint64_t term = 1) {
    disk.term = Term(term);
    disk.entries.push_back(ConfigurationEntry(1, configuration));
    disk.entries.insert(disk.entries.end(), entries.begin(), entries.end());
  }
  absl::Status Start(LogIndex applied = {}) {
    view = disk;
    driver = std::make_unique<Driver>(
        Driver::Parts{this, this, this, &clock,
                      [this](uint64_t write) { persisted.push_back(write); }, this},
        options);
    return driver->Start(disk.Load(), applied);
  }

  // Everything appended so far reaches the disk, and the driver hears of it.
  void Sync() {
    WriteAll();
    for (const uint64_t write : std::exchange(persisted, {})) driver->Persisted(write);
    driver->EndRound();
  }
  template <class Body>
  void From(uint64_t peer, Body body) {
    driver->Receive({NodeId(peer), AddressOf(NodeId(peer)), std::move(body)});
    driver->EndRound();
  }
  void Append(uint64_t leader, uint64_t term, uint64_t prev, uint64_t prev_term, uint64_t commit,
              std::vector<LogEntry> entries = {}) {
    From(leader, AppendEntries{Term(term), LogIndex(prev), Term(prev_term), LogIndex(commit),
                               std::move(entries)});
  }
  void Accept(uint64_t peer, uint64_t last) {
    From(peer, AppendEntriesResult{Term(driver->status().term), LogIndex(), LogIndex(last)});
  }
  // Time passes until the timer has fired once.
  void RunTimer() {
    clock.Advance(std::max<int64_t>(1, driver->NextTickMs() - clock.MonotonicMs()));
    driver->Tick();
    driver->EndRound();
  }
  // Wins an election with the vote of `voter`, and becomes ready if `ready`.
  void Lead(uint64_t voter = 2, bool ready = true) {
    while (driver->status().role == Role::kFollower) RunTimer();
    const Term next(driver->status().term + 1);
    From(voter, RequestVoteResult{next, true, true});
    From(voter, RequestVoteResult{next, true, false});
    ASSERT_EQ(driver->status().role, Role::kLeader);
    if (!ready) return;
    Sync();
    Accept(voter, driver->status().last_index.value());
    ASSERT_TRUE(driver->status().ready);
  }
  // The answer lands in `outcomes` at the same place.
  void Propose(std::vector<std::string> commands) {
    std::vector<Proposal> proposals;
    for (std::string& command : commands) {
      const size_t number = outcomes.size();
      outcomes.emplace_back(absl::UnknownError("pending"));
      answers.push_back(0);
      proposals.push_back({std::move(command), [this, number](absl::StatusOr<Applied> applied) {
                             ++answers[number];
                             outcomes[number] = applied.status();
                           }});
    }
    driver->Propose(std::move(proposals));
    driver->EndRound();
  }
  void ReportApplied() {
    if (handed.empty()) return;
    driver->Applied(handed.back().index);
    driver->EndRound();
  }

  // The messages of one kind since the last call, in order; all others stay.
  template <class Body>
  std::vector<std::pair<NodeId, Body>> Take() {
    std::vector<std::pair<NodeId, Body>> taken;
    std::vector<Sent> left;
    for (Sent& one : sent) {
      if (auto* body = std::get_if<Body>(&one.message.body)) {
        taken.emplace_back(one.to, std::move(*body));
      } else {
        left.push_back(std::move(one));
      }
    }
    sent = std::move(left);
    return taken;
  }

  // LogStore
  absl::StatusOr<Loaded> Load() override { return disk.Load(); }
  void SaveTermAndVote(Term term, NodeId voted_for) override {
    disk.term = view.term = term;
    disk.voted_for = view.voted_for = voted_for;
    saved_after_sends = sent.size();
  }
  void Append(LogIndex first, std::vector<LogEntry> entries,
              absl::AnyInvocable<void() &&> done) override {
    view.Append(first, entries);
    writes.push_back({first, std::move(entries), std::move(done)});
  }
  std::vector<LogEntry> Read(LogIndex first, LogIndex last, size_t max_bytes) override {
    ++reads_from_disk;
    return view.Read(first, last, max_bytes);
  }
  void Cut(const SnapshotRecord& record, LogIndex first_kept) override {
    view.Cut(record, first_kept);
    disk.Cut(record, first_kept);
    ++cuts;
  }
  void Install(const SnapshotRecord& record, uint64_t generation) override {
    WriteAll();  // of which the driver hears later
    view.Install(record, generation);
    disk.Install(record, generation);
  }
  bool HasSpace() const override { return has_space; }
  // Transport
  void Send(NodeId to, const std::string& address, const PeerMessage& message) override {
    EXPECT_EQ(address, AddressOf(to));
    EXPECT_EQ(message.from, kSelf);
    sent.push_back({to, message});
  }
  void KeepConnected(const Configuration& members) override {
    kept.clear();
    for (const Server& member : members) kept.push_back(member.id.value());
  }
  // StateMachine
  absl::Status Prepare(std::string& command) override {
    return command == "unreadable" ? absl::InvalidArgumentError("cannot be read")
                                   : absl::OkStatus();
  }
  void Apply(std::vector<Committed> range) override {
    for (Committed& committed : range) {
      EXPECT_TRUE(disk.Contains(committed.index)) << "applied before it is on disk";
      if (committed.done) std::move(committed.done)(consensus::Applied{committed.index, nullptr});
      handed.push_back(std::move(committed));
    }
  }
  void OnLeadership(const Leadership& now) override { leadership.push_back(now); }
  void OnLevel(int64_t at_ms) override { level_ms.push_back(at_ms); }
  void Install(std::unique_ptr<StagedSnapshot> snapshot) override {
    installed.push_back(snapshot->record());
  }
  void OnRemoved() override { ++removed; }
  // SnapshotSender
  void SendSnapshot(NodeId to, const std::string& address) override {
    EXPECT_EQ(address, AddressOf(to));
    snapshots_to.push_back(to);
  }

  FakeClock clock;
  DriverOptions options;
  testing::MemoryLog disk;  // what is synced
  testing::MemoryLog view;  // what was appended
  std::unique_ptr<Driver> driver;
  std::vector<Sent> sent;
  std::vector<uint64_t> kept;  // connected although nothing is sent
  std::vector<Committed> handed;
  std::vector<Leadership> leadership;
  std::vector<int64_t> level_ms;
  std::vector<absl::Status> outcomes;
  std::vector<int> answers;  // how often each proposal was answered
  size_t saved_after_sends = 0;
  int reads_from_disk = 0;
  int cuts = 0;
  std::vector<SnapshotRecord> installed;
  int removed = 0;
  std::vector<NodeId> snapshots_to;  // transfers that the driver asked for
  bool has_space = true;

 private:
  void WriteAll() {
    while (!writes.empty()) {
      auto [first, entries, done] = std::move(writes.front());
      writes.pop_front();
      disk.Append(first, entries);
      std::move(done)();
    }
  }

  struct Write {
    LogIndex first;
    std::vector<LogEntry> entries;
    absl::AnyInvocable<void() &&> done;
  };
  std::deque<Write> writes;
  std::vector<uint64_t> persisted;
};

}  // namespace registryd::consensus
