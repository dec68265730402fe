#include "registryd/core/silence_window.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace registryd::core {
namespace {

TEST(SilenceWindow, CountsForAtLeastATtlAndNotForLong) {
  for (const int64_t ttl_ms : {2'000, 3'000, 6'000, 8'000, 3'600'000}) {
    for (int64_t start = 100'000'000; start < 100'004'000; start += 333) {
      SilenceWindow window;
      window.Add(ttl_ms, 3, start);
      EXPECT_EQ(window.Count(start), 3u);
      EXPECT_EQ(window.Count(start + ttl_ms), 3u) << ttl_ms;
      EXPECT_EQ(window.Count(start + 3 * ttl_ms), 0u) << ttl_ms;
      window.Prune(start + 3 * ttl_ms);
      EXPECT_TRUE(window.empty());
    }
  }
}

TEST(SilenceWindow, EachTtlCountsForItself) {
  SilenceWindow window;
  window.Add(2'000, 1, 1'000'000);
  window.Add(3'600'000, 1, 1'000'000);
  EXPECT_EQ(window.Count(1'000'000), 2u);
  EXPECT_EQ(window.Count(1'010'000), 1u);
  window.Prune(1'010'000);
  EXPECT_EQ(window.rings().size(), 1u);
}

TEST(SilenceWindow, NeverForgetsWithinATtl) {
  const uint64_t seed = std::random_device()();
  std::mt19937_64 random(seed);
  SCOPED_TRACE(seed);
  SilenceWindow window;
  std::vector<std::pair<int64_t, uint32_t>> departures;
  int64_t now = 1'000'000;
  for (int i = 0; i < 2'000; ++i) {
    now += static_cast<int64_t>(random() % 3'000);
    const auto count = static_cast<uint32_t>(1 + random() % 4);
    window.Add(6'000, count, now);
    departures.emplace_back(now, count);
    uint64_t least = 0;
    uint64_t most = 0;
    for (const auto& [at, n] : departures) {
      if (at >= now - 6'000) least += n;
      if (at >= now - 10'000) most += n;  // 1.25 times 8 s
    }
    EXPECT_GE(window.Count(now), least);
    EXPECT_LE(window.Count(now), most);
  }
}

}  // namespace
}  // namespace registryd::core
