// Where a command's words go: answers to standard output, whole or not at all; everything else to
// standard error.
//
//   Console console(STDOUT_FILENO, STDERR_FILENO);
//   if (!status.ok()) return console.Fail(status);
//   return console.Print(table.ToText());
//
// A reader that has gone away (registry-cli services | head -1) is no error: the rest is dropped
// and the exit code stays. SIGPIPE has to be ignored in the process. Threads: Note from any, one
// line at a time; the others from one at a time.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace registry::cli {

// What the process ends with. docs/cli.md promises these numbers to scripts.
enum class ExitCode : int {
  kOk = 0,
  kError = 1,        // refused or failed; the message says why
  kUsage = 2,        // the command line or the input file is wrong; nothing was sent
  kNotFound = 3,     // the instance does not exist, or the lookup found nothing
  kUnavailable = 4,  // no answer from the registry: UNAVAILABLE or DEADLINE_EXCEEDED
};

class Console {
 public:
  Console(int out_fd, int err_fd) : out_fd_(out_fd), err_fd_(err_fd) {}

  // Writes the text and returns `code`; kError where standard output cannot take it (a full disk).
  ExitCode Print(const std::string& text, ExitCode code = ExitCode::kOk);

  // One of many writes: false when nobody can read it, so that a command that goes on can end.
  bool PrintMore(const std::string& text);

  // "registry-cli: <text>" on standard error: not an error, but worth knowing.
  void Note(const std::string& text);

  // The error of a call: its message, what to do about it, and the exit code that belongs to its
  // status code.
  ExitCode Fail(const absl::Status& status);

  // An error that was found before anything was sent: "<what>: <what to do>".
  ExitCode Usage(const std::string& text);
  ExitCode Usage(const absl::Status& status) { return Usage(std::string(status.message())); }

 private:
  int out_fd_;
  int err_fd_;
};

ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace registry::cli
