// How often a topic tells its subscribers: at once while changes are few; in windows that widen
// while they storm, so that one page tells of many; and at once again when it is calm.
//
//   int64_t due_ms = pace.Due();             // a change: tell then, or at once where that is past
//   pace.Told(now_ms, subscribers);
//
// The first kBurst tellings of a storm go out at once. After them the window doubles with each
// telling, up to about twice the time that telling all subscribers takes: none for a few, 4 ms for
// a hundred, 40 ms for a thousand, 250 ms from some six thousand on. A subscriber whose stream is
// still busy waits for that alone, and gets all that came meanwhile. Threads: one; the topic's lock
// guards it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace registryd::watch {

class Pace {
 public:
  static constexpr int kBurst = 8;
  static constexpr int64_t kCalmMs = 20;  // tellings further apart than this are no storm
  static constexpr int64_t kWindowMaxMs = 250;
  static constexpr size_t kSubscribersAMs = 25;

  int64_t Due() const { return told_ms_ + window_ms_; }
  int64_t window_ms() const { return window_ms_; }

  void Told(int64_t now_ms, size_t subscribers) {
    const int64_t gap_ms = now_ms - told_ms_;
    told_ms_ = now_ms;
    if (gap_ms >= std::max(kCalmMs, 2 * window_ms_)) {
      quick_ = 0;
      window_ms_ = gap_ms > kWindowMaxMs * 4 ? 0 : window_ms_ / 2;
      return;
    }
    if (++quick_ <= kBurst) return;
    const int64_t most_ms =
        std::min(kWindowMaxMs, static_cast<int64_t>(subscribers / kSubscribersAMs));
    window_ms_ = std::min(std::max<int64_t>(1, window_ms_ * 2), most_ms);
  }

 private:
  int64_t told_ms_ = -kWindowMaxMs * 8;
  int64_t window_ms_ = 0;
  int quick_ = 0;  // tellings in a row that were close to the one before
};

}  // namespace registryd::watch
