// TimeSource: where the resilience parts (breaker, ejection, retry, picker) take the time from; so
// that a test can move it.
//
//   registry::ManualTime time;
//   registry::CircuitBreaker breaker({}, &time);
//   time.Advance(absl::Seconds(60));
//
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace registry {

class TimeSource {
 public:
  virtual ~TimeSource() = default;
  // Nanoseconds since some fixed point; never goes back.
  virtual int64_t NowNanos() const = 0;

  // The steady clock; lives for ever.
  static const TimeSource* Steady();
};

// Stands still until it is moved.
class ManualTime : public TimeSource {
 public:
  int64_t NowNanos() const override { return now_.load(); }
  void Advance(absl::Duration step) { now_.fetch_add(absl::ToInt64Nanoseconds(step)); }

 private:
  std::atomic<int64_t> now_{1'000'000'000};
};

}  // namespace registry
