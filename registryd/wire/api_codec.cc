#include "registryd/wire/api_codec.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "google/protobuf/map.h"
#include "google/protobuf/repeated_field.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/limits.h"
#include "registryd/core/validate.h"

namespace registryd::wire {
namespace {

namespace api = ::registry::v1;
using RepeatedEndpoints = google::protobuf::RepeatedPtrField<api::Endpoint>;
using LabelMap = google::protobuf::Map<std::string, std::string>;

constexpr std::string_view kDefaultNamespace = "default";
constexpr std::string_view kDefaultEndpoint = "default";
constexpr uint32_t kDefaultWeight = 1;

std::string_view Or(std::string_view given, std::string_view if_empty) {
  return given.empty() ? if_empty : given;
}
std::string Field(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : Text(path, ".", name);
}

absl::StatusOr<std::vector<core::Endpoint>> EndpointsFromApi(std::string_view path,
                                                             const RepeatedEndpoints& endpoints) {
  std::vector<core::Endpoint> out;
  out.reserve(static_cast<size_t>(endpoints.size()));
  for (const api::Endpoint& endpoint : endpoints) {
    if (endpoint.port() > 65'535) {
      return core::ValidatePort(Text(path, "[", out.size(), "].port"), endpoint.port());
    }
    out.push_back({std::string(Or(endpoint.name(), kDefaultEndpoint)), endpoint.host(),
                   static_cast<uint16_t>(endpoint.port()), endpoint.protocol()});
  }
  return out;
}

std::vector<core::Label> LabelsFromApi(const LabelMap& labels) {
  std::vector<core::Label> out;
  out.reserve(labels.size());
  for (const auto& [key, value] : labels) out.push_back({key, value});
  std::sort(out.begin(), out.end(),
            [](const core::Label& a, const core::Label& b) { return a.key < b.key; });
  return out;
}

absl::StatusOr<core::CheckSpec> CheckFromApi(std::string_view path, const api::Check& check) {
  namespace limits = core::limits;
  core::CheckSpec out;
  switch (check.kind()) {
    case api::Check::KIND_TCP:
      out.kind = core::CheckKind::kTcp;
      break;
    case api::Check::KIND_HTTP:
      out.kind = core::CheckKind::kHttp;
      break;
    case api::Check::KIND_GRPC:
      out.kind = core::CheckKind::kGrpc;
      break;
    default:
      return absl::InvalidArgumentError(
          Text(path, ".kind: must be TCP, HTTP or GRPC, is ", static_cast<int>(check.kind())));
  }
  const auto or_default = [](auto value, auto if_zero) { return value == 0 ? if_zero : value; };
  out.endpoint = check.endpoint();
  out.path = check.path().empty() && out.kind == core::CheckKind::kHttp ? "/" : check.path();
  out.interval_ms = or_default(check.interval_ms(), limits::kCheckIntervalDefaultMs);
  out.timeout_ms =
      or_default(check.timeout_ms(), std::min(limits::kCheckTimeoutDefaultMs, out.interval_ms));
  out.passes = or_default(check.passes(), limits::kCheckPassesDefault);
  out.failures = or_default(check.failures(), limits::kCheckFailuresDefault);
  return out;
}

}  // namespace

absl::StatusOr<core::InstanceSpec> SpecFromApi(std::string_view path, const api::InstanceSpec& spec,
                                               std::string_view id_if_empty) {
  core::InstanceSpec out;
  out.name = core::InstanceName(Or(spec.namespace_(), kDefaultNamespace), spec.service(),
                                Or(spec.id(), id_if_empty));
  ASSIGN_OR_RETURN(out.endpoints, EndpointsFromApi(Field(path, "endpoints"), spec.endpoints()));
  out.version = spec.version();
  out.labels = LabelsFromApi(spec.labels());
  out.region = spec.region();
  out.zone = spec.zone();
  out.weight = spec.weight() == 0 ? kDefaultWeight : spec.weight();
  if (spec.has_check()) {
    ASSIGN_OR_RETURN(core::CheckSpec check, CheckFromApi(Field(path, "check"), spec.check()));
    out.check = core::Boxed<core::CheckSpec>(std::move(check));
  }
  return out;
}

absl::StatusOr<core::Target> TargetFromApi(std::string_view /*path*/, const api::InstanceRef& ref) {
  return core::Target{
      core::InstanceName(Or(ref.namespace_(), kDefaultNamespace), ref.service(), ref.id()),
      Revision(ref.incarnation())};
}

absl::StatusOr<core::Update> UpdateFromApi(const api::UpdateRequest& request) {
  core::Update out;
  ASSIGN_OR_RETURN(out.target, TargetFromApi("instance", request.instance()));
  out.expected = Revision(request.expected_revision());
  if (request.has_labels()) out.labels = LabelsFromApi(request.labels().entries());
  if (request.has_endpoints()) {
    ASSIGN_OR_RETURN(out.endpoints,
                     EndpointsFromApi("endpoints.entries", request.endpoints().entries()));
  }
  if (request.has_weight()) out.weight = request.weight() == 0 ? kDefaultWeight : request.weight();
  if (request.has_version()) out.version = request.version();
  if (request.has_zone()) out.zone = request.zone();
  return out;
}

absl::StatusOr<core::SetHealth> SetHealthFromApi(const api::SetHealthRequest& request) {
  core::SetHealth out;
  ASSIGN_OR_RETURN(out.target, TargetFromApi("instance", request.instance()));
  switch (request.health()) {
    case api::HEALTH_PASSING:
      out.report = core::Report::kPassing;
      break;
    case api::HEALTH_CRITICAL:
      out.report = core::Report::kCritical;
      break;
    case api::HEALTH_DRAINING:
      out.report = core::Report::kDraining;
      break;
    default:
      return absl::InvalidArgumentError(Text("health: must be PASSING, CRITICAL or DRAINING, is ",
                                             static_cast<int>(request.health())));
  }
  out.message = request.message();
  out.force = request.force();
  return out;
}

core::RequestId RequestIdFromApi(const api::RequestId& id) {
  return {id.client_id(), id.sequence()};
}

void SpecToApi(const core::InstanceSpec& spec, api::InstanceSpec* out) {
  out->Clear();
  out->set_namespace_(std::string(spec.name.ns()));
  out->set_service(std::string(spec.name.service()));
  out->set_id(std::string(spec.name.id()));
  for (const core::Endpoint& endpoint : spec.endpoints) {
    api::Endpoint* to = out->add_endpoints();
    to->set_name(std::string(endpoint.name));
    to->set_host(endpoint.host);
    to->set_port(endpoint.port);
    to->set_protocol(std::string(endpoint.protocol));
  }
  out->set_version(std::string(spec.version));
  for (const core::Label& label : spec.labels) (*out->mutable_labels())[label.key] = label.value;
  out->set_region(std::string(spec.region));
  out->set_zone(std::string(spec.zone));
  out->set_weight(spec.weight);
  if (spec.check.empty()) return;
  api::Check* check = out->mutable_check();
  check->set_kind(static_cast<api::Check::Kind>(spec.check->kind));
  check->set_endpoint(spec.check->endpoint);
  check->set_path(spec.check->path);
  check->set_interval_ms(spec.check->interval_ms);
  check->set_timeout_ms(spec.check->timeout_ms);
  check->set_passes(spec.check->passes);
  check->set_failures(spec.check->failures);
}

void MaintenanceToApi(const core::Override& entry, api::Maintenance* out) {
  out->set_owner(entry.owner);
  out->set_reason(entry.reason);
  out->set_since_ms(entry.since_ms);
  out->set_until_ms(entry.until_ms);
  out->set_whole_service(!core::InstanceName::IsJoined(entry.target));
}

void InstanceToApi(const core::Instance& instance, api::Instance* out) {
  SpecToApi(instance.spec, out->mutable_spec());
  const core::DerivedHealth derived = core::DeriveHealth(instance.facts);
  out->set_incarnation(instance.incarnation.value());
  out->set_health(static_cast<api::Health>(derived.health));
  out->set_health_reason(static_cast<api::HealthReason>(derived.reason));
  out->set_health_message(std::string(core::HealthMessage(instance.facts)));
  out->set_health_since_ms(instance.health_since_ms);
  out->set_lease_id(instance.lease.value());
  out->set_changed_revision(instance.changed.value());
  out->set_created_ms(instance.created_ms);
  out->set_changed_ms(instance.changed_ms);
  if (instance.facts.rare->maintenance) {
    MaintenanceToApi(*instance.facts.rare->maintenance, out->mutable_maintenance());
  }
}

void GrantedLeaseToApi(const core::Lease& lease, api::GrantedLease* out) {
  out->set_lease_id(lease.id.value());
  out->set_epoch(lease.epoch.value());
  out->set_ttl_ms(lease.ttl_ms);
  out->set_renew_every_ms(lease.ttl_ms / 3);
}

}  // namespace registryd::wire
