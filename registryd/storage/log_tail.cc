#include "registryd/storage/log_tail.h"

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::storage {

void LogTail::Reset(LogIndex first, LogIndex last) {
  first_ = first;
  last_ = last;
  unwritten_.clear();
}

void LogTail::Append(LogIndex first, const std::vector<consensus::LogEntry>& entries,
                     uint64_t task) {
  REGISTRYD_CHECK(
      first >= first_ && first <= last_ + 1,
      Text("entries from ", first, " do not continue the log [", first_, ", ", last_, "]"));
  while (last_ >= first && !unwritten_.empty()) {
    unwritten_.pop_back();
    last_ = last_ - 1;
  }
  // What is left to remove was written: the log writer removes it from RocksDB before it writes
  // these.
  last_ = first + entries.size() - 1;
  for (const consensus::LogEntry& entry : entries) unwritten_.push_back({entry, task});
}

void LogTail::Written(uint64_t task) {
  while (!unwritten_.empty() && unwritten_.front().task <= task) unwritten_.pop_front();
}

void LogTail::Cut(LogIndex first_kept) {
  if (first_kept <= first_) return;
  first_ = first_kept;
  if (first_kept > last_) Reset(first_kept, first_kept - 1);
}

}  // namespace registryd::storage
