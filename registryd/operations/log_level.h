// The node's log level, changed at run time by those who may operate it.
//
//   ASSIGN_OR_RETURN(const LogLevelChange change, SetLogLevel(access, caller, "debug"));
//
// Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "registryd/operations/access.h"

namespace registryd::operations {

struct LogLevelChange {
  std::string before;
  std::string now;
};

// An empty word only asks. INVALID_ARGUMENT names the known ones.
absl::StatusOr<LogLevelChange> SetLogLevel(Access& access, const Caller& caller,
                                           std::string_view word);

}  // namespace registryd::operations
