// The log's bounds, and the entries that the log writer has not written yet, so that they can be
// read at once.
//
//   tail.Append(LogIndex{5}, entries, /*task=*/3);      // replaces 5 and everything behind it
//   tail.Written(/*task=*/3);                           // they are in RocksDB now and leave
//
// Entries below first_unwritten() are in RocksDB. Pure data; not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "registryd/consensus/types.h"

namespace registryd::storage {

class LogTail {
 public:
  // An empty log has last == first - 1.
  void Reset(LogIndex first, LogIndex last);
  // `first` at most last() + 1; tasks ascend.
  void Append(LogIndex first, const std::vector<consensus::LogEntry>& entries, uint64_t task);
  // Everything up to and with `task` is in RocksDB.
  void Written(uint64_t task);
  // Beyond last() + 1 the log becomes empty and goes on at `first_kept`.
  void Cut(LogIndex first_kept);

  LogIndex first() const { return first_; }
  LogIndex last() const { return last_; }
  LogIndex first_unwritten() const { return last_ + 1 - unwritten_.size(); }
  // An unwritten entry.
  const consensus::LogEntry& At(LogIndex index) const {
    return unwritten_[index - first_unwritten()].entry;
  }

 private:
  struct Unwritten {
    consensus::LogEntry entry;
    uint64_t task;
  };
  LogIndex first_{1};
  LogIndex last_{0};
  std::deque<Unwritten> unwritten_;  // the last ones of the log, tasks ascending
};

}  // namespace registryd::storage
