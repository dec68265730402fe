#include "cli/output/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cli/output/table.h"

namespace registry::cli {
namespace {

// 0 or errno.
int WriteAll(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(fd, text.data() + done, text.size() - done);
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// What to do about it; null where the client library's message says it already, as it does for all
// that it retries.
const char* Advice(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return nullptr;
    case absl::StatusCode::kNotFound:
      return "registry-cli instances shows what is there";
    case absl::StatusCode::kInvalidArgument:
      return "correct it and run the command again";
    case absl::StatusCode::kFailedPrecondition:
      return "look at the instance's present state, then decide";
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return "ask the registry's operator for access";
    case absl::StatusCode::kUnimplemented:
      return "the server is older than this program: update it";
    default:
      return "see the server's log";
  }
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return ExitCode::kUnavailable;
    default:
      return ExitCode::kError;
  }
}

ExitCode Console::Print(const std::string& text, ExitCode code) {
  const int error = WriteAll(out_fd_, text);
  if (error == 0 || error == EPIPE) return code;
  Note(absl::StrCat("cannot write to standard output: ", std::strerror(error)));
  return ExitCode::kError;
}

bool Console::PrintMore(const std::string& text) {
  const int error = WriteAll(out_fd_, text);
  if (error != 0 && error != EPIPE) {
    Note(absl::StrCat("cannot write to standard output: ", std::strerror(error)));
  }
  return error == 0;
}

void Console::Note(const std::string& text) {
  // Standard error has nowhere to report its own failure to.
  static_cast<void>(WriteAll(err_fd_, absl::StrCat("registry-cli: ", Printable(text), "\n")));
}

ExitCode Console::Fail(const absl::Status& status) {
  std::string text(status.message());
  if (text.empty()) text = absl::StatusCodeToString(status.code());
  const char* advice = Advice(status.code());
  Note(advice == nullptr ? text : absl::StrCat(text, ": ", advice));
  return ExitCodeOf(status);
}

ExitCode Console::Usage(const std::string& text) {
  Note(text);
  return ExitCode::kUsage;
}

}  // namespace registry::cli
