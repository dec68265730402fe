// The flags that describe an active check.
//
//   std::vector<CLI::Option*> all = AddCheckFlags(command, &options->check);   // builds the tree
//   absl::StatusOr<std::optional<Check>> check = ParseCheck(options->check);
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "registry/types.h"

namespace registry::cli {

// As written on the command line; empty: the registry's default.
struct CheckFlags {
  std::string check;  // "tcp", "http", "http:/health", "grpc", "grpc:my.Service"
  std::string endpoint;
  std::string interval;
  std::string timeout;
  std::string passes;
  std::string failures;
};

// `flags` has to outlive the parsing.
std::vector<CLI::Option*> AddCheckFlags(CLI::App* command, CheckFlags* flags);

// Nothing where no check is asked for. InvalidArgument names the flag.
absl::StatusOr<std::optional<Check>> ParseCheck(const CheckFlags& flags);

}  // namespace registry::cli
