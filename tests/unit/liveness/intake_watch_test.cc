#include "registryd/liveness/intake_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace registryd::liveness {
namespace {

// For each ttl: whoever keeps to the advised interval counts always, whether all come at once or
// spread; and a total silence is noticed before the first lease runs out.
TEST(IntakeWatch, HearsThoseWhoKeepToTheIntervalAndNoticesSilenceBeforeTheFirstExpiry) {
  for (const int64_t ttl : {2'000, 2'300, 2'500, 3'000, 3'999, 4'000, 5'000, 6'000, 10'000, 30'000,
                            59'000, 3'600'000}) {
    for (const bool together : {true, false}) {
      SCOPED_TRACE(::testing::Message() << "ttl " << ttl << " together " << together);
      constexpr size_t kLeases = 60;
      const int64_t interval = ttl / 3;
      const int64_t step = std::max<int64_t>(1, ttl / 600);
      IntakeWatch watch;
      std::vector<int64_t> last(kLeases);
      int64_t now = 1'000'000;
      for (size_t i = 0; i < kLeases; ++i) {
        last[i] = now;
        watch.Add(ttl, now);
      }
      for (size_t i = 0; i < kLeases && !together; ++i) {  // spread over the interval
        const int64_t at = now + interval * static_cast<int64_t>(i) / 60;
        watch.Renewed(ttl, last[i], at);
        last[i] = at;
      }
      const int64_t stop = now + 10 * ttl;
      for (; now < stop; now += step) {
        for (size_t i = 0; i < kLeases; ++i) {
          if (now - last[i] < interval) continue;
          watch.Renewed(ttl, last[i], now);
          last[i] = now;
        }
        EXPECT_EQ(watch.Read(now).heard, 60u) << now;
        EXPECT_EQ(watch.Read(now).leases, 60u);
      }
      const int64_t first_expiry = *std::min_element(last.begin(), last.end()) + ttl;
      EXPECT_LT(watch.Read(first_expiry - ttl / 50).heard, 20u);
      for (size_t i = 0; i < kLeases; ++i) watch.Remove(ttl, last[i]);
      EXPECT_EQ(watch.Read(now).leases, 0u);
      EXPECT_EQ(watch.Read(now).heard, 0u);
    }
  }
}

TEST(IntakeWatch, ALeaseCountsOnce) {
  IntakeWatch watch;
  int64_t last = 1'000'000;
  watch.Add(6'000, last);
  watch.Add(6'000, last);
  for (int64_t now = last; now < 1'010'000; now += 100) {  // one renews far more often than asked
    watch.Renewed(6'000, last, now);
    last = now;
  }
  EXPECT_EQ(watch.Read(last).heard, 1u);
  EXPECT_EQ(watch.Read(last).leases, 2u);
}

}  // namespace
}  // namespace registryd::liveness
