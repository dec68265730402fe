// Directories and files that must survive a power loss, with errors that say what to do.
// Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace registryd::storage {

// "creating /x: Permission denied; <what to do>", with the code that fits `error_number`.
absl::Status FileError(std::string_view doing, const std::string& path, int error_number);

// Makes `path` and what is missing above it, each with mode 0700 and durable. OK when it is there
// already; FAILED_PRECONDITION when something else has that name.
absl::Status MakeDirectories(const std::string& path);

// fsync of a file or directory.
absl::Status SyncPath(const std::string& path);

// Names (not paths) in `dir` that end in `suffix`, sorted. Empty when `dir` does not exist.
absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& dir, std::string_view suffix);

}  // namespace registryd::storage
