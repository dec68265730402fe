#include "registryd/consensus/write_tracker.h"

#include <algorithm>

#include "registryd/base/check.h"

namespace registryd::consensus {

uint64_t WriteTracker::Add(LogIndex first, LogIndex last) {
  REGISTRYD_CHECK(first.value() > 0 && first <= last, "an append without entries");
  // Clamping keeps the order: a clamped write ends right before `first`, and all before it end
  // there or earlier.
  for (Write& write : writes_) write.last = std::min(write.last, first - 1);
  writes_.push_back({next_id_, last});
  return next_id_++;
}

LogIndex WriteTracker::Finish(uint64_t id) {
  const auto found = std::find_if(writes_.begin(), writes_.end(),
                                  [id](const Write& write) { return write.id == id; });
  REGISTRYD_CHECK(found != writes_.end() && !found->done, "a write that is not under way finished");
  found->done = true;
  LogIndex stored;
  while (!writes_.empty() && writes_.front().done) {
    stored = std::max(stored, writes_.front().last);
    writes_.pop_front();
  }
  return stored;
}

void WriteTracker::ForgetAll() {
  for (Write& write : writes_) write.last = LogIndex();
}

}  // namespace registryd::consensus
