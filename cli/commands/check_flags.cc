#include "cli/commands/check_flags.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/arguments.h"

namespace registry::cli {
namespace {

constexpr uint64_t kMaxThreshold = 100;

absl::Status ReadMs(const char* flag, const std::string& text, int64_t* out) {
  if (text.empty()) return absl::OkStatus();
  absl::StatusOr<absl::Duration> duration = ParsePositiveDuration(text);
  if (!duration.ok()) return WrongFlag(flag, duration.status());
  *out = absl::ToInt64Milliseconds(*duration);
  return absl::OkStatus();
}

absl::Status ReadCount(const char* flag, const std::string& text, uint32_t* out) {
  if (text.empty()) return absl::OkStatus();
  absl::StatusOr<uint64_t> number = ParseNumber(text, 1, kMaxThreshold);
  if (!number.ok()) return WrongFlag(flag, number.status());
  *out = static_cast<uint32_t>(*number);
  return absl::OkStatus();
}

}  // namespace

std::vector<CLI::Option*> AddCheckFlags(CLI::App* command, CheckFlags* flags) {
  return {
      command
          ->add_option("--check", flags->check,
                       "Let the registry ask the instance, where it cannot send heartbeats")
          ->type_name("tcp|http[:PATH]|grpc[:SERVICE]"),
      command
          ->add_option("--check-endpoint", flags->endpoint, "Where: an endpoint's name; the first")
          ->type_name("NAME"),
      command->add_option("--check-interval", flags->interval, "How often, 1s to 1h; 10s")
          ->type_name("DURATION"),
      command->add_option("--check-timeout", flags->timeout, "How long an answer may take; 2s")
          ->type_name("DURATION"),
      command->add_option("--check-passes", flags->passes, "Successes in a row before passing; 1")
          ->type_name("N"),
      command
          ->add_option("--check-failures", flags->failures, "Failures in a row before critical; 3")
          ->type_name("N"),
  };
}

absl::StatusOr<std::optional<Check>> ParseCheck(const CheckFlags& flags) {
  if (flags.check.empty()) {
    const bool more = !flags.endpoint.empty() || !flags.interval.empty() ||
                      !flags.timeout.empty() || !flags.passes.empty() || !flags.failures.empty();
    if (!more) return std::optional<Check>();
    return absl::InvalidArgumentError(
        "--check is missing: write --check tcp, http:/PATH or grpc beside the other flags of it");
  }
  Check check;
  const size_t colon = flags.check.find(':');
  const std::string kind = flags.check.substr(0, colon);
  if (colon != std::string::npos) check.path = flags.check.substr(colon + 1);
  if (kind == "tcp" && colon == std::string::npos) {
    check.kind = CheckKind::kTcp;
  } else if (kind == "http") {
    check.kind = CheckKind::kHttp;
  } else if (kind == "grpc") {
    check.kind = CheckKind::kGrpc;
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "--check \"", flags.check, "\": write tcp, http, http:/PATH, grpc or grpc:SERVICE"));
  }
  check.endpoint = flags.endpoint;
  for (const absl::Status& status :
       {ReadMs("--check-interval", flags.interval, &check.interval_ms),
        ReadMs("--check-timeout", flags.timeout, &check.timeout_ms),
        ReadCount("--check-passes", flags.passes, &check.passes),
        ReadCount("--check-failures", flags.failures, &check.failures)}) {
    if (!status.ok()) return status;
  }
  return std::optional<Check>(std::move(check));
}

}  // namespace registry::cli
