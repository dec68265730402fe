#include "cli/commands/moment.h"

#include <gtest/gtest.h>

#include <string>

namespace registry::cli {
namespace {

class MomentTest : public ::testing::Test {
 protected:
  // 2026-11-24 15:00:00 in a zone two hours ahead of UTC.
  const absl::TimeZone zone_ = absl::FixedTimeZone(2 * 3600);
  const absl::Time now_ = absl::FromCivil(absl::CivilSecond(2026, 11, 24, 15, 0, 0), zone_);

  std::string At(const std::string& text) {
    const auto moment = ParseMoment(text, now_, zone_);
    if (!moment.ok()) return "";
    EXPECT_EQ(moment->revision, 0u);
    return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMillis(moment->time_ms), zone_);
  }
};

TEST_F(MomentTest, ATimeOfTheClockIsItsLastOne) {
  EXPECT_EQ(At("14:03"), "2026-11-24 14:03:00");
  EXPECT_EQ(At("14:03:20"), "2026-11-24 14:03:20");
  EXPECT_EQ(At("15:01"), "2026-11-23 15:01:00") << "today it has not been yet";
}

TEST_F(MomentTest, DatesAreLocalUnlessTheySayUtc) {
  EXPECT_EQ(At("2026-11-20 09:30"), "2026-11-20 09:30:00");
  EXPECT_EQ(At("2026-11-20T09:30:05"), "2026-11-20 09:30:05");
  EXPECT_EQ(At("2026-11-20T09:30:05Z"), "2026-11-20 11:30:05");
}

TEST_F(MomentTest, ADurationIsSoLongAgo) {
  EXPECT_EQ(At("10m"), "2026-11-24 14:50:00");
  EXPECT_EQ(At("1h30m"), "2026-11-24 13:30:00");
}

TEST_F(MomentTest, AnythingElseIsRefused) {
  for (const std::string text :
       {"", "noon", "25:00", "-5m", "4711", "14:03x", "2026-13-01 00:00"}) {
    EXPECT_EQ(At(text), "") << text;
  }
}

TEST_F(MomentTest, DigitsAreARevisionWhereBothAreTaken) {
  EXPECT_EQ(ParseMomentOrRevision("4711")->revision, 4711u);
  EXPECT_EQ(ParseMomentOrRevision("now")->time_ms, 0);
  EXPECT_FALSE(ParseMomentOrRevision("0").ok());
  EXPECT_FALSE(ParseMomentOrRevision("soon").ok());
}

}  // namespace
}  // namespace registry::cli
