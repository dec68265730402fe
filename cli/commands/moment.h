// Moments of the past, as people write them.
//
//   "14:03", "14:03:20"                    the last time that the clock on the wall said so
//   "2026-11-24 14:03", "2026-11-24T14:03:20"   local time
//   "2026-11-24T14:03:20Z"                 UTC
//   "10m", "1h30m"                         so long ago
//   "4711"                                 a revision, where both are taken
//
// Errors: InvalidArgument, whose message is "<what is wrong>: <what to write instead>".
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry/past.h"

namespace registry::cli {

// `now` and `zone` are those of the machine where they are not given.
absl::StatusOr<Moment> ParseMoment(const std::string& text, absl::Time now, absl::TimeZone zone);
absl::StatusOr<Moment> ParseMoment(const std::string& text);
absl::StatusOr<Moment> ParseRevision(const std::string& text);
// Digits are a revision, "now" is now, the rest a time.
absl::StatusOr<Moment> ParseMomentOrRevision(const std::string& text);

// "2026-11-24 14:03:20.123" in local time; empty for 0.
std::string LocalTime(int64_t unix_ms);

}  // namespace registry::cli
