// Linearizable reads without a log write: rounds of probes, each shared by all reads that waited
// when it began.
//
// An acknowledgement that was sent after a read arrived proves that its sender had not voted in a
// later term before the read arrived. A majority of such senders meets every later election's
// majority, so nobody else can have committed anything that the leader's commit index of that
// moment lacks. Therefore: reads that arrive during a round wait for the next one, and an
// acknowledgement counts only with the round's own context.
//
//   rounds.Add(std::move(done));
//   if (rounds.WantsRound()) { context = rounds.Begin(commit_index, now_ms); ...send probes... }
//   rounds.Acknowledge(from, context);
//   rounds.ReleaseIfQuorum(newest_configuration, self);     // runs the reads' `done`
//
// Pure bookkeeping: the driver asks for rounds only on a leader that is ready. Threads: one.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registryd/consensus/types.h"

namespace registryd::consensus {

using ReadDone = absl::AnyInvocable<void(absl::StatusOr<LogIndex>) &&>;

class ReadIndexRounds {
 public:
  // Contexts start at `first_context`, so that they differ from those of an earlier life of this
  // process.
  ReadIndexRounds(uint64_t first_context, int64_t round_timeout_ms, size_t max_waiting)
      : context_(first_context), round_timeout_ms_(round_timeout_ms), max_waiting_(max_waiting) {}

  // Too many waiting: answered RESOURCE_EXHAUSTED at once.
  void Add(ReadDone done);
  // True when reads wait and no round is under way.
  bool WantsRound() const { return round_.empty() && !waiting_.empty(); }
  // All reads that wait become the round's; answers the context of its probes.
  uint64_t Begin(LogIndex read_index, int64_t now_ms);
  void Acknowledge(NodeId from, uint64_t context);
  // True when the round was answered.
  bool ReleaseIfQuorum(const Configuration& newest, NodeId self);
  // The round under way has waited too long: its reads wait for a new one. True when that was so.
  bool GiveUpIfLate(int64_t now_ms);
  // Answers everything that waits.
  void FailAll(const absl::Status& status);
  // When GiveUpIfLate has something to do; INT64_MAX: no round is under way.
  int64_t DeadlineMs() const { return round_.empty() ? INT64_MAX : deadline_ms_; }

 private:
  uint64_t context_;
  const int64_t round_timeout_ms_;
  const size_t max_waiting_;
  std::vector<ReadDone> waiting_;
  std::vector<ReadDone> round_;
  LogIndex read_index_;
  int64_t deadline_ms_ = 0;
  std::set<NodeId> acknowledged_;
};

}  // namespace registryd::consensus
