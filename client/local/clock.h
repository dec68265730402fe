// Time for calls and timers: always the steady clock, so that steps of the system's time change
// nothing.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "absl/time/time.h"

namespace registry {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Millis = std::chrono::milliseconds;

// Whole milliseconds, rounded up, so that a short time does not become "none".
inline int64_t CeilMillis(absl::Duration duration) {
  return absl::ToInt64Milliseconds(absl::Ceil(duration, absl::Milliseconds(1)));
}

// From a user's duration, bounded so that adding it to a time point cannot overflow.
inline Clock::duration ToSteady(absl::Duration duration) {
  return Millis(std::clamp<int64_t>(CeilMillis(duration), 0, int64_t{365} * 24 * 3600 * 1000));
}

}  // namespace registry
