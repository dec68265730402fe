// How many calls somebody may make: a token bucket for each key.
//
//   RateLimiter limiter(&clock, {.per_second = 100, .burst = 200});
//   if (int64_t wait_ms = limiter.Take(identity); wait_ms > 0) return Refuse(wait_ms);
//
// A bucket that is full again is forgotten, so that memory is bounded by those who are busy; where
// there are more than kKeysMax of them, the others share one bucket. Threads: any. Cost: one short
// lock and a hash lookup.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"

namespace registryd::operations {

class RateLimiter {
 public:
  static constexpr size_t kKeysMax = 65'536;

  struct Rate {
    double per_second = 0;  // 0: no limit
    double burst = 0;       // at least 1 where there is a limit
  };
  RateLimiter(const Clock* clock, Rate rate) : clock_(clock), rate_(rate) {}

  // 0: go on. Otherwise refused, and nothing was taken: try again after so many milliseconds.
  int64_t Take(std::string_view key);
  // As Take, but takes nothing.
  int64_t Peek(std::string_view key) const;
  size_t keys() const;

 private:
  struct Bucket {
    double tokens = 0;
    int64_t at_ms = 0;
  };
  struct Shard {
    mutable Mutex mutex;
    absl::flat_hash_map<std::string, Bucket> buckets ABSL_GUARDED_BY(mutex);
    int64_t sweep_at_ms ABSL_GUARDED_BY(mutex) = 0;
  };
  static constexpr size_t kShards = 16;
  static constexpr int64_t kSweepEveryMs = 1'000;  // a sweep is linear, and newcomers cause it

  Shard& ShardOf(std::string_view key);
  double TokensAt(const Bucket& bucket, int64_t now_ms) const;
  int64_t WaitMs(double tokens) const;

  const Clock* const clock_;
  const Rate rate_;
  std::array<Shard, kShards> shards_;
};

}  // namespace registryd::operations
