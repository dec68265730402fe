// --ttl and --drain-timeout, and what a Sidecar needs of the session: the same for run and sidecar.
//
//   AddSidecarOptions(command, &options->sidecar);                             // builds the tree
//   absl::StatusOr<Sidecar::Options> sidecar = ParseSidecarOptions(options->sidecar, session);
//   if (!sidecar.ok()) return session.console().Usage(sidecar.status());
#pragma once

#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "cli/session.h"
#include "cli/sidecar/sidecar.h"

namespace registry::cli {

// As written on the command line.
struct SidecarArguments {
  std::string ttl = "6s";
  std::string drain_timeout = "5s";
};

// `arguments` has to outlive the parsing.
void AddSidecarOptions(CLI::App* command, SidecarArguments* arguments);

// Its notes go to the session's console, which has to outlive them.
absl::StatusOr<Sidecar::Options> ParseSidecarOptions(const SidecarArguments& arguments,
                                                     Session& session);

}  // namespace registry::cli
