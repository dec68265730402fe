// --consistency, --min-revision and --max-staleness: how fresh an answer has to be. The same for
// all commands that read.
//
//   AddReadOptions(command, &options->read);                                   // builds the tree
//   absl::StatusOr<ReadOptions> read = ParseReadOptions(options->read);        // after parsing
//   if (!read.ok()) return session.console().Usage(read.status());
#pragma once

#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "registry/types.h"

namespace registry::cli {

// As written on the command line.
struct ReadArguments {
  std::string consistency = "local";
  std::string min_revision;
  std::string max_staleness;
};

// `arguments` has to outlive the parsing.
void AddReadOptions(CLI::App* command, ReadArguments* arguments);

absl::StatusOr<ReadOptions> ParseReadOptions(const ReadArguments& arguments);

}  // namespace registry::cli
