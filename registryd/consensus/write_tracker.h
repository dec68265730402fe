// Which appends are on their way to the disk, and what may be reported to the core when one
// arrives.
//
//   const uint64_t write = tracker.Add(first, last);      // a new append; clamps older ones that
//   it overwrites if (LogIndex stored = tracker.Finish(write)) ...      // everything up to
//   `stored` is on disk
//
// The core must never hear of entries that were truncated meanwhile, nor of the same index twice.
// Threads: one.
#pragma once

#include <cstdint>
#include <deque>

#include "registryd/base/ids.h"

namespace registryd::consensus {

class WriteTracker {
 public:
  uint64_t Add(LogIndex first, LogIndex last);
  // The highest index that is newly known to be on disk with everything before it; 0: nothing new.
  LogIndex Finish(uint64_t write);
  // A snapshot replaced the log: what is under way means nothing any more.
  void ForgetAll();

 private:
  struct Write {
    uint64_t id;
    LogIndex last;  // clamped to what later appends left of it
    bool done = false;
  };
  uint64_t next_id_ = 1;
  std::deque<Write> writes_;
};

}  // namespace registryd::consensus
