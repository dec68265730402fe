#include "registryd/core/validate.h"

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

template <class... Parts>
absl::Status Broken(std::string_view path, const Parts&... parts) {
  return absl::InvalidArgumentError(Text(path, path.empty() ? "" : ": ", parts...));
}

// "instances[2]" and "lease" give "instances[2].lease"; "" and "lease" give "lease".
std::string Field(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : Text(path, ".", name);
}
std::string Element(std::string_view path, size_t index) { return Text(path, "[", index, "]"); }

absl::Status CheckName(std::string_view path, std::string_view text, std::string_view also,
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
absl::Status CheckText(std::string_view path, std::string_view text, size_t limit) {
  if (text.size() > limit) {
    return Broken(path, "must be at most ", limit, " bytes, is ", text.size(), ": ", Quoted(text));
  }
  if (!IsPrintable(text)) {
    return Broken(path, "must be UTF-8 without control characters, is ", Quoted(text));
  }
  return absl::OkStatus();
}

absl::Status CheckCount(std::string_view path, size_t count, size_t least, size_t most) {
  if (count >= least && count <= most) return absl::OkStatus();
  return Broken(path, "must be ", least, " to ", most, " of them, is ", count);
}

absl::Status CheckInstanceName(std::string_view path, const InstanceName& name) {
  RETURN_IF_ERROR(ValidateName(Field(path, "namespace"), name.ns()));
  RETURN_IF_ERROR(ValidateName(Field(path, "service"), name.service()));
  return ValidateInstanceId(Field(path, "id"), name.id());
}

absl::Status CheckEndpoint(std::string_view path, const Endpoint& endpoint) {
  RETURN_IF_ERROR(CheckName(Field(path, "name"), endpoint.name, kNameAlso, limits::kNameSize));
  const std::string host = Field(path, "host");
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
  RETURN_IF_ERROR(ValidatePort(Field(path, "port"), endpoint.port));
  return CheckText(Field(path, "protocol"), endpoint.protocol, limits::kProtocolSize);
}

absl::Status CheckWeight(std::string_view path, uint32_t weight) {
  if (weight >= 1 && weight <= limits::kWeight) return absl::OkStatus();
  return Broken(path, "must be 1 to ", limits::kWeight, ", is ", weight);
}

absl::Status CheckLeaseId(std::string_view path, LeaseId id) {
  return id ? absl::OkStatus() : Broken(path, "is required");
}

absl::Status CheckClaim(const LeaseClaim& claim, bool ttl_required) {
  RETURN_IF_ERROR(CheckLeaseId("lease.lease_id", claim.id));
  if (ttl_required || claim.ttl_ms != 0) {
    RETURN_IF_ERROR(ValidateTtl("lease.ttl_ms", claim.ttl_ms));
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
    return Broken(Element("instances", index), "names the same instance as ",
                  Element("instances", at->second), ", ", Quoted(name.text()));
  }

 private:
  absl::flat_hash_map<std::string_view, size_t> seen_;
};

absl::Status Check(const Register& command) {
  RETURN_IF_ERROR(CheckCount("instances", command.instances.size(), 1, limits::kInstancesPerCall));
  Distinct distinct(command.instances.size());
  for (size_t i = 0; i < command.instances.size(); ++i) {
    RETURN_IF_ERROR(ValidateSpec(Element("instances", i), command.instances[i]));
    RETURN_IF_ERROR(distinct.Add(command.instances[i].name));
  }
  return command.lease ? CheckClaim(*command.lease, false) : absl::OkStatus();
}

absl::Status Check(const Deregister& command) {
  RETURN_IF_ERROR(CheckCount("instances", command.targets.size(), 1, limits::kInstancesPerCall));
  Distinct distinct(command.targets.size());
  for (size_t i = 0; i < command.targets.size(); ++i) {
    RETURN_IF_ERROR(ValidateTarget(Element("instances", i), command.targets[i]));
    RETURN_IF_ERROR(distinct.Add(command.targets[i].name));
  }
  return absl::OkStatus();
}

absl::Status Check(const Update& command) {
  RETURN_IF_ERROR(ValidateTarget("instance", command.target));
  if (command.labels) RETURN_IF_ERROR(ValidateLabels("labels.entries", *command.labels));
  if (command.endpoints) {
    RETURN_IF_ERROR(ValidateEndpoints("endpoints.entries", *command.endpoints));
  }
  if (command.weight) RETURN_IF_ERROR(CheckWeight("weight", *command.weight));
  if (command.version) RETURN_IF_ERROR(ValidateVersion("version", *command.version));
  if (command.zone) RETURN_IF_ERROR(CheckText("zone", *command.zone, limits::kNameSize));
  return absl::OkStatus();
}

absl::Status Check(const SetHealth& command) {
  RETURN_IF_ERROR(ValidateTarget("instance", command.target));
  if (command.report > Report::kDraining) {
    return Broken("health", "must be PASSING, CRITICAL or DRAINING");
  }
  return CheckText("message", command.message, limits::kMessageSize);
}

absl::Status Check(const GrantLease& command) { return CheckClaim(command.lease, true); }

absl::Status Check(const RevokeLease& command) { return CheckLeaseId("lease_id", command.id); }

absl::Status Check(const ExpireLeases& command) {
  for (size_t i = 0; i < command.leases.size(); ++i) {
    RETURN_IF_ERROR(CheckLeaseId(Element("leases", i), command.leases[i].id));
  }
  return absl::OkStatus();
}

absl::Status Check(const RemoveCritical& command) {
  for (size_t i = 0; i < command.targets.size(); ++i) {
    const std::string path = Element("instances", i);
    RETURN_IF_ERROR(ValidateTarget(path, command.targets[i]));
    if (!command.targets[i].incarnation) {
      return Broken(Field(path, "incarnation"), "is required");
    }
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

absl::Status ValidatePort(std::string_view path, uint64_t port) {
  if (port >= 1 && port <= 65'535) return absl::OkStatus();
  return Broken(path, "must be 1 to 65535, is ", port);
}

absl::Status ValidateTtl(std::string_view path, int64_t ttl_ms) {
  if (ttl_ms >= limits::kTtlMinMs && ttl_ms <= limits::kTtlMaxMs) return absl::OkStatus();
  return Broken(path, "must be ", limits::kTtlMinMs, " to ", limits::kTtlMaxMs, ", is ", ttl_ms);
}

absl::Status ValidateVersion(std::string_view path, std::string_view version) {
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

absl::Status ValidateEndpoints(std::string_view path, const std::vector<Endpoint>& endpoints) {
  RETURN_IF_ERROR(CheckCount(path, endpoints.size(), 1, limits::kEndpoints));
  for (size_t i = 0; i < endpoints.size(); ++i) {
    const std::string element = Element(path, i);
    RETURN_IF_ERROR(CheckEndpoint(element, endpoints[i]));
    for (size_t j = 0; j < i; ++j) {
      if (endpoints[j].name == endpoints[i].name) {
        return Broken(Field(element, "name"), "must differ from that of ", Element(path, j),
                      ", is ", Quoted(endpoints[i].name));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateLabelKey(std::string_view path, std::string_view key) {
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

absl::Status ValidateLabels(std::string_view path, const std::vector<Label>& labels) {
  RETURN_IF_ERROR(CheckCount(path, labels.size(), 0, limits::kLabels));
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::string element = Text(path, "[", Quoted(labels[i].key), "]");
    RETURN_IF_ERROR(ValidateLabelKey(element, labels[i].key));
    RETURN_IF_ERROR(CheckText(element, labels[i].value, limits::kLabelValueSize));
    if (i > 0 && labels[i].key <= labels[i - 1].key) {
      return Broken(element, "keys must differ and be sorted, comes after ",
                    Quoted(labels[i - 1].key));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateSpec(std::string_view path, const InstanceSpec& spec) {
  RETURN_IF_ERROR(CheckInstanceName(path, spec.name));
  RETURN_IF_ERROR(ValidateEndpoints(Field(path, "endpoints"), spec.endpoints));
  RETURN_IF_ERROR(ValidateVersion(Field(path, "version"), spec.version));
  RETURN_IF_ERROR(ValidateLabels(Field(path, "labels"), spec.labels));
  RETURN_IF_ERROR(CheckText(Field(path, "region"), spec.region, limits::kNameSize));
  RETURN_IF_ERROR(CheckText(Field(path, "zone"), spec.zone, limits::kNameSize));
  return CheckWeight(Field(path, "weight"), spec.weight);
}

absl::Status ValidateTarget(std::string_view path, const Target& target) {
  return CheckInstanceName(path, target.name);
}

absl::Status ValidateCommand(const Command& command) {
  return std::visit([](const auto& c) { return Check(c); }, command);
}

}  // namespace registryd::core
