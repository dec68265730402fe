#include "registryd/consensus/read_index.h"

#include <iterator>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/consensus/configuration_history.h"

namespace registryd::consensus {

void ReadIndexRounds::Add(ReadDone done) {
  if (waiting_.size() + round_.size() >= max_waiting_) {
    std::move(done)(absl::ResourceExhaustedError("too many linearizable reads wait; try again"));
    return;
  }
  waiting_.push_back(std::move(done));
}

uint64_t ReadIndexRounds::Begin(LogIndex read_index, int64_t now_ms) {
  REGISTRYD_CHECK(WantsRound(), "a round of reads without reads");
  round_.swap(waiting_);
  read_index_ = read_index;
  deadline_ms_ = now_ms + round_timeout_ms_;
  acknowledged_.clear();
  return ++context_;
}

void ReadIndexRounds::Acknowledge(NodeId from, uint64_t context) {
  if (!round_.empty() && context == context_) acknowledged_.insert(from);
}

bool ReadIndexRounds::ReleaseIfQuorum(const Configuration& newest, NodeId self) {
  if (round_.empty()) return false;
  size_t votes = IsVoter(newest, self) ? 1 : 0;
  for (NodeId node : acknowledged_) votes += IsVoter(newest, node) ? 1 : 0;
  if (votes <= VoterCount(newest) / 2) return false;
  std::vector<ReadDone> released = std::move(round_);
  round_.clear();
  for (ReadDone& done : released) std::move(done)(read_index_);
  return true;
}

bool ReadIndexRounds::GiveUpIfLate(int64_t now_ms) {
  if (now_ms < DeadlineMs()) return false;
  // Older reads first. The next round's read index is no older than this one's, so it serves them
  // as well.
  round_.insert(round_.end(), std::make_move_iterator(waiting_.begin()),
                std::make_move_iterator(waiting_.end()));
  waiting_ = std::move(round_);
  round_.clear();
  return true;
}

void ReadIndexRounds::FailAll(const absl::Status& status) {
  std::vector<ReadDone> failed = std::move(round_);
  round_.clear();
  failed.insert(failed.end(), std::make_move_iterator(waiting_.begin()),
                std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  for (ReadDone& done : failed) std::move(done)(status);
}

}  // namespace registryd::consensus
