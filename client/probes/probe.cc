#include "client/probes/probe.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "client/probes/attempt.h"

namespace registry::probes {
namespace {

constexpr char kForms[] =
    "write http:/PATH, http://HOST:PORT/PATH, tcp, tcp://HOST:PORT, grpc, grpc:SERVICE, "
    "grpc://HOST:PORT/SERVICE or process:PID";
constexpr size_t kPathMax = 1024;
constexpr size_t kHostMax = 253;

absl::Status Bad(const std::string& text, const std::string& why) {
  return absl::InvalidArgumentError("\"" + text + "\" is no check (" + why + "): " + kForms);
}

bool Plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

template <class Number>
bool ParseNumber(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && *number > 0;
}

// "HOST:PORT", "[V6]:PORT", "HOST" or ":PORT"; what is missing stays as it is.
bool ParseAuthority(std::string_view text, Probe* probe) {
  std::string_view host = text;
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
  } else {
    host = text.substr(0, text.find(':'));
    text.remove_prefix(host.size());
  }
  if (!host.empty()) probe->host = std::string(host);
  if (text.empty()) return true;
  return text.front() == ':' && ParseNumber(text.substr(1), &probe->port);
}

}  // namespace

const char* ToString(ProbeOutcome outcome) {
  switch (outcome) {
    case ProbeOutcome::kPassed:
      return "passed";
    case ProbeOutcome::kFailed:
      return "failed";
    case ProbeOutcome::kNotAsked:
      break;
  }
  return "not asked";
}

absl::StatusOr<Probe> ParseProbe(const std::string& text, const ProbeTarget& target) {
  const std::string_view whole = text;
  const std::string_view scheme = whole.substr(0, whole.find(':'));
  std::string_view rest = whole.substr(std::min(whole.size(), scheme.size() + 1));
  Probe probe{.host = target.host, .port = target.port};
  if (scheme == "process") {
    probe = {.kind = ProbeKind::kProcess};
    if (!ParseNumber(rest, &probe.pid)) return Bad(text, "the process id must be a number above 0");
    return probe;
  }
  if (scheme == "http") {
    probe.kind = ProbeKind::kHttp;
  } else if (scheme == "tcp") {
    probe.kind = ProbeKind::kTcp;
  } else if (scheme == "grpc") {
    probe.kind = ProbeKind::kGrpc;
  } else {
    return Bad(text, "unknown kind");
  }
  if (rest.substr(0, 2) == "//") {
    rest.remove_prefix(2);
    const std::string_view authority = rest.substr(0, rest.find('/'));
    if (!ParseAuthority(authority, &probe)) return Bad(text, "HOST:PORT is wrong");
    rest.remove_prefix(authority.size());
    if (probe.kind != ProbeKind::kHttp && !rest.empty()) rest.remove_prefix(1);
  }
  if (probe.kind == ProbeKind::kHttp) {
    if (!rest.empty()) probe.path = std::string(rest);
  } else if (probe.kind == ProbeKind::kGrpc) {
    probe.grpc_service = std::string(rest);
  } else if (!rest.empty()) {
    return Bad(text, "nothing follows the port");
  }
  if (const absl::Status valid = ValidateProbe(probe); !valid.ok()) {
    return Bad(text, std::string(valid.message()));
  }
  return probe;
}

absl::Status ValidateProbe(const Probe& probe) {
  const auto bad = [](const char* why) { return absl::InvalidArgumentError(why); };
  if (probe.timeout < absl::Milliseconds(1) || probe.timeout > absl::Hours(1)) {
    return bad("the timeout must be 1ms to 1h");
  }
  if (probe.kind == ProbeKind::kProcess) {
    return probe.pid > 0 ? absl::OkStatus() : bad("the process id must be above 0");
  }
  if (probe.host.empty()) return bad("no host");
  if (probe.host.size() > kHostMax || !Plain(probe.host) ||
      probe.host.find_first_of("/[]@?#") != std::string::npos) {
    return bad("that is no host name or address");
  }
  if (probe.port == 0) return bad("no port");
  if (probe.kind == ProbeKind::kHttp) {
    if (probe.path.empty() || probe.path.front() != '/') return bad("the path must begin with /");
    if (probe.path.size() > kPathMax || !Plain(probe.path)) {
      return bad("the path has a space or a character that is not ASCII, or is longer than 1024");
    }
  }
  if (probe.grpc_service.size() > kPathMax || !Plain(probe.grpc_service)) {
    return bad("that is no name of a gRPC service");
  }
  return absl::OkStatus();
}

std::string ToString(const Probe& probe) {
  if (probe.kind == ProbeKind::kProcess) return "process:" + std::to_string(probe.pid);
  const bool v6 = probe.host.find(':') != std::string::npos;
  const std::string authority =
      (v6 ? "[" + probe.host + "]" : probe.host) + ":" + std::to_string(probe.port);
  switch (probe.kind) {
    case ProbeKind::kHttp:
      return "http://" + authority + probe.path;
    case ProbeKind::kGrpc:
      return "grpc://" + authority +
             (probe.grpc_service.empty() ? std::string() : "/" + probe.grpc_service);
    default:
      return "tcp://" + authority;
  }
}

std::string Printable(std::string_view text, size_t most) {
  std::string shown(text.substr(0, most));
  for (char& c : shown) {
    if (c < ' ' || c >= '\x7f') c = c == '\n' || c == '\r' || c == '\t' ? ' ' : '?';
  }
  while (!shown.empty() && shown.back() == ' ') shown.pop_back();
  return shown;
}

}  // namespace registry::probes
