#include "registryd/operations/rate_limiter.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace registryd::operations {
namespace {

absl::string_view Key(std::string_view key) { return {key.data(), key.size()}; }

}  // namespace

RateLimiter::Shard& RateLimiter::ShardOf(std::string_view key) {
  return shards_[std::hash<std::string_view>()(key) % kShards];
}

double RateLimiter::TokensAt(const Bucket& bucket, int64_t now_ms) const {
  const double gained = static_cast<double>(now_ms - bucket.at_ms) * rate_.per_second / 1e3;
  return std::min(rate_.burst, bucket.tokens + gained);
}

int64_t RateLimiter::WaitMs(double tokens) const {
  return static_cast<int64_t>(std::ceil((1 - tokens) * 1e3 / rate_.per_second));
}

int64_t RateLimiter::Take(std::string_view key) {
  if (rate_.per_second <= 0) return 0;
  const int64_t now_ms = clock_->MonotonicMs();
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  auto found = shard.buckets.find(Key(key));
  if (found == shard.buckets.end()) {
    if (shard.buckets.size() >= kKeysMax / kShards && now_ms >= shard.sweep_at_ms) {
      shard.sweep_at_ms = now_ms + kSweepEveryMs;
      absl::erase_if(shard.buckets, [&](const auto& entry) {
        return TokensAt(entry.second, now_ms) >= rate_.burst;
      });
    }
    // Everybody is busy. Newcomers share one bucket, so that a crowd of names is no way around.
    if (shard.buckets.size() >= kKeysMax / kShards) key = {};
    found = shard.buckets.try_emplace(std::string(key), Bucket{rate_.burst, now_ms}).first;
  }
  Bucket& bucket = found->second;
  const double tokens = TokensAt(bucket, now_ms);
  if (tokens < 1) return std::max<int64_t>(1, WaitMs(tokens));
  bucket = {tokens - 1, now_ms};
  return 0;
}

int64_t RateLimiter::Peek(std::string_view key) const {
  if (rate_.per_second <= 0) return 0;
  const Shard& shard = shards_[std::hash<std::string_view>()(key) % kShards];
  MutexLock lock(shard.mutex);
  const auto found = shard.buckets.find(Key(key));
  if (found == shard.buckets.end()) return 0;
  const double tokens = TokensAt(found->second, clock_->MonotonicMs());
  return tokens < 1 ? std::max<int64_t>(1, WaitMs(tokens)) : 0;
}

size_t RateLimiter::keys() const {
  size_t keys = 0;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    keys += shard.buckets.size();
  }
  return keys;
}

}  // namespace registryd::operations
