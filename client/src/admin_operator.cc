// What an Admin says to registry.v1.Operator.
#include <utility>

#include "client/local/convert.h"
#include "client/src/ask.h"
#include "client/src/client_core.h"
#include "registry/admin.h"
#include "registry/v1/operator.grpc.pb.h"

namespace registry {
namespace {

v1::Target ToProto(const OperatorTarget& target) {
  v1::Target out;
  out.set_namespace_(target.ns);
  out.set_service(target.service);
  out.set_id(target.id);
  return out;
}

Maintenance ToMaintenance(const v1::MaintenanceEntry& entry) {
  return {.target = {.ns = entry.target().namespace_(),
                     .service = entry.target().service(),
                     .id = entry.target().id()},
          .owner = entry.maintenance().owner(),
          .reason = entry.maintenance().reason(),
          .since_ms = entry.maintenance().since_ms(),
          .until_ms = entry.maintenance().until_ms()};
}

ServiceSettings ToSettings(const v1::ServiceSettings& settings) {
  return {.ns = settings.namespace_(),
          .service = settings.service(),
          .min_healthy = settings.min_healthy()};
}

}  // namespace

absl::StatusOr<MaintenanceResult> Admin::SetMaintenance(const OperatorTarget& target,
                                                        const MaintenanceOptions& options) {
  v1::SetMaintenanceRequest request;
  *request.mutable_request_id() = core_->ids().Next();
  *request.mutable_target() = ToProto(target);
  request.set_owner(options.owner);
  request.set_reason(options.reason);
  request.set_duration_ms(absl::ToInt64Milliseconds(options.duration));
  request.set_force(options.force);
  v1::SetMaintenanceResponse response;
  const absl::Status status =
      Ask<v1::Operator>(*core_, "SetMaintenance", true,
                        &v1::Operator::StubInterface::SetMaintenance, request, &response);
  if (!status.ok()) return status;
  return MaintenanceResult{.revision = response.revision(),
                           .maintenance = ToMaintenance(response.entry()),
                           .instances = response.instances()};
}

absl::StatusOr<MaintenanceResult> Admin::EndMaintenance(const OperatorTarget& target) {
  v1::EndMaintenanceRequest request;
  *request.mutable_request_id() = core_->ids().Next();
  *request.mutable_target() = ToProto(target);
  v1::EndMaintenanceResponse response;
  const absl::Status status =
      Ask<v1::Operator>(*core_, "EndMaintenance", true,
                        &v1::Operator::StubInterface::EndMaintenance, request, &response);
  if (!status.ok()) return status;
  return MaintenanceResult{.revision = response.revision(),
                           .maintenance = {.target = target},
                           .instances = response.instances()};
}

absl::StatusOr<std::vector<Maintenance>> Admin::ListMaintenance(const std::string& ns,
                                                                const std::string& service) {
  std::vector<Maintenance> all;
  v1::ListMaintenanceRequest request;
  request.set_namespace_(ns);
  request.set_service(service);
  do {
    v1::ListMaintenanceResponse response;
    const absl::Status status =
        Ask<v1::Operator>(*core_, "ListMaintenance", false,
                          &v1::Operator::StubInterface::ListMaintenance, request, &response);
    if (!status.ok()) return status;
    for (const v1::MaintenanceEntry& entry : response.entries()) {
      all.push_back(ToMaintenance(entry));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<ServiceSettings> Admin::SetMinHealthy(const OperatorTarget& service,
                                                     uint32_t min_healthy) {
  v1::SetServiceRequest request;
  *request.mutable_request_id() = core_->ids().Next();
  request.set_namespace_(service.ns);
  request.set_service(service.service);
  request.set_min_healthy(min_healthy);
  v1::SetServiceResponse response;
  const absl::Status status = Ask<v1::Operator>(
      *core_, "SetService", true, &v1::Operator::StubInterface::SetService, request, &response);
  if (!status.ok()) return status;
  return ToSettings(response.settings());
}

absl::StatusOr<ServiceSettings> Admin::GetService(const OperatorTarget& service) {
  v1::GetServiceRequest request;
  request.set_namespace_(service.ns);
  request.set_service(service.service);
  v1::GetServiceResponse response;
  const absl::Status status = Ask<v1::Operator>(
      *core_, "GetService", false, &v1::Operator::StubInterface::GetService, request, &response);
  if (!status.ok()) return status;
  return ToSettings(response.settings());
}

absl::StatusOr<GuardStatus> Admin::Guard() {
  v1::ListGuardResponse response;
  const absl::Status status =
      Ask<v1::Operator>(*core_, "ListGuard", false, &v1::Operator::StubInterface::ListGuard,
                        v1::ListGuardRequest(), &response);
  if (!status.ok()) return status;
  GuardStatus out;
  out.info = ToInfo(response.info());
  out.registry_since_ms = response.registry_since_ms();
  out.silent_leases = response.silent_leases();
  for (const v1::ListGuardResponse::Held& held : response.services()) {
    out.services.push_back({.ns = held.namespace_(),
                            .service = held.service(),
                            .suspect = held.suspect(),
                            .passing = held.passing(),
                            .since_ms = held.since_ms(),
                            .left = held.left()});
  }
  out.intake_leading = response.intake().leading();
  out.intake_paused = response.intake().paused();
  out.intake_heard = response.intake().heard();
  out.intake_expected = response.intake().expected();
  return out;
}

absl::StatusOr<uint64_t> Admin::ReleaseGuard(const std::optional<OperatorTarget>& service) {
  v1::ReleaseGuardRequest request;
  *request.mutable_request_id() = core_->ids().Next();
  request.set_all(!service.has_value());
  if (service) {
    request.set_namespace_(service->ns);
    request.set_service(service->service);
  }
  v1::ReleaseGuardResponse response;
  const absl::Status status = Ask<v1::Operator>(
      *core_, "ReleaseGuard", true, &v1::Operator::StubInterface::ReleaseGuard, request, &response);
  if (!status.ok()) return status;
  return response.released();
}

}  // namespace registry
