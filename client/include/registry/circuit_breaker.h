// CircuitBreaker: stops calls to what fails, and tries again with a few.
//
//   registry::CircuitBreaker breaker;
//   if (!breaker.Allow()) return absl::UnavailableError("the circuit is open");
//   absl::Status status = Call();
//   breaker.Record(status.ok());
//
// Closed: all calls go. It opens when the rate of failures in the window, or their number in a row,
// reaches the threshold. Open: none go, for `open_for`. Half-open: `half_open_calls` go; when all
// of them are back, their rate decides between closed and open.
//
// Threads: any. Allow and Record are lock-free while it is closed and nothing fails; a change of
// state takes a lock. Cost: some nanoseconds. A result that comes late, from a call of before the
// change of state, counts where it comes.
//
// Defaults are those of resilience4j (CircuitBreakerConfig, 2.x) with its time-based window, and
// for failures in a row Envoy's outlier detection (consecutive_5xx).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "absl/time/time.h"
#include "registry/outcome_window.h"
#include "registry/time_source.h"

namespace registry {

struct CircuitBreakerOptions {
  double failure_rate = 0.5;                    // resilience4j failureRateThreshold: 50 %
  uint32_t minimum_calls = 100;                 // resilience4j minimumNumberOfCalls: 100
  absl::Duration window = absl::Seconds(10);    // Envoy's interval: 10 s
  uint32_t consecutive_failures = 5;            // Envoy consecutive_5xx: 5. 0: does not count
  absl::Duration open_for = absl::Seconds(60);  // resilience4j waitDurationInOpenState: 60 s
  uint32_t half_open_calls = 10;  // resilience4j permittedNumberOfCallsInHalfOpenState: 10
};

class CircuitBreaker {
 public:
  enum class State { kClosed, kOpen, kHalfOpen };

  explicit CircuitBreaker(const CircuitBreakerOptions& options = {},
                          const TimeSource* time = TimeSource::Steady());

  // False: do not call. True: call, and then Record or Cancel.
  bool Allow();
  void Record(bool ok) { RecordAt(time_->NowNanos(), ok); }
  void RecordAt(int64_t now_ns, bool ok);  // the same for who has just asked that clock
  // The call was not made, or says nothing.
  void Cancel();

  // As of the last Allow or Record: an open one turns half-open by the next Allow.
  State state() const { return state_.load(std::memory_order_acquire); }

 private:
  bool AllowSlow();
  void RecordHalfOpen(bool ok);
  void Open();  // with mutex_ held

  const CircuitBreakerOptions options_;
  const TimeSource* const time_;
  std::atomic<State> state_{State::kClosed};
  std::atomic<uint32_t> in_a_row_{0};
  OutcomeWindow window_;

  std::mutex mutex_;  // guards the rest, and changes of state_
  int64_t open_until_ns_ = 0;
  uint32_t permits_ = 0;  // of half-open
  uint32_t half_open_ok_ = 0;
  uint32_t half_open_failed_ = 0;
};

// "closed", "open", "half-open"
const char* ToString(CircuitBreaker::State state);

}  // namespace registry
