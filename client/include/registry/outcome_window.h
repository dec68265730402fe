// OutcomeWindow: how many calls went well and how many failed, over a sliding time. What the
// breaker, the ejection and the retry budget count with.
//
//   registry::OutcomeWindow window(absl::Seconds(10));
//   window.Add(time.NowNanos(), ok);
//   if (window.Sum(time.NowNanos()).failure_rate() > 0.5) ...
//
// Threads: any, lock-free. Two threads that begin a slice at the same moment may lose a count: the
// numbers are for thresholds, not for bills. Memory: 128 bytes. The time slides in eighths.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace registry {

class OutcomeWindow {
 public:
  struct Counts {
    uint32_t ok = 0;
    uint32_t failed = 0;
    uint32_t total() const { return ok + failed; }
    double failure_rate() const { return total() == 0 ? 0 : double{1} * failed / total(); }
  };

  explicit OutcomeWindow(absl::Duration length);

  void Add(int64_t now_ns, bool ok);
  Counts Sum(int64_t now_ns) const;
  void Clear();

 private:
  static constexpr size_t kSlices = 8;
  struct Slice {
    std::atomic<int64_t> number{-1};
    std::atomic<uint32_t> ok{0};
    std::atomic<uint32_t> failed{0};
  };

  const int64_t slice_ns_;
  std::array<Slice, kSlices> slices_;
};

}  // namespace registry
