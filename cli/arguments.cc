#include "cli/arguments.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace registry::cli {
namespace {

template <typename... Parts>
absl::Status Wrong(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

bool AnyEmpty(const std::vector<std::string>& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [](const std::string& part) { return part.empty(); });
}

std::string JoinName(const std::string& ns, const std::string& service, const std::string& id) {
  const std::string name = absl::StrCat(service, "/", id);
  return ns.empty() || ns == "default" ? name : absl::StrCat(ns, "/", name);
}

// HOST:PORT or [IPV6]:PORT.
absl::Status ParseAddress(const std::string& text, Endpoint* endpoint) {
  const absl::Status wrong =
      Wrong("\"", text, "\" is no address: write HOST:PORT or [IPV6]:PORT, port 1 to 65535");
  const bool brackets = !text.empty() && text.front() == '[';
  const size_t end = brackets ? text.find("]:") : text.find(':');
  if (end == std::string::npos) return wrong;
  endpoint->host = brackets ? text.substr(1, end - 1) : text.substr(0, end);
  if (endpoint->host.empty() || endpoint->host.find_first_of("[]/ \t\r\n,=") != std::string::npos) {
    return wrong;
  }
  if (brackets && endpoint->host.find(':') == std::string::npos) return wrong;
  const absl::StatusOr<uint64_t> port =
      ParseNumber(text.substr(end + (brackets ? 2 : 1)), 1, 65'535);
  if (!port.ok()) return wrong;
  endpoint->port = static_cast<uint32_t>(*port);
  return absl::OkStatus();
}

}  // namespace

absl::Status WrongFlag(const char* flag, const absl::Status& status) {
  return Wrong(flag, " ", std::string(status.message()));
}

absl::StatusOr<ServiceName> ParseServiceName(const std::string& text,
                                             const std::string& default_ns) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  if (parts.size() > 2 || AnyEmpty(parts)) {
    return Wrong("\"", text, "\" is no service: write SERVICE or NAMESPACE/SERVICE");
  }
  if (parts.size() == 1) return ServiceName{default_ns, parts[0]};
  return ServiceName{parts[0], parts[1]};
}

absl::StatusOr<InstanceRef> ParseInstanceName(const std::string& text,
                                              const std::string& default_ns) {
  std::vector<std::string> parts = absl::StrSplit(text, '/');
  if (parts.size() < 2 || parts.size() > 3 || AnyEmpty(parts)) {
    return Wrong("\"", text, "\" is no instance: write SERVICE/ID or NAMESPACE/SERVICE/ID");
  }
  if (parts.size() == 2) parts.insert(parts.begin(), default_ns);
  InstanceRef instance;
  instance.ns = parts[0];
  instance.service = parts[1];
  instance.id = parts[2];
  return instance;
}

std::string InstanceName(const InstanceRef& instance) {
  return JoinName(instance.ns, instance.service, instance.id);
}

std::string InstanceName(const InstanceSpec& spec) {
  return JoinName(spec.ns, spec.service, spec.id);
}

absl::StatusOr<uint64_t> ParseNumber(const std::string& text, uint64_t min, uint64_t max) {
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  uint64_t number = 0;
  if (!digits || !absl::SimpleAtoi(text, &number) || number < min || number > max) {
    return Wrong("\"", text, "\" is not usable here: write a whole number from ", min, " to ", max);
  }
  return number;
}

absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text) {
  Endpoint endpoint;
  std::string address = text;
  if (const size_t equals = text.find('='); equals != std::string::npos) {
    endpoint.name = text.substr(0, equals);
    address = text.substr(equals + 1);
    if (const size_t slash = endpoint.name.find('/'); slash != std::string::npos) {
      endpoint.protocol = endpoint.name.substr(slash + 1);
      endpoint.name.resize(slash);
      if (endpoint.protocol.empty()) {
        return Wrong("\"", text, "\" names no protocol: write NAME/PROTOCOL=HOST:PORT");
      }
    }
    if (endpoint.name.empty()) {
      return Wrong("\"", text, "\" names no endpoint: write NAME=HOST:PORT, or HOST:PORT alone");
    }
  }
  if (absl::Status status = ParseAddress(address, &endpoint); !status.ok()) return status;
  return endpoint;
}

std::string EndpointText(const Endpoint& endpoint) {
  if (endpoint.protocol.empty() && endpoint.name == "default") return Address(endpoint);
  return absl::StrCat(endpoint.name, endpoint.protocol.empty() ? "" : "/", endpoint.protocol, "=",
                      Address(endpoint));
}

std::string Address(const Endpoint& endpoint) {
  const bool colons = endpoint.host.find(':') != std::string::npos;
  return absl::StrCat(colons ? "[" : "", endpoint.host, colons ? "]:" : ":", endpoint.port);
}

absl::StatusOr<std::vector<Endpoint>> ParseEndpoints(const std::vector<std::string>& texts) {
  std::vector<Endpoint> endpoints;
  for (const std::string& text : texts) {
    absl::StatusOr<Endpoint> endpoint = ParseEndpoint(text);
    if (!endpoint.ok()) return Wrong("--endpoint ", std::string(endpoint.status().message()));
    const bool known =
        std::any_of(endpoints.begin(), endpoints.end(),
                    [&endpoint](const Endpoint& other) { return other.name == endpoint->name; });
    if (known) {
      return Wrong("--endpoint \"", endpoint->name,
                   "\" is given twice: give each endpoint a name of its own, NAME=HOST:PORT");
    }
    endpoints.push_back(*std::move(endpoint));
  }
  return endpoints;
}

absl::StatusOr<std::map<std::string, std::string>> ParseLabels(
    const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Wrong("--label \"", text, "\" is no label: write KEY=VALUE");
    }
    if (!labels.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
      return Wrong("--label \"", text.substr(0, equals), "\" is given twice: give one value");
    }
  }
  return labels;
}

absl::StatusOr<absl::Duration> ParsePositiveDuration(const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration <= absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return Wrong("\"", text, "\" is no duration: write a number and a unit, like 500ms, 5s or 1m");
  }
  return duration;
}

absl::StatusOr<std::vector<Health>> ParseHealthFilter(const std::vector<std::string>& texts) {
  std::vector<Health> all;
  for (const std::string& text : texts) {
    const std::vector<std::string> words = absl::StrSplit(text, ',');
    for (const std::string& word : words) {
      absl::StatusOr<Health> health = ParseHealth(word);
      if (!health.ok()) return WrongFlag("--health", health.status());
      all.push_back(*health);
    }
  }
  return all;
}

}  // namespace registry::cli
