#include "client/local/convert.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/local/clock.h"

namespace registry {
namespace {

Health ToHealth(v1::Health health) {
  switch (health) {
    case v1::HEALTH_PASSING:
      return Health::kPassing;
    case v1::HEALTH_SUSPECT:
      return Health::kSuspect;
    case v1::HEALTH_CRITICAL:
      return Health::kCritical;
    case v1::HEALTH_DRAINING:
      return Health::kDraining;
    default:  // also numbers of a newer registry
      return Health::kUnspecified;
  }
}

HealthReason ToReason(v1::HealthReason reason) {
  switch (reason) {
    case v1::HEALTH_REASON_REGISTERED:
      return HealthReason::kRegistered;
    case v1::HEALTH_REASON_LEASE_EXPIRED:
      return HealthReason::kLeaseExpired;
    case v1::HEALTH_REASON_REPORTED:
      return HealthReason::kReported;
    case v1::HEALTH_REASON_SILENT:
      return HealthReason::kSilent;
    case v1::HEALTH_REASON_CHECK:
      return HealthReason::kCheck;
    case v1::HEALTH_REASON_MAINTENANCE:
      return HealthReason::kMaintenance;
    default:
      return HealthReason::kUnspecified;
  }
}

v1::HealthReason ToProto(HealthReason reason) {
  switch (reason) {
    case HealthReason::kRegistered:
      return v1::HEALTH_REASON_REGISTERED;
    case HealthReason::kLeaseExpired:
      return v1::HEALTH_REASON_LEASE_EXPIRED;
    case HealthReason::kReported:
      return v1::HEALTH_REASON_REPORTED;
    case HealthReason::kSilent:
      return v1::HEALTH_REASON_SILENT;
    case HealthReason::kCheck:
      return v1::HEALTH_REASON_CHECK;
    case HealthReason::kMaintenance:
      return v1::HEALTH_REASON_MAINTENANCE;
    case HealthReason::kUnspecified:
      break;
  }
  return v1::HEALTH_REASON_UNSPECIFIED;
}

v1::Endpoint ToProto(const Endpoint& endpoint) {
  v1::Endpoint message;
  message.set_name(endpoint.name);
  message.set_host(endpoint.host);
  message.set_port(endpoint.port);
  message.set_protocol(endpoint.protocol);
  return message;
}

}  // namespace

absl::Status MalformedAnswer(const std::string& why) {
  return absl::InternalError(
      absl::StrCat("the answer makes no sense: ", why,
                   "; do the versions of registry and client fit together?"));
}

v1::InstanceSpec ToProto(const InstanceSpec& spec) {
  v1::InstanceSpec message;
  message.set_namespace_(spec.ns);
  message.set_service(spec.service);
  message.set_id(spec.id);
  for (const Endpoint& endpoint : spec.endpoints) *message.add_endpoints() = ToProto(endpoint);
  message.set_version(spec.version);
  for (const auto& [key, value] : spec.labels) (*message.mutable_labels())[key] = value;
  message.set_region(spec.region);
  message.set_zone(spec.zone);
  message.set_weight(spec.weight);
  if (spec.check) {
    v1::Check* check = message.mutable_check();
    check->set_kind(static_cast<v1::Check::Kind>(spec.check->kind));
    check->set_endpoint(spec.check->endpoint);
    check->set_path(spec.check->path);
    check->set_interval_ms(spec.check->interval_ms);
    check->set_timeout_ms(spec.check->timeout_ms);
    check->set_passes(spec.check->passes);
    check->set_failures(spec.check->failures);
  }
  return message;
}

v1::Instance ToProto(const Instance& instance) {
  v1::Instance message;
  *message.mutable_spec() = ToProto(instance.spec);
  message.set_incarnation(instance.incarnation);
  message.set_health(ToProto(instance.health));
  message.set_health_reason(ToProto(instance.reason));
  message.set_health_message(instance.message);
  message.set_health_since_ms(instance.health_since_ms);
  message.set_lease_id(instance.lease_id);
  message.set_changed_revision(instance.changed_revision);
  message.set_created_ms(instance.created_ms);
  message.set_changed_ms(instance.changed_ms);
  if (instance.maintenance) {
    v1::Maintenance* maintenance = message.mutable_maintenance();
    maintenance->set_owner(instance.maintenance->owner);
    maintenance->set_reason(instance.maintenance->reason);
    maintenance->set_since_ms(instance.maintenance->since_ms);
    maintenance->set_until_ms(instance.maintenance->until_ms);
    maintenance->set_whole_service(instance.maintenance->whole_service);
  }
  return message;
}

v1::InstanceRef ToProto(const InstanceRef& ref) {
  v1::InstanceRef message;
  message.set_namespace_(ref.ns);
  message.set_service(ref.service);
  message.set_id(ref.id);
  message.set_incarnation(ref.incarnation);
  return message;
}

v1::Health ToProto(Health health) {
  switch (health) {
    case Health::kPassing:
      return v1::HEALTH_PASSING;
    case Health::kSuspect:
      return v1::HEALTH_SUSPECT;
    case Health::kCritical:
      return v1::HEALTH_CRITICAL;
    case Health::kDraining:
      return v1::HEALTH_DRAINING;
    case Health::kUnspecified:
      break;
  }
  return v1::HEALTH_UNSPECIFIED;
}

v1::ReadOptions ToProto(const ReadOptions& read) {
  v1::ReadOptions message;
  message.set_consistency(read.consistency == Consistency::kLinearizable
                              ? v1::CONSISTENCY_LINEARIZABLE
                              : v1::CONSISTENCY_LOCAL);
  message.set_min_revision(read.min_revision);
  message.set_max_staleness_ms(CeilMillis(read.max_staleness));
  return message;
}

v1::LookupRequest ToProto(const LookupQuery& query) {
  v1::LookupRequest message;
  message.set_namespace_(query.ns);
  message.set_service(query.service);
  for (const Health health : query.health) message.add_health(ToProto(health));
  message.set_selector(query.selector);
  message.set_version_range(query.version_range);
  message.set_zone(query.zone);
  message.set_limit(query.limit);
  v1::ReadOptions read = ToProto(query.read);
  // The plain question, a service and nothing else, is the registry's fast path.
  if (read.ByteSizeLong() != 0) *message.mutable_read() = std::move(read);
  return message;
}

v1::ListServicesRequest ToProto(const ListServicesQuery& query) {
  v1::ListServicesRequest message;
  message.set_namespace_(query.ns);
  message.set_prefix(query.prefix);
  message.set_page_size(query.page_size);
  message.set_page_token(query.page_token);
  *message.mutable_read() = ToProto(query.read);
  return message;
}

v1::ListInstancesRequest ToProto(const ListInstancesQuery& query) {
  v1::ListInstancesRequest message;
  message.set_namespace_(query.ns);
  message.set_service(query.service);
  message.set_page_size(query.page_size);
  message.set_page_token(query.page_token);
  *message.mutable_read() = ToProto(query.read);
  return message;
}

v1::UpdateRequest ToProto(const InstanceUpdate& update) {
  v1::UpdateRequest message;
  *message.mutable_instance() = ToProto(update.instance);
  message.set_expected_revision(update.expected_revision);
  if (update.labels) {
    auto* entries = message.mutable_labels()->mutable_entries();
    for (const auto& [key, value] : *update.labels) (*entries)[key] = value;
  }
  if (update.endpoints) {
    auto* endpoints = message.mutable_endpoints();
    for (const Endpoint& endpoint : *update.endpoints) {
      *endpoints->add_entries() = ToProto(endpoint);
    }
  }
  if (update.weight) message.set_weight(*update.weight);
  if (update.version) message.set_version(*update.version);
  if (update.zone) message.set_zone(*update.zone);
  return message;
}

InstanceSpec ToSpec(const v1::InstanceSpec& message) {
  InstanceSpec spec;
  if (!message.namespace_().empty()) spec.ns = message.namespace_();
  spec.service = message.service();
  spec.id = message.id();
  spec.endpoints.reserve(static_cast<size_t>(message.endpoints_size()));
  for (const v1::Endpoint& endpoint : message.endpoints()) {
    spec.endpoints.push_back({.name = endpoint.name(),
                              .host = endpoint.host(),
                              .port = endpoint.port(),
                              .protocol = endpoint.protocol()});
  }
  spec.version = message.version();
  for (const auto& [key, value] : message.labels()) spec.labels.emplace(key, value);
  spec.region = message.region();
  spec.zone = message.zone();
  if (message.weight() != 0) spec.weight = message.weight();
  if (message.has_check()) {
    const v1::Check& check = message.check();
    const bool known = check.kind() > 0 && check.kind() <= v1::Check::KIND_GRPC;
    spec.check =
        Check{.kind = known ? static_cast<CheckKind>(check.kind()) : CheckKind::kUnspecified,
              .endpoint = check.endpoint(),
              .path = check.path(),
              .interval_ms = check.interval_ms(),
              .timeout_ms = check.timeout_ms(),
              .passes = check.passes(),
              .failures = check.failures()};
  }
  return spec;
}

Instance ToInstance(const v1::Instance& message) {
  Instance instance;
  instance.spec = ToSpec(message.spec());
  instance.incarnation = message.incarnation();
  instance.health = ToHealth(message.health());
  instance.reason = ToReason(message.health_reason());
  instance.message = message.health_message();
  instance.health_since_ms = message.health_since_ms();
  instance.lease_id = message.lease_id();
  instance.changed_revision = message.changed_revision();
  instance.created_ms = message.created_ms();
  instance.changed_ms = message.changed_ms();
  if (message.has_maintenance()) {
    instance.maintenance =
        InstanceMaintenance{.owner = message.maintenance().owner(),
                            .reason = message.maintenance().reason(),
                            .since_ms = message.maintenance().since_ms(),
                            .until_ms = message.maintenance().until_ms(),
                            .whole_service = message.maintenance().whole_service()};
  }
  return instance;
}

AnswerInfo ToInfo(const v1::AnswerInfo& message) {
  return {.cluster_id = message.cluster_id(),
          .revision = message.revision(),
          .lag_ms = message.lag_ms(),
          .leader_known = message.leader_known()};
}

LookupResult ToResult(const v1::LookupResponse& message) {
  LookupResult result;
  result.info = ToInfo(message.info());
  result.instances.reserve(static_cast<size_t>(message.instances_size()));
  for (const v1::Instance& instance : message.instances()) {
    result.instances.push_back(ToInstance(instance));
  }
  result.total = message.total();
  return result;
}

ServicesPage ToPage(const v1::ListServicesResponse& message) {
  ServicesPage page;
  page.info = ToInfo(message.info());
  page.services.reserve(static_cast<size_t>(message.services_size()));
  for (const v1::ServiceSummary& service : message.services()) {
    page.services.push_back({.ns = service.namespace_(),
                             .service = service.service(),
                             .passing = service.passing(),
                             .suspect = service.suspect(),
                             .critical = service.critical(),
                             .draining = service.draining(),
                             .changed_revision = service.changed_revision()});
  }
  page.next_page_token = message.next_page_token();
  return page;
}

InstancesPage ToPage(const v1::ListInstancesResponse& message) {
  InstancesPage page;
  page.info = ToInfo(message.info());
  page.instances.reserve(static_cast<size_t>(message.instances_size()));
  for (const v1::Instance& instance : message.instances()) {
    page.instances.push_back(ToInstance(instance));
  }
  page.next_page_token = message.next_page_token();
  return page;
}

Subscriber ToSubscriber(const v1::Subscriber& message) {
  return {.client_id = message.client_id(),
          .client_name = message.client_name(),
          .address = message.address(),
          .node = message.node(),
          .watches = message.watches(),
          .connected = message.connected(),
          .acknowledged_revision = message.acknowledged_revision(),
          .behind = message.behind(),
          .applied_ms = message.applied_ms(),
          .applied_max_ms = message.applied_max_ms()};
}

DrainResult ToResult(const v1::DrainResponse& message) {
  DrainResult result{.revision = message.revision(),
                     .drained = message.drained(),
                     .instance = ToInstance(message.instance())};
  for (const auto& one : message.waiting_for()) result.waiting_for.push_back(ToSubscriber(one));
  result.unreachable_nodes = {message.unreachable_nodes().begin(),
                              message.unreachable_nodes().end()};
  return result;
}

absl::StatusOr<Lease> ToLease(const v1::GrantedLease& message) {
  if (message.lease_id() == 0 || message.epoch() == 0 || message.ttl_ms() <= 0) {
    return MalformedAnswer("a lease without id, epoch or ttl");
  }
  Lease lease;
  lease.id = message.lease_id();
  lease.epoch = message.epoch();
  lease.ttl = absl::Milliseconds(message.ttl_ms());
  lease.renew_every = lease.ttl / 3;
  if (message.renew_every_ms() > 0) {
    lease.renew_every = std::min(lease.renew_every, absl::Milliseconds(message.renew_every_ms()));
  }
  return lease;
}

absl::StatusOr<RegisterResult> ToResult(const v1::RegisterRequest& request,
                                        const v1::RegisterResponse& message) {
  if (message.instances_size() != request.instances_size()) {
    return MalformedAnswer(absl::StrCat(request.instances_size(), " instances asked, ",
                                        message.instances_size(), " answered"));
  }
  RegisterResult result;
  result.revision = message.revision();
  for (int i = 0; i < message.instances_size(); ++i) {
    const std::string& asked = request.instances(i).id();
    const v1::RegisterResponse::Registered& registered = message.instances(i);
    if (registered.id().empty() || (!asked.empty() && asked != registered.id())) {
      return MalformedAnswer(
          absl::StrCat("instance \"", asked, "\" is answered as \"", registered.id(), "\""));
    }
    result.instances.push_back({.id = registered.id(), .incarnation = registered.incarnation()});
  }
  if (request.has_lease()) {
    auto lease = ToLease(message.lease());
    if (!lease.ok()) return lease.status();
    result.lease = *lease;
  }
  return result;
}

absl::StatusOr<DeregisterResult> ToResult(const v1::DeregisterRequest& request,
                                          const v1::DeregisterResponse& message) {
  if (message.removed_size() != request.instances_size()) {
    return MalformedAnswer(absl::StrCat(request.instances_size(), " instances asked, ",
                                        message.removed_size(), " answered"));
  }
  return DeregisterResult{.revision = message.revision(),
                          .removed = {message.removed().begin(), message.removed().end()}};
}

}  // namespace registry
