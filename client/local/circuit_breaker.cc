#include "registry/circuit_breaker.h"

#include <algorithm>

namespace registry {

const char* ToString(CircuitBreaker::State state) {
  switch (state) {
    case CircuitBreaker::State::kClosed:
      return "closed";
    case CircuitBreaker::State::kOpen:
      return "open";
    case CircuitBreaker::State::kHalfOpen:
      return "half-open";
  }
  return "unknown";
}

CircuitBreaker::CircuitBreaker(const CircuitBreakerOptions& options, const TimeSource* time)
    : options_(options), time_(time), window_(options.window) {}

bool CircuitBreaker::Allow() {
  return state_.load(std::memory_order_acquire) == State::kClosed || AllowSlow();
}

bool CircuitBreaker::AllowSlow() {
  std::lock_guard lock(mutex_);
  switch (state_.load(std::memory_order_relaxed)) {
    case State::kClosed:
      return true;
    case State::kOpen:
      if (time_->NowNanos() < open_until_ns_) return false;
      permits_ = std::max<uint32_t>(options_.half_open_calls, 1);
      half_open_ok_ = half_open_failed_ = 0;
      state_.store(State::kHalfOpen, std::memory_order_release);
      [[fallthrough]];
    case State::kHalfOpen:
      if (permits_ == 0) return false;
      --permits_;
      return true;
  }
  return false;
}

void CircuitBreaker::RecordAt(int64_t now, bool ok) {
  switch (state_.load(std::memory_order_acquire)) {
    case State::kHalfOpen:
      return RecordHalfOpen(ok);
    case State::kOpen:
      return;  // of a call of before
    case State::kClosed:
      break;
  }
  window_.Add(now, ok);
  if (ok) {
    if (in_a_row_.load(std::memory_order_relaxed) != 0) {
      in_a_row_.store(0, std::memory_order_relaxed);
    }
    return;
  }
  const uint32_t in_a_row = in_a_row_.fetch_add(1, std::memory_order_relaxed) + 1;
  const OutcomeWindow::Counts counts = window_.Sum(now);
  const bool many = options_.consecutive_failures != 0 && in_a_row >= options_.consecutive_failures;
  const bool often =
      counts.total() >= options_.minimum_calls && counts.failure_rate() >= options_.failure_rate;
  if (!many && !often) return;
  std::lock_guard lock(mutex_);
  if (state_.load(std::memory_order_relaxed) == State::kClosed) Open();
}

void CircuitBreaker::RecordHalfOpen(bool ok) {
  std::lock_guard lock(mutex_);
  if (state_.load(std::memory_order_relaxed) != State::kHalfOpen) return;
  ++(ok ? half_open_ok_ : half_open_failed_);
  const uint32_t back = half_open_ok_ + half_open_failed_;
  if (back < std::max<uint32_t>(options_.half_open_calls, 1)) return;
  if (half_open_failed_ >= options_.failure_rate * back) return Open();
  window_.Clear();
  in_a_row_.store(0, std::memory_order_relaxed);
  state_.store(State::kClosed, std::memory_order_release);
}

void CircuitBreaker::Cancel() {
  if (state_.load(std::memory_order_acquire) != State::kHalfOpen) return;
  std::lock_guard lock(mutex_);
  if (state_.load(std::memory_order_relaxed) == State::kHalfOpen) ++permits_;
}

void CircuitBreaker::Open() {
  open_until_ns_ = time_->NowNanos() + absl::ToInt64Nanoseconds(options_.open_for);
  window_.Clear();
  in_a_row_.store(0, std::memory_order_relaxed);
  state_.store(State::kOpen, std::memory_order_release);
}

}  // namespace registry
