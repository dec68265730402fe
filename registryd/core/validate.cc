#include "registryd/core/validate.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/grammar.h"
#include "registryd/core/limits.h"
#include "registryd/core/version_range.h"

namespace registryd::core {
namespace {

constexpr std::string_view kNameAlso = "._-";
constexpr std::string_view kIdAlso = "._-:";

// Where in the request a value stands. Its parts are views of the caller's and are joined to text
// only when something is wrong with the value: a good call makes no text at all.
//
//   ""  and "lease" give "lease";  "instances", 2 and "lease" give "instances[2].lease"
class Path {
 public:
  Path(std::string_view text) : name_(text) {}    // NOLINT: a text is a path
  Path(const char* text) : name_(text) {}         // NOLINT
  Path(const std::string& text) : name_(text) {}  // NOLINT
  // A field, an element, a key of a map. `parent` outlives this.
  Path(const Path& parent, std::string_view field) : parent_(&parent), name_(field) {}
  Path(const Path& parent, size_t index) : parent_(&parent), index_(index), kind_(kElement) {}
  static Path Key(const Path& parent, std::string_view key) {
    Path path(parent, key);
    path.kind_ = kKey;
    return path;
  }
  std::string ToText() const {
    if (parent_ == nullptr) return std::string(name_);
    std::string text = parent_->ToText();
    if (kind_ == kElement) return Text(text, "[", index_, "]");
    if (kind_ == kKey) return Text(text, "[", Quoted(name_), "]");
    return text.empty() ? std::string(name_) : Text(text, ".", name_);
  }

