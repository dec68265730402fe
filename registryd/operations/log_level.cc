#include "registryd/operations/log_level.h"

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/text.h"

namespace registryd::operations {

absl::StatusOr<LogLevelChange> SetLogLevel(Access& access, const Caller& caller,
                                           std::string_view word) {
  RETURN_IF_ERROR(access.Authorize(caller, Verb::kOperate, ""));
  const std::string before(log::ToString(log::CurrentLevel()));
  if (word.empty()) return LogLevelChange{before, before};
  log::Level level;
  if (!log::ParseLevel(word, &level)) {
    return absl::InvalidArgumentError(
        Text("level: must be debug, info, warning or error, is \"", word, "\""));
  }
  log::SetLevel(level);
  access.Record(caller, Verb::kOperate, "", Revision(), absl::OkStatus());
  // At the level of warnings, so that most logs keep it.
  log::Warning(
      "the log level was changed",
      {{"before", before}, {"now", word}, {"identity", caller.identity}, {"peer", caller.peer}});
  return LogLevelChange{before, std::string(word)};
}

}  // namespace registryd::operations
