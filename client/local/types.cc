#include "registry/types.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/past.h"

namespace registry {

const char* ToString(Health health) {
  switch (health) {
    case Health::kPassing:
      return "PASSING";
    case Health::kSuspect:
      return "SUSPECT";
    case Health::kCritical:
      return "CRITICAL";
    case Health::kDraining:
      return "DRAINING";
    case Health::kUnspecified:
      break;
  }
  return "UNSPECIFIED";
}

const char* ToString(HealthReason reason) {
  switch (reason) {
    case HealthReason::kRegistered:
      return "registered";
    case HealthReason::kLeaseExpired:
      return "lease expired";
    case HealthReason::kReported:
      return "reported";
    case HealthReason::kSilent:
      return "silent";
    case HealthReason::kCheck:
      return "check";
    case HealthReason::kMaintenance:
      return "maintenance";
    case HealthReason::kUnspecified:
      break;
  }
  return "unspecified";
}

absl::StatusOr<Health> ParseHealth(const std::string& word) {
  const std::string upper = absl::AsciiStrToUpper(word);
  for (const Health health :
       {Health::kPassing, Health::kSuspect, Health::kCritical, Health::kDraining}) {
    if (upper == ToString(health)) return health;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("health: must be passing, suspect, critical or draining, is \"", word, "\""));
}

std::string WaitingFor(const DrainResult& result) {
  std::vector<std::string> who;
  for (const Subscriber& one : result.waiting_for) {
    who.push_back(absl::StrCat(one.client_name.empty() ? one.client_id : one.client_name, " at ",
                               one.address, " (", one.behind, " revisions behind)"));
  }
  for (const std::string& node : result.unreachable_nodes) {
    who.push_back(absl::StrCat("those of node ", node, ", which does not answer"));
  }
  return absl::StrJoin(who, ", ");
}

}  // namespace registry
