// The newest entries of the log in memory, so that sending and applying seldom read the disk.
//
//   LogCache cache(64 << 20);
//   cache.Append(index, entries);       // consecutive; truncates first when `index` is not beyond
//   the end cache.Read(from, to, 1024, 256 << 10, &out);
//
// Payloads are shared with the log store and the state machine, not copied. Over the limit the
// oldest entries go; the newest entry always stays. Threads: one.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "registryd/consensus/types.h"

namespace registryd::consensus {

// What an entry counts for in limits of bytes.
inline size_t EntryBytes(const LogEntry& entry) { return sizeof(LogEntry) + entry.payload->size(); }

class LogCache {
 public:
  explicit LogCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  void Append(LogIndex first, const std::vector<LogEntry>& entries);
  void Clear() {
    entries_.clear();
    bytes_ = 0;
  }
  bool Contains(LogIndex index) const {
    return !entries_.empty() && index >= first_ && index.value() < first_.value() + entries_.size();
  }
  // Entries [first, last] as long as they fit, at least one. `first` must be in the cache.
  std::vector<LogEntry> Read(LogIndex first, LogIndex last, size_t max_entries,
                             size_t max_bytes) const;

 private:
  const size_t max_bytes_;
  LogIndex first_;
  size_t bytes_ = 0;
  std::deque<LogEntry> entries_;
};

}  // namespace registryd::consensus
