// registry-cli as a function: the tree of commands, its parsing, and the run of the command that
// was asked for.
//
//   return static_cast<int>(RunCommandLine(argc, argv, Console(STDOUT_FILENO, STDERR_FILENO)));
//
// SIGPIPE has to be ignored in the process.
#pragma once

#include <memory>

#include "CLI/CLI.hpp"
#include "cli/session.h"

namespace registry::cli {

// The whole tree. Parsing fills *options, and *action where a command was found; both have to
// outlive it.
std::unique_ptr<CLI::App> MakeCommandTree(GlobalOptions* options, Action* action);

ExitCode RunCommandLine(int argc, const char* const* argv, Console console);

}  // namespace registry::cli
