#include "cli/commands/read_options.h"

#include <cstdint>
#include <vector>

#include "cli/arguments.h"

namespace registry::cli {

void AddReadOptions(CLI::App* command, ReadArguments* arguments) {
  command
      ->add_option(
          "--consistency", arguments->consistency,
          "local: what the asked node knows; linearizable: every write acknowledged so far")
      ->check(CLI::IsMember(std::vector<std::string>{"local", "linearizable"}))
      ->capture_default_str();
  command
      ->add_option("--min-revision", arguments->min_revision,
                   "Wait until the node has this revision")
      ->type_name("N");
  command
      ->add_option("--max-staleness", arguments->max_staleness,
                   "Refuse an answer from a node further behind the leader")
      ->type_name("DURATION");
}

absl::StatusOr<ReadOptions> ParseReadOptions(const ReadArguments& arguments) {
  ReadOptions read;
  if (arguments.consistency == "linearizable") read.consistency = Consistency::kLinearizable;
  if (!arguments.min_revision.empty()) {
    absl::StatusOr<uint64_t> revision = ParseNumber(arguments.min_revision, 0, UINT64_MAX);
    if (!revision.ok()) return WrongFlag("--min-revision", revision.status());
    read.min_revision = *revision;
  }
  if (!arguments.max_staleness.empty()) {
    absl::StatusOr<absl::Duration> staleness = ParsePositiveDuration(arguments.max_staleness);
    if (!staleness.ok()) return WrongFlag("--max-staleness", staleness.status());
    read.max_staleness = *staleness;
  }
  return read;
}

}  // namespace registry::cli
