#include "cli/commands/instance_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cli/output/json.h"
#include "nlohmann/json.hpp"

namespace registry::cli {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFileSize = 16 << 20;
constexpr size_t kMaxInstances = 1'000;  // of one call; one call is all or nothing
constexpr uint64_t kMaxPort = 65'535;
constexpr uint64_t kMaxWeight = 65'535;
constexpr uint64_t kMaxCheckMs = 3'600'000;
constexpr uint64_t kMaxCheckCount = 100;

// Printed by the registry, not for the caller to say.
constexpr std::array kOutputOnly = {
    "health",      "health_reason", "health_message",   "lease_id",   "health_since_ms",
    "incarnation", "created_ms",    "changed_revision", "changed_ms", "maintenance"};

absl::Status Wrong(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

absl::Status ReadText(const std::string& path, const Json& json, std::string* out) {
  if (!json.is_string()) return Wrong(path, "must be a string");
  *out = json.get<std::string>();
  return absl::OkStatus();
}

absl::Status ReadNumber(const std::string& path, const Json& json, uint64_t max, uint32_t* out) {
  if (!json.is_number_unsigned() || json.get<uint64_t>() > max) {
    return Wrong(path, absl::StrCat("must be a whole number, 0 to ", max, ", is ",
                                    json.dump(-1, ' ', true).substr(0, 40)));
  }
  *out = static_cast<uint32_t>(json.get<uint64_t>());
  return absl::OkStatus();
}

absl::Status ReadEndpoint(const std::string& path, const Json& json, Endpoint* endpoint) {
  if (!json.is_object()) return Wrong(path, "must be an object with host and port");
  for (const auto& [key, value] : json.items()) {
    const std::string field = absl::StrCat(path, ".", key);
    absl::Status status;
    if (key == "name") {
      status = ReadText(field, value, &endpoint->name);
    } else if (key == "host") {
      status = ReadText(field, value, &endpoint->host);
    } else if (key == "port") {
      status = ReadNumber(field, value, kMaxPort, &endpoint->port);
    } else if (key == "protocol") {
      status = ReadText(field, value, &endpoint->protocol);
    } else {
      status = Wrong(field, "unknown key: use name, host, port, protocol");
    }
    if (!status.ok()) return status;
  }
  if (endpoint->host.empty()) return Wrong(absl::StrCat(path, ".host"), "is missing: give it");
  if (endpoint->port == 0) return Wrong(absl::StrCat(path, ".port"), "is missing: give 1 to 65535");
  return absl::OkStatus();
}

absl::Status ReadEndpoints(const std::string& path, const Json& json, InstanceSpec* spec) {
  if (!json.is_array()) return Wrong(path, "must be an array");
  for (const Json& value : json) {
    Endpoint endpoint;
    const std::string element = absl::StrCat(path, "[", spec->endpoints.size(), "]");
    if (absl::Status status = ReadEndpoint(element, value, &endpoint); !status.ok()) return status;
    spec->endpoints.push_back(std::move(endpoint));
  }
  return absl::OkStatus();
}

absl::Status ReadLabels(const std::string& path, const Json& json, InstanceSpec* spec) {
  if (!json.is_object()) return Wrong(path, "must be an object of strings");
  for (const auto& [key, value] : json.items()) {
    if (absl::Status status = ReadText(absl::StrCat(path, ".", key), value, &spec->labels[key]);
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status ReadCheckKind(const std::string& path, const Json& json, CheckKind* kind) {
  std::string word;
  if (absl::Status status = ReadText(path, json, &word); !status.ok()) return status;
  for (const CheckKind known : {CheckKind::kTcp, CheckKind::kHttp, CheckKind::kGrpc}) {
    if (word != CheckKindWord(known)) continue;
    *kind = known;
    return absl::OkStatus();
  }
  return Wrong(path, "must be tcp, http or grpc");
}

absl::Status ReadMs(const std::string& path, const Json& json, int64_t* out) {
  uint32_t number = 0;
  absl::Status status = ReadNumber(path, json, kMaxCheckMs, &number);
  *out = number;
  return status;
}

// null is what is printed for an instance that has none.
absl::Status ReadCheck(const std::string& path, const Json& json, std::optional<Check>* out) {
  if (json.is_null()) return absl::OkStatus();
  if (!json.is_object()) return Wrong(path, "must be an object with kind, or null");
  Check check;
  for (const auto& [key, value] : json.items()) {
    const std::string field = absl::StrCat(path, ".", key);
    absl::Status status;
    if (key == "kind") {
      status = ReadCheckKind(field, value, &check.kind);
    } else if (key == "endpoint") {
      status = ReadText(field, value, &check.endpoint);
    } else if (key == "path") {
      status = ReadText(field, value, &check.path);
    } else if (key == "interval_ms") {
      status = ReadMs(field, value, &check.interval_ms);
    } else if (key == "timeout_ms") {
      status = ReadMs(field, value, &check.timeout_ms);
    } else if (key == "passes") {
      status = ReadNumber(field, value, kMaxCheckCount, &check.passes);
    } else if (key == "failures") {
      status = ReadNumber(field, value, kMaxCheckCount, &check.failures);
    } else {
      status = Wrong(field,
                     "unknown key: use kind, endpoint, path, interval_ms, timeout_ms, passes, "
                     "failures");
    }
    if (!status.ok()) return status;
  }
  if (check.kind == CheckKind::kUnspecified) {
    return Wrong(absl::StrCat(path, ".kind"), "is missing: give tcp, http or grpc");
  }
  *out = std::move(check);
  return absl::OkStatus();
}

absl::Status ReadField(const std::string& path, const std::string& key, const Json& json,
                       InstanceSpec* spec) {
  if (key == "endpoints") return ReadEndpoints(path, json, spec);
  if (key == "labels") return ReadLabels(path, json, spec);
  if (key == "check") return ReadCheck(path, json, &spec->check);
  if (key == "weight") return ReadNumber(path, json, kMaxWeight, &spec->weight);
  if (key == "namespace") return ReadText(path, json, &spec->ns);
  if (key == "service") return ReadText(path, json, &spec->service);
  if (key == "id") return ReadText(path, json, &spec->id);
  if (key == "version") return ReadText(path, json, &spec->version);
  if (key == "region") return ReadText(path, json, &spec->region);
  if (key == "zone") return ReadText(path, json, &spec->zone);
  if (std::find(kOutputOnly.begin(), kOutputOnly.end(), key) != kOutputOnly.end()) {
    return absl::OkStatus();
  }
  return Wrong(path,
               "unknown key: use namespace, service, id, endpoints, version, labels, region, zone, "
               "weight, check");
}

absl::Status ReadInstance(const std::string& path, const Json& json, InstanceSpec* spec) {
  if (!json.is_object()) return Wrong(path, "must be an object with service and endpoints");
  for (const auto& [key, value] : json.items()) {
    if (absl::Status status = ReadField(absl::StrCat(path, ".", key), key, value, spec);
        !status.ok()) {
      return status;
    }
  }
  if (spec->service.empty()) return Wrong(absl::StrCat(path, ".service"), "is missing: give it");
  if (spec->endpoints.empty()) {
    return Wrong(absl::StrCat(path, ".endpoints"), "is missing: give at least one");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<InstanceSpec>> ParseInstances(const std::string& json,
                                                         const std::string& default_ns) {
  Json document;
  try {
    document = Json::parse(json);
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not JSON: ", error.what()));
  }
  const Json* instances = &document;
  if (document.is_object() && document.contains("instances")) instances = &document["instances"];
  if (!instances->is_array() || instances->empty()) {
    return Wrong("instances",
                 "must be an array of at least one, alone or as {\"instances\": [...]}");
  }
  if (instances->size() > kMaxInstances) {
    return Wrong("instances", absl::StrCat("are ", instances->size(),
                                           ": one call takes 1,000, divide the file"));
  }
  std::vector<InstanceSpec> specs;
  for (const Json& value : *instances) {
    InstanceSpec spec;
    spec.ns = default_ns;
    const std::string path = absl::StrCat("instances[", specs.size(), "]");
    if (absl::Status status = ReadInstance(path, value, &spec); !status.ok()) return status;
    specs.push_back(std::move(spec));
  }
  return specs;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::InvalidArgumentError(std::strerror(errno));
  std::string bytes;
  std::array<char, 64 << 10> buffer;
  absl::Status status;
  while (status.ok()) {
    const ssize_t size = read(fd, buffer.data(), buffer.size());
    if (size == 0) break;
    if (size > 0) {
      bytes.append(buffer.data(), static_cast<size_t>(size));
      if (bytes.size() > kMaxFileSize) status = absl::InvalidArgumentError("larger than 16 MiB");
    } else if (errno != EINTR) {
      status = absl::InvalidArgumentError(std::strerror(errno));
    }
  }
  if (!standard_input) close(fd);
  if (!status.ok()) return status;
  return bytes;
}

}  // namespace registry::cli
