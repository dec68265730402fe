#include "registryd/watch/pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace registryd::watch {
namespace {

// Changes every `every_ms` from `from_ms` on; returns how often it told of them, and the longest
// wait.
struct Told {
  int told = 0;
  int64_t longest_ms = 0;
};
Told Storm(Pace& pace, int64_t from_ms, int64_t every_ms, int changes, size_t subscribers) {
  Told run;
  int64_t waiting_since = -1;
  for (int64_t now = from_ms; now < from_ms + every_ms * changes; ++now) {
    if ((now - from_ms) % every_ms == 0 && waiting_since < 0) waiting_since = now;
    if (waiting_since < 0 || pace.Due() > now) continue;
    run.longest_ms = std::max(run.longest_ms, now - waiting_since);
    pace.Told(now, subscribers);
    waiting_since = -1;
    ++run.told;
  }
  return run;
}

TEST(Pace, FewChangesAreToldAtOnce) {
  Pace pace;
  const Told run = Storm(pace, 1'000, 100, 50, 10'000);
  EXPECT_EQ(run.told, 50);
  EXPECT_EQ(run.longest_ms, 0);
}

TEST(Pace, AStormWidensTheWindowAndCalmNarrowsIt) {
  Pace pace;
  pace.Told(0, 10'000);
  // One instance flaps a hundred times a second for ten seconds, before ten thousand watchers.
  const Told run = Storm(pace, 10'000, 10, 1'000, 10'000);
  EXPECT_LT(run.told, 80);
  EXPECT_GT(run.told, 40);
  EXPECT_LE(run.longest_ms, 250);
  EXPECT_EQ(pace.window_ms(), 250);
  // The first change after it is told at once, and soon all are.
  EXPECT_LE(pace.Due(), 21'000);
  EXPECT_EQ(Storm(pace, 21'000, 500, 3, 10'000).longest_ms, 0);
  EXPECT_LE(pace.window_ms(), 63);
  EXPECT_EQ(Storm(pace, 30'000, 100, 10, 10'000).told, 10);
  EXPECT_EQ(pace.window_ms(), 0);
}

TEST(Pace, TheFirstChangesOfAStormAreToldAtOnce) {
  Pace pace;
  const Told run = Storm(pace, 1'000, 1, Pace::kBurst, 10'000);
  EXPECT_EQ(run.told, Pace::kBurst);
  EXPECT_EQ(run.longest_ms, 0);
}

TEST(Pace, TheWindowIsAsLongAsThereAreSubscribersToTell) {
  Pace few;
  EXPECT_EQ(Storm(few, 1'000, 2, 5'000, 3).told, 5'000);
  Pace hundred;
  const Told run = Storm(hundred, 1'000, 1, 5'000, 100);
  EXPECT_LE(run.longest_ms, 4);
  EXPECT_LT(run.told, 1'300);
  Pace thousand;
  EXPECT_LE(Storm(thousand, 1'000, 1, 5'000, 1'000).told, 140);
}

}  // namespace
}  // namespace registryd::watch
