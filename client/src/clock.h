// Time for calls and timers: always the steady clock, so that steps of the system's time change
// nothing.
#pragma once

#include <grpc/support/time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "absl/time/time.h"

namespace registry {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Millis = std::chrono::milliseconds;

// A gRPC deadline `left` from now. Never later than a year, never in the past.
inline gpr_timespec GrpcDeadline(Clock::duration left) {
  const auto ms = std::clamp<int64_t>(std::chrono::ceil<Millis>(left).count(), 0,
                                      int64_t{365} * 24 * 3600 * 1000);
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

// Whole milliseconds, rounded up, so that a short time does not become "none".
inline int64_t CeilMillis(absl::Duration duration) {
  return absl::ToInt64Milliseconds(absl::Ceil(duration, absl::Milliseconds(1)));
}

// From a user's duration, bounded so that adding it to a time point cannot overflow.
inline Clock::duration ToSteady(absl::Duration duration) {
  return Millis(std::clamp<int64_t>(CeilMillis(duration), 0, int64_t{365} * 24 * 3600 * 1000));
}

}  // namespace registry
