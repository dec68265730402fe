#include "registryd/consensus/log_cache.h"

#include "registryd/base/check.h"

namespace registryd::consensus {

void LogCache::Append(LogIndex first, const std::vector<LogEntry>& entries) {
  while (!entries_.empty() && first.value() < first_.value() + entries_.size()) {
    bytes_ -= EntryBytes(entries_.back());
    entries_.pop_back();
  }
  // After a gap (everything was evicted or truncated) the cache starts anew.
  if (entries_.empty()) first_ = first;
  REGISTRYD_CHECK(first.value() == first_.value() + entries_.size(), "a gap in the log cache");
  for (const LogEntry& entry : entries) {
    bytes_ += EntryBytes(entry);
    entries_.push_back(entry);
  }
  while (bytes_ > max_bytes_ && entries_.size() > 1) {
    bytes_ -= EntryBytes(entries_.front());
    entries_.pop_front();
    ++first_;
  }
}

std::vector<LogEntry> LogCache::Read(LogIndex first, LogIndex last, size_t max_entries,
                                     size_t max_bytes) const {
  REGISTRYD_CHECK(Contains(first), "read beside the log cache");
  std::vector<LogEntry> out;
  size_t bytes = 0;
  for (LogIndex index = first; index <= last && Contains(index) && out.size() < max_entries;
       ++index) {
    const LogEntry& entry = entries_[index - first_];
    bytes += EntryBytes(entry);
    if (!out.empty() && bytes > max_bytes) break;
    out.push_back(entry);
  }
  return out;
}

}  // namespace registryd::consensus