 private:
  enum Kind : uint8_t { kField, kElement, kKey };
  const Path* parent_ = nullptr;
  std::string_view name_;
  size_t index_ = 0;
  Kind kind_ = kField;
};

template <class... Parts>
absl::Status Broken(const Path& path, const Parts&... parts) {
  const std::string text = path.ToText();
  return absl::InvalidArgumentError(Text(text, text.empty() ? "" : ": ", parts...));
}

// The parent is named, so that it lives as long.
Path Field(const Path& path, std::string_view name) { return {path, name}; }
Path Element(const Path& path, size_t index) { return {path, index}; }
Path Field(Path&&, std::string_view) = delete;
Path Element(Path&&, size_t) = delete;

absl::Status CheckName(const Path& path, std::string_view text, std::string_view also,
                       size_t limit) {
  if (text.empty()) return Broken(path, "is required");
  if (text.size() > limit) {
    return Broken(path, "must be at most ", limit, " characters, is ", text.size(), ": ",
                  Quoted(text));
  }
  if (!IsName(text, also)) {
    return Broken(path, "must be letters, digits and ", also,
                  ", first and last a letter or digit, is ", Quoted(text));
  }
  return absl::OkStatus();
}

// Free text, which may be empty.
absl::Status CheckText(const Path& path, std::string_view text, size_t limit) {
  if (text.size() > limit) {
    return Broken(path, "must be at most ", limit, " bytes, is ", text.size(), ": ", Quoted(text));
  }
  if (!IsPrintable(text)) {
    return Broken(path, "must be UTF-8 without control characters, is ", Quoted(text));
  }
  return absl::OkStatus();
}

absl::Status CheckCount(const Path& path, size_t count, size_t least, size_t most) {
  if (count >= least && count <= most) return absl::OkStatus();
  return Broken(path, "must be ", least, " to ", most, " of them, is ", count);
}

absl::Status CheckRange(const Path& path, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return Broken(path, "must be ", least, " to ", most, ", is ", value);
}

absl::Status CheckInstanceName(const Path& path, const InstanceName& name) {
  RETURN_IF_ERROR(CheckName(Field(path, "namespace"), name.ns(), kNameAlso, limits::kNameSize));
  RETURN_IF_ERROR(CheckName(Field(path, "service"), name.service(), kNameAlso, limits::kNameSize));
  return CheckName(Field(path, "id"), name.id(), kIdAlso, limits::kInstanceIdSize);
}

absl::Status CheckPort(const Path& path, uint64_t port) {
  if (port >= 1 && port <= 65'535) return absl::OkStatus();
  return Broken(path, "must be 1 to 65535, is ", port);
}

absl::Status CheckEndpoint(const Path& path, const Endpoint& endpoint) {
  RETURN_IF_ERROR(CheckName(Field(path, "name"), endpoint.name, kNameAlso, limits::kNameSize));
  const Path host = Field(path, "host");
  if (endpoint.host.empty()) return Broken(host, "is required");
  if (endpoint.host.size() > limits::kHostSize) {
    return Broken(host, "must be at most ", limits::kHostSize, " characters, is ",
                  endpoint.host.size(), ": ", Quoted(endpoint.host));
  }
  if (!IsHost(endpoint.host)) {
    return Broken(host,
                  "must be an IPv4 address, an IPv6 address without brackets or a host name,"
                  " is ",
                  Quoted(endpoint.host));
  }
  RETURN_IF_ERROR(CheckPort(Field(path, "port"), endpoint.port));
  return CheckText(Field(path, "protocol"), endpoint.protocol, limits::kProtocolSize);
}

absl::Status CheckEndpoints(const Path& path, const std::vector<Endpoint>& endpoints) {
  RETURN_IF_ERROR(CheckCount(path, endpoints.size(), 1, limits::kEndpoints));
  for (size_t i = 0; i < endpoints.size(); ++i) {
    const Path element = Element(path, i);
    RETURN_IF_ERROR(CheckEndpoint(element, endpoints[i]));
    for (size_t j = 0; j < i; ++j) {
      if (endpoints[j].name == endpoints[i].name) {
        return Broken(Field(element, "name"), "must differ from that of ",
                      Element(path, j).ToText(), ", is ", Quoted(endpoints[i].name));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckVersion(const Path& path, std::string_view version) {
  if (version.size() > limits::kVersionSize) {
    return Broken(path, "must be at most ", limits::kVersionSize, " characters, is ",
                  version.size(), ": ", Quoted(version));
  }
  if (version.empty() || Version::Parse(version)) return absl::OkStatus();
  if (IsSemVer(version)) {
    return Broken(path, "a number in it must have at most ", limits::kVersionDigits, " digits, is ",
                  Quoted(version));
  }
  return Broken(path, "must be a SemVer 2.0 version such as 1.4.2 or 2.0.0-rc.1, is ",
                Quoted(version));
}

absl::Status CheckLabelKey(const Path& path, std::string_view key) {
  const size_t slash = key.find('/');
  std::string_view name = key;
  if (slash != std::string_view::npos) {
    const std::string_view prefix = key.substr(0, slash);
    name = key.substr(slash + 1);
    if (prefix.size() > limits::kLabelPrefixSize || !IsLowerDnsName(prefix)) {
      return Broken(path, "the key's part before '/' must be a DNS name in lower case of at most ",
                    limits::kLabelPrefixSize, " characters, is ", Quoted(prefix));
    }
  }
  if (name.size() > limits::kNameSize || !IsName(name, kNameAlso)) {
    return Broken(path, "the key must be 1 to ", limits::kNameSize, " letters, digits and ",
                  kNameAlso, ", first and last a letter or digit, is ", Quoted(name));
  }
  return absl::OkStatus();
}

absl::Status CheckLabels(const Path& path, const std::vector<Label>& labels) {
  RETURN_IF_ERROR(CheckCount(path, labels.size(), 0, limits::kLabels));
  for (size_t i = 0; i < labels.size(); ++i) {
    const Path element = Path::Key(path, labels[i].key);
    RETURN_IF_ERROR(CheckLabelKey(element, labels[i].key));
    RETURN_IF_ERROR(CheckText(element, labels[i].value, limits::kLabelValueSize));
    if (i > 0 && labels[i].key <= labels[i - 1].key) {
      return Broken(element, "keys must differ and be sorted, comes after ",
                    Quoted(labels[i - 1].key));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckWeight(const Path& path, uint32_t weight) {
  return CheckRange(path, weight, 1, limits::kWeight);
}

absl::Status CheckActiveCheck(const Path& path, const CheckSpec& check,
                              const std::vector<Endpoint>& endpoints) {
  if (check.kind == CheckKind::kNone) return Broken(Field(path, "kind"), "is required");
  bool found = check.endpoint.empty();
  for (const Endpoint& endpoint : endpoints) found |= endpoint.name == check.endpoint;
  if (!found) {
    return Broken(Field(path, "endpoint"), "must be the name of an endpoint of the instance, is ",
                  Quoted(check.endpoint));
  }
  RETURN_IF_ERROR(CheckText(Field(path, "path"), check.path, limits::kCheckPathSize));
  if (check.path.find(' ') != std::string::npos) {
    return Broken(Field(path, "path"), "must have no spaces, is ", Quoted(check.path));
  }
  if (check.kind == CheckKind::kHttp && (check.path.empty() || check.path[0] != '/')) {
    return Broken(Field(path, "path"), "must begin with '/', is ", Quoted(check.path));
  }
  if (check.kind == CheckKind::kTcp && !check.path.empty()) {
    return Broken(Field(path, "path"), "means nothing to a check of kind TCP");
  }
  RETURN_IF_ERROR(CheckRange(Field(path, "interval_ms"), check.interval_ms,
                             limits::kCheckIntervalMinMs, limits::kCheckIntervalMaxMs));
  RETURN_IF_ERROR(CheckRange(Field(path, "timeout_ms"), check.timeout_ms,
                             limits::kCheckTimeoutMinMs,
                             std::min(limits::kCheckTimeoutMaxMs, check.interval_ms)));
  RETURN_IF_ERROR(CheckRange(Field(path, "passes"), check.passes, 1, limits::kCheckThresholdMax));
  return CheckRange(Field(path, "failures"), check.failures, 1, limits::kCheckThresholdMax);
}

absl::Status CheckInstanceSpec(const Path& path, const InstanceSpec& spec) {
  RETURN_IF_ERROR(CheckInstanceName(path, spec.name));
  RETURN_IF_ERROR(CheckEndpoints(Field(path, "endpoints"), spec.endpoints));
  RETURN_IF_ERROR(CheckVersion(Field(path, "version"), spec.version));
  RETURN_IF_ERROR(CheckLabels(Field(path, "labels"), spec.labels));
  RETURN_IF_ERROR(CheckText(Field(path, "region"), spec.region, limits::kNameSize));
  RETURN_IF_ERROR(CheckText(Field(path, "zone"), spec.zone, limits::kNameSize));
  RETURN_IF_ERROR(CheckWeight(Field(path, "weight"), spec.weight));
  return spec.check.empty() ? absl::OkStatus()
                            : CheckActiveCheck(Field(path, "check"), *spec.check, spec.endpoints);
}

absl::Status CheckLeaseId(const Path& path, LeaseId id) {
  return id ? absl::OkStatus() : Broken(path, "is required");
}

absl::Status CheckTtl(const Path& path, int64_t ttl_ms) {
  return CheckRange(path, ttl_ms, limits::kTtlMinMs, limits::kTtlMaxMs);
}

absl::Status CheckClaim(const LeaseClaim& claim, bool ttl_required) {
  RETURN_IF_ERROR(CheckLeaseId("lease.lease_id", claim.id));
  if (ttl_required || claim.ttl_ms != 0) {
    RETURN_IF_ERROR(CheckTtl("lease.ttl_ms", claim.ttl_ms));
  }
  return CheckText("lease.owner", claim.owner, limits::kOwnerSize);
}

// Refuses an instance that is named twice in one call.
class Distinct {
 public:
  explicit Distinct(size_t count) { seen_.reserve(count); }
  absl::Status Add(const InstanceName& name) {
    const size_t index = seen_.size();
    const auto [at, inserted] = seen_.emplace(name.text(), index);
    if (inserted) return absl::OkStatus();
    const Path instances("instances");
    return Broken(Element(instances, index), "names the same instance as ",
                  Element(instances, at->second).ToText(), ", ", Quoted(name.text()));
  }

 private:
  absl::flat_hash_map<std::string_view, size_t> seen_;
};

absl::Status Check(const Register& command) {
  const Path instances("instances");
  RETURN_IF_ERROR(CheckCount(instances, command.instances.size(), 1, limits::kInstancesPerCall));
  Distinct distinct(command.instances.size());
  for (size_t i = 0; i < command.instances.size(); ++i) {
    RETURN_IF_ERROR(CheckInstanceSpec(Element(instances, i), command.instances[i]));
    RETURN_IF_ERROR(distinct.Add(command.instances[i].name));
  }
  return command.lease ? CheckClaim(*command.lease, false) : absl::OkStatus();
}

absl::Status Check(const Deregister& command) {
  const Path instances("instances");
  RETURN_IF_ERROR(CheckCount(instances, command.targets.size(), 1, limits::kInstancesPerCall));
  Distinct distinct(command.targets.size());
  for (size_t i = 0; i < command.targets.size(); ++i) {
    RETURN_IF_ERROR(CheckInstanceName(Element(instances, i), command.targets[i].name));
    RETURN_IF_ERROR(distinct.Add(command.targets[i].name));
  }
  return CheckText("reason", command.reason, limits::kMessageSize);
}

absl::Status Check(const Update& command) {
  RETURN_IF_ERROR(CheckInstanceName("instance", command.target.name));
  if (command.labels) RETURN_IF_ERROR(CheckLabels("labels.entries", *command.labels));
  if (command.endpoints) {
    RETURN_IF_ERROR(CheckEndpoints("endpoints.entries", *command.endpoints));
  }
  if (command.weight) RETURN_IF_ERROR(CheckWeight("weight", *command.weight));
  if (command.version) RETURN_IF_ERROR(CheckVersion("version", *command.version));
  if (command.zone) RETURN_IF_ERROR(CheckText("zone", *command.zone, limits::kNameSize));
  return absl::OkStatus();
}

absl::Status Check(const SetHealth& command) {
  RETURN_IF_ERROR(CheckInstanceName("instance", command.target.name));
  if (command.report > Report::kDraining) {
    return Broken("health", "must be PASSING, CRITICAL or DRAINING");
  }
  return CheckText("message", command.message, limits::kMessageSize);
}

absl::Status Check(const GrantLease& command) { return CheckClaim(command.lease, true); }

absl::Status Check(const RevokeLease& command) { return CheckLeaseId("lease_id", command.id); }

absl::Status Check(const TrimHistory&) { return absl::OkStatus(); }
absl::Status Check(const RaiseFeatureLevel&) { return absl::OkStatus(); }

absl::Status Check(const RemoveCritical& command) {
  const Path instances("instances");
  for (size_t i = 0; i < command.targets.size(); ++i) {
    const Path path = Element(instances, i);
    RETURN_IF_ERROR(CheckInstanceName(path, command.targets[i].name));
    if (!command.targets[i].incarnation) {
      return Broken(Field(path, "incarnation"), "is required");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLeases(const std::vector<LeaseRef>& refs) {
  const Path leases("leases");
  for (size_t i = 0; i < refs.size(); ++i) {
    RETURN_IF_ERROR(CheckLeaseId(Element(leases, i), refs[i].id));
  }
  return absl::OkStatus();
}

absl::Status Check(const ExpireLeases& command) { return CheckLeases(command.leases); }

absl::Status Check(const ReviveLeases& command) { return CheckLeases(command.leases); }

// "namespace/service", or with an id behind it where that may be.
absl::Status CheckJoined(std::string_view target, bool may_be_instance) {
  if (may_be_instance && InstanceName::IsJoined(target)) {
    return CheckInstanceName("target", InstanceName(std::string(target)));
  }
  const size_t slash = target.find('/');
  RETURN_IF_ERROR(CheckName("namespace", target.substr(0, slash), kNameAlso, limits::kNameSize));
  const std::string_view service =
      slash == std::string_view::npos ? std::string_view() : target.substr(slash + 1);
  return CheckName("service", service, kNameAlso, limits::kNameSize);
}

absl::Status Check(const ReleaseGuard& command) {
  return command.service.empty() ? absl::OkStatus() : CheckJoined(command.service, false);
}

absl::Status Check(const Tend&) { return absl::OkStatus(); }

absl::Status Check(const SetMaintenance& command) {
  RETURN_IF_ERROR(CheckJoined(command.target, true));
  RETURN_IF_ERROR(CheckText("owner", command.owner, limits::kOwnerSize));
  RETURN_IF_ERROR(CheckText("reason", command.reason, limits::kReasonSize));
  return CheckRange("duration_ms", command.duration_ms, 0, limits::kMaintenanceMaxMs);
}

absl::Status Check(const EndMaintenance& command) { return CheckJoined(command.target, true); }

absl::Status Check(const SetService& command) { return CheckJoined(command.service, false); }

absl::Status Check(const SetCheckers& command) {
  return CheckCount("nodes", command.nodes.size(), 0, limits::kCheckers);
}

absl::Status Check(const ReportChecks& command) {
  const Path results("results");
  RETURN_IF_ERROR(CheckCount(results, command.results.size(), 1, limits::kCheckResultsPerCommand));
  for (size_t i = 0; i < command.results.size(); ++i) {
    const Path path = Element(results, i);
    RETURN_IF_ERROR(CheckInstanceName(path, command.results[i].target.name));
    RETURN_IF_ERROR(
        CheckText(Field(path, "message"), command.results[i].message, limits::kMessageSize));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateName(std::string_view path, std::string_view name) {
  return CheckName(path, name, kNameAlso, limits::kNameSize);
}

absl::Status ValidateNamePrefix(std::string_view path, std::string_view prefix) {
  if (prefix.empty()) return Broken(path, "is required");
  if (prefix.size() > limits::kNameSize) {
    return Broken(path, "must be at most ", limits::kNameSize, " characters, is ", prefix.size(),
                  ": ", Quoted(prefix));
  }
  if (IsName(Text(prefix, "0"), kNameAlso)) return absl::OkStatus();
  return Broken(path, "must be letters, digits and ", kNameAlso, ", first a letter or digit, is ",
                Quoted(prefix));
}

absl::Status ValidateInstanceId(std::string_view path, std::string_view id) {
  return CheckName(path, id, kIdAlso, limits::kInstanceIdSize);
}

absl::Status ValidatePort(std::string_view path, uint64_t port) { return CheckPort(path, port); }

absl::Status ValidateTtl(std::string_view path, int64_t ttl_ms) { return CheckTtl(path, ttl_ms); }

absl::Status ValidateVersion(std::string_view path, std::string_view version) {
  return CheckVersion(path, version);
}

absl::Status ValidateEndpoints(std::string_view path, const std::vector<Endpoint>& endpoints) {
  return CheckEndpoints(path, endpoints);
}

absl::Status ValidateLabelKey(std::string_view path, std::string_view key) {
  return CheckLabelKey(path, key);
}

absl::Status ValidateLabels(std::string_view path, const std::vector<Label>& labels) {
  return CheckLabels(path, labels);
}

absl::Status ValidateSpec(std::string_view path, const InstanceSpec& spec) {
  return CheckInstanceSpec(path, spec);
}

absl::Status ValidateTarget(std::string_view path, const Target& target) {
  return CheckInstanceName(path, target.name);
}

absl::Status ValidateCommand(const Command& command) {
  return std::visit([](const auto& c) { return Check(c); }, command);
}

}  // namespace registryd::core
