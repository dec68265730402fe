// Deadlines for gRPC, on its monotonic clock.
#pragma once

#include <grpc/support/time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "client/local/clock.h"

namespace registry {

// `left` from now. Never later than a year, never in the past.
inline gpr_timespec GrpcDeadline(Clock::duration left) {
  const auto ms = std::clamp<int64_t>(std::chrono::ceil<Millis>(left).count(), 0,
                                      int64_t{365} * 24 * 3600 * 1000);
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

}  // namespace registry
