#include "cli/commands/moment.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/arguments.h"

namespace registry::cli {
namespace {

bool AllDigits(const std::string& text) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty();
}

}  // namespace

absl::StatusOr<Moment> ParseMoment(const std::string& text, absl::Time now, absl::TimeZone zone) {
  const auto at = [](absl::Time time) { return Moment{.time_ms = absl::ToUnixMillis(time)}; };
  absl::Time time;
  std::string error;
  absl::Duration ago;
  if (absl::ParseDuration(text, &ago) && ago > absl::ZeroDuration()) return at(now - ago);
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return at(time);
  for (const char* format :
       {"%Y-%m-%d %H:%M:%E*S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%E*S", "%Y-%m-%dT%H:%M"}) {
    if (absl::ParseTime(format, text, zone, &time, &error)) return at(time);
  }
  const std::string today = absl::FormatTime("%Y-%m-%d ", now, zone);
  for (const char* format : {"%Y-%m-%d %H:%M:%E*S", "%Y-%m-%d %H:%M"}) {
    if (!absl::ParseTime(format, absl::StrCat(today, text), zone, &time, &error)) continue;
    if (time > now) {
      const absl::CivilDay yesterday = absl::ToCivilDay(now, zone) - 1;
      absl::ParseTime(format, absl::StrCat(absl::FormatCivilTime(yesterday), " ", text), zone,
                      &time, &error);
    }
    return at(time);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no moment: write 14:03, 2026-11-24T14:03:20Z or 10m"));
}

absl::StatusOr<Moment> ParseMoment(const std::string& text) {
  return ParseMoment(text, absl::Now(), absl::LocalTimeZone());
}

absl::StatusOr<Moment> ParseRevision(const std::string& text) {
  absl::StatusOr<uint64_t> revision = ParseNumber(text, 1, UINT64_MAX);
  if (!revision.ok()) return revision.status();
  return Moment{.revision = *revision};
}

absl::StatusOr<Moment> ParseMomentOrRevision(const std::string& text) {
  if (text == "now") return Moment();
  return AllDigits(text) ? ParseRevision(text) : ParseMoment(text);
}

std::string LocalTime(int64_t unix_ms) {
  if (unix_ms == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%E3S", absl::FromUnixMillis(unix_ms),
                          absl::LocalTimeZone());
}

}  // namespace registry::cli
