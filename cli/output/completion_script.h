// Shell completion, written from the command tree itself, so that it never lags behind the
// commands.
//
//   source <(registry-cli completion bash)
//
// It completes commands, options, and the values of options and arguments that have a fixed set of
// them (CLI::IsMember); after an option whose type is FILE the shell completes file names.
#pragma once

#include <string>

#include "CLI/CLI.hpp"

namespace registry::cli {

enum class Shell { kBash, kZsh, kFish };

std::string CompletionScript(const CLI::App& app, Shell shell);

}  // namespace registry::cli
