#include "cli/output/cells.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "cli/arguments.h"

namespace registry::cli {

std::string EndpointsCell(const Instance& instance) {
  return absl::StrJoin(instance.spec.endpoints, ",", [](std::string* out, const Endpoint& one) {
    absl::StrAppend(out, EndpointText(one));
  });
}

std::string LabelsCell(const Instance& instance) {
  return absl::StrJoin(instance.spec.labels, ",", absl::PairFormatter("="));
}

std::string TimeCell(int64_t unix_ms) {
  if (unix_ms == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMillis(unix_ms), absl::UTCTimeZone());
}

}  // namespace registry::cli
