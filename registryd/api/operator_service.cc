#include "registryd/api/operator_service.h"

#include <string>
#include <utility>
#include <variant>

#include "registryd/api/call.h"
#include "registryd/api/lookup_codec.h"
#include "registryd/api/write_call.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/validate.h"
#include "registryd/wire/api_codec.h"

namespace registryd::api {
namespace {

constexpr uint32_t kPageDefault = 1'000;
constexpr uint32_t kPageMax = 10'000;

// "namespace/service/id" or "namespace/service".
absl::StatusOr<std::string> TargetName(const registry::v1::Target& target) {
  ASSIGN_OR_RETURN(std::string service, ServiceNameFromApi(target.namespace_(), target.service()));
  if (target.id().empty()) return service;
  RETURN_IF_ERROR(core::ValidateInstanceId("id", target.id()));
  return Text(service, "/", target.id());
}

absl::StatusOr<core::Command> MaintenanceFromApi(
    const registry::v1::SetMaintenanceRequest& request) {
  ASSIGN_OR_RETURN(std::string target, TargetName(request.target()));
  return core::SetMaintenance{std::move(target), request.owner(), request.reason(),
                              request.duration_ms(), request.force()};
}

absl::StatusOr<core::Command> EndFromApi(const registry::v1::EndMaintenanceRequest& request) {
  ASSIGN_OR_RETURN(std::string target, TargetName(request.target()));
  return core::EndMaintenance{std::move(target)};
}

absl::StatusOr<core::Command> SettingsFromApi(const registry::v1::SetServiceRequest& request) {
  core::SetService command;
  ASSIGN_OR_RETURN(command.service, ServiceNameFromApi(request.namespace_(), request.service()));
  if (request.has_min_healthy()) command.min_healthy = request.min_healthy();
  return command;
}

// Empty: of all services.
absl::StatusOr<std::string> ReleasedFromApi(const registry::v1::ReleaseGuardRequest& request) {
  if (request.all() == !request.service().empty()) {
    return absl::InvalidArgumentError("service: name one service, or set `all` and leave it empty");
  }
  return request.all() ? std::string()
                       : ServiceNameFromApi(request.namespace_(), request.service());
}

// A list is narrowed by what may be empty.
absl::Status CheckNarrowed(const registry::v1::ListMaintenanceRequest& request) {
  if (!request.namespace_().empty()) {
    RETURN_IF_ERROR(core::ValidateName("namespace", request.namespace_()));
  }
  if (!request.service().empty()) {
    RETURN_IF_ERROR(core::ValidateName("service", request.service()));
  }
  if (request.page_size() > kPageMax) {
    return absl::InvalidArgumentError(
        Text("page_size: at most ", kPageMax, ", is ", request.page_size()));
  }
  return absl::OkStatus();
}

void EntryToApi(const core::Override& entry, registry::v1::MaintenanceEntry* out) {
  const std::string& target = entry.target;
  const size_t first = target.find('/');
  const size_t second = target.find('/', first + 1);
  out->mutable_target()->set_namespace_(target.substr(0, first));
  out->mutable_target()->set_service(target.substr(first + 1, second - first - 1));
  if (second != std::string::npos) out->mutable_target()->set_id(target.substr(second + 1));
  wire::MaintenanceToApi(entry, out->mutable_maintenance());
}

void SettingsToApi(const core::ServiceRecord& record, registry::v1::ServiceSettings* out) {
  const size_t slash = record.name.find('/');
  out->set_namespace_(record.name.substr(0, slash));
  out->set_service(record.name.substr(slash + 1));
  out->set_min_healthy(record.min_healthy);
}

grpc::ServerUnaryReactor* Answer(const CountedCall& call, const absl::Status& status) {
  call.Finish(status);
  return call.reactor();
}

}  // namespace

grpc::ServerUnaryReactor* OperatorService::SetMaintenance(
    grpc::CallbackServerContext* context, const registry::v1::SetMaintenanceRequest* request,
    registry::v1::SetMaintenanceResponse* response) {
  return WriteCall(context, set_maintenance_, writes_,
                   wire::RequestIdFromApi(request->request_id()), MaintenanceFromApi(*request),
                   [response](const core::Reply& reply) {
                     const auto& value = std::get<core::MaintenanceReply>(reply.value);
                     response->set_revision(reply.revision.value());
                     response->set_instances(value.count);
                     EntryToApi(*value.override_, response->mutable_entry());
                   });
}

grpc::ServerUnaryReactor* OperatorService::EndMaintenance(
    grpc::CallbackServerContext* context, const registry::v1::EndMaintenanceRequest* request,
    registry::v1::EndMaintenanceResponse* response) {
  return WriteCall(context, end_maintenance_, writes_,
                   wire::RequestIdFromApi(request->request_id()), EndFromApi(*request),
                   [response](const core::Reply& reply) {
                     response->set_revision(reply.revision.value());
                     response->set_instances(std::get<core::MaintenanceReply>(reply.value).count);
                   });
}

grpc::ServerUnaryReactor* OperatorService::ListMaintenance(
    grpc::CallbackServerContext* context, const registry::v1::ListMaintenanceRequest* request,
    registry::v1::ListMaintenanceResponse* response) {
  const CountedCall call(context->DefaultReactor(), list_maintenance_);
  if (absl::Status valid = CheckNarrowed(*request); !valid.ok()) return Answer(call, valid);
  const uint32_t page = request->page_size() == 0 ? kPageDefault : request->page_size();
  const auto list = oversight_->ListOverrides(CallerOf(*context), request->namespace_(),
                                              request->service(), request->page_token(), page);
  if (!list.ok()) return Answer(call, list.status());
  StampToApi(oversight_->Stamp(*list->view), response->mutable_info());
  for (const core::OverridePtr& entry : list->entries) EntryToApi(*entry, response->add_entries());
  if (list->more) response->set_next_page_token(list->entries.back()->target);
  return Answer(call, absl::OkStatus());
}

grpc::ServerUnaryReactor* OperatorService::SetService(
    grpc::CallbackServerContext* context, const registry::v1::SetServiceRequest* request,
    registry::v1::SetServiceResponse* response) {
  return WriteCall(context, set_service_, writes_, wire::RequestIdFromApi(request->request_id()),
                   SettingsFromApi(*request), [response](const core::Reply& reply) {
                     SettingsToApi(*std::get<core::ServiceReply>(reply.value).record,
                                   response->mutable_settings());
                   });
}

grpc::ServerUnaryReactor* OperatorService::GetService(
    grpc::CallbackServerContext* context, const registry::v1::GetServiceRequest* request,
    registry::v1::GetServiceResponse* response) {
  const CountedCall call(context->DefaultReactor(), get_service_);
  const auto name = ServiceNameFromApi(request->namespace_(), request->service());
  if (!name.ok()) return Answer(call, name.status());
  const auto settings = oversight_->Service(CallerOf(*context), *name);
  if (!settings.ok()) return Answer(call, settings.status());
  StampToApi(oversight_->Stamp(*settings->view), response->mutable_info());
  SettingsToApi(*settings->record, response->mutable_settings());
  return Answer(call, absl::OkStatus());
}

grpc::ServerUnaryReactor* OperatorService::ListGuard(grpc::CallbackServerContext* context,
                                                     const registry::v1::ListGuardRequest*,
                                                     registry::v1::ListGuardResponse* response) {
  const CountedCall call(context->DefaultReactor(), list_guard_);
  const auto held = oversight_->ListHeld(CallerOf(*context));
  if (!held.ok()) return Answer(call, held.status());
  StampToApi(oversight_->Stamp(*held->view), response->mutable_info());
  response->set_registry_since_ms(held->view->counters.guard.since_ms);
  response->set_silent_leases(held->view->silent_leases);
  for (const operations::HeldService& service : held->services) {
    auto* out = response->add_services();
    const size_t slash = service.name.find('/');
    out->set_namespace_(service.name.substr(0, slash));
    out->set_service(service.name.substr(slash + 1));
    out->set_suspect(service.suspect);
    out->set_passing(service.passing);
    out->set_since_ms(service.since_ms);
    out->set_left(service.left);
  }
  auto* intake = response->mutable_intake();
  intake->set_leading(held->intake.leading);
  intake->set_paused(held->intake.paused);
  intake->set_heard(held->intake.heard);
  intake->set_expected(held->intake.leases);
  return Answer(call, absl::OkStatus());
}

grpc::ServerUnaryReactor* OperatorService::ReleaseGuard(
    grpc::CallbackServerContext* context, const registry::v1::ReleaseGuardRequest* request,
    registry::v1::ReleaseGuardResponse* response) {
  const CountedCall call(context->DefaultReactor(), release_guard_);
  auto service = ReleasedFromApi(*request);
  if (!service.ok()) return Answer(call, service.status());
  oversight_->Release(CallerOf(*context), wire::RequestIdFromApi(request->request_id()),
                      *std::move(service), [call, response](absl::StatusOr<core::Reply> reply) {
                        if (reply.ok()) {
                          response->set_revision(reply->revision.value());
                          response->set_released(std::get<core::CountReply>(reply->value).count);
                        }
                        call.Finish(reply.status());
                      });
  return call.reactor();
}

}  // namespace registryd::api
