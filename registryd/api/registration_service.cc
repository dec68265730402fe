#include "registryd/api/registration_service.h"

#include <string>
#include <variant>

#include "registryd/api/write_call.h"
#include "registryd/base/check.h"
#include "registryd/base/random.h"
#include "registryd/base/text.h"
#include "registryd/core/limits.h"
#include "registryd/wire/api_codec.h"

namespace registryd::api {
namespace {

// An id for an instance that came without one. A repeated request gets the same ones again.
std::string MadeInstanceId(const registry::v1::RequestId& request, int position) {
  constexpr char kDigits[] = "0123456789abcdef";
  uint64_t bits = request.client_id() == 0 ? RandomId()
                                           : DerivedId(request.client_id(), request.sequence(),
                                                       static_cast<uint64_t>(position) + 1);
  std::string id = "i-";
  for (int n = 0; n < 16; ++n, bits >>= 4) id.push_back(kDigits[bits & 15]);
  return id;
}

absl::Status TooMany(std::string_view field, int count) {
  if (static_cast<size_t>(count) <= core::limits::kInstancesPerCall) return absl::OkStatus();
  return absl::InvalidArgumentError(Text(field, ": at most ", core::limits::kInstancesPerCall,
                                         " in one call, are ", count, "; split the call"));
}

absl::StatusOr<core::Command> RegisterFromApi(const registry::v1::RegisterRequest& request) {
  RETURN_IF_ERROR(TooMany("instances", request.instances_size()));
  core::Register command;
  command.instances.reserve(static_cast<size_t>(request.instances_size()));
  for (int i = 0; i < request.instances_size(); ++i) {
    const auto& spec = request.instances(i);
    ASSIGN_OR_RETURN(auto decoded,
                     wire::SpecFromApi(Text("instances[", i, "]"), spec,
                                       spec.id().empty() ? MadeInstanceId(request.request_id(), i)
                                                         : std::string()));
    command.instances.push_back(std::move(decoded));
  }
  if (request.has_lease()) {
    command.lease = core::LeaseClaim{LeaseId(request.lease().lease_id()), request.lease().ttl_ms(),
                                     request.lease().owner()};
  }
  return command;
}

absl::StatusOr<core::Command> DeregisterFromApi(const registry::v1::DeregisterRequest& request) {
  RETURN_IF_ERROR(TooMany("instances", request.instances_size()));
  core::Deregister command;
  for (int i = 0; i < request.instances_size(); ++i) {
    ASSIGN_OR_RETURN(auto target,
                     wire::TargetFromApi(Text("instances[", i, "]"), request.instances(i)));
    command.targets.push_back(std::move(target));
  }
  command.reason = request.reason();
  command.process_exit = request.process_exit();
  command.force = request.force();
  return command;
}

// Update and SetHealth answer alike.
template <class Response>
auto FillInstance(Response* response) {
  return [response](const core::Reply& reply) {
    response->set_revision(reply.revision.value());
    if (const auto* value = std::get_if<core::InstanceReply>(&reply.value)) {
      if (value->instance) wire::InstanceToApi(*value->instance, response->mutable_instance());
    }
  };
}

}  // namespace

grpc::ServerUnaryReactor* RegistrationService::Register(
    grpc::CallbackServerContext* context, const registry::v1::RegisterRequest* request,
    registry::v1::RegisterResponse* response) {
  auto command = RegisterFromApi(*request);
  // The ids in the request's order, given or made.
  if (command.ok()) {
    for (const auto& spec : std::get<core::Register>(*command).instances) {
      response->add_instances()->set_id(std::string(spec.name.id()));
    }
  }
  const core::RequestId id = wire::RequestIdFromApi(request->request_id());
  // While it waits for the disk, only the command is kept.
  FreeRequest(*context);
  return WriteCall(context, register_, writes_, id, std::move(command),
                   [response](const core::Reply& reply) {
                     response->set_revision(reply.revision.value());
                     const auto& value = std::get<core::RegisterReply>(reply.value);
                     for (size_t i = 0; i < value.incarnations.size(); ++i) {
                       response->mutable_instances(static_cast<int>(i))
                           ->set_incarnation(value.incarnations[i].value());
                     }
                     if (value.lease) {
                       wire::GrantedLeaseToApi(*value.lease, response->mutable_lease());
                     }
                   });
}

grpc::ServerUnaryReactor* RegistrationService::Deregister(
    grpc::CallbackServerContext* context, const registry::v1::DeregisterRequest* request,
    registry::v1::DeregisterResponse* response) {
  return WriteCall(context, deregister_, writes_, wire::RequestIdFromApi(request->request_id()),
                   DeregisterFromApi(*request), [response](const core::Reply& reply) {
                     response->set_revision(reply.revision.value());
                     for (bool removed : std::get<core::DeregisterReply>(reply.value).removed) {
                       response->add_removed(removed);
                     }
                   });
}

grpc::ServerUnaryReactor* RegistrationService::Update(grpc::CallbackServerContext* context,
                                                      const registry::v1::UpdateRequest* request,
                                                      registry::v1::UpdateResponse* response) {
  return WriteCall(context, update_, writes_, wire::RequestIdFromApi(request->request_id()),
                   wire::UpdateFromApi(*request), FillInstance(response));
}

grpc::ServerUnaryReactor* RegistrationService::SetHealth(
    grpc::CallbackServerContext* context, const registry::v1::SetHealthRequest* request,
    registry::v1::SetHealthResponse* response) {
  return WriteCall(context, set_health_, writes_, wire::RequestIdFromApi(request->request_id()),
                   wire::SetHealthFromApi(*request), FillInstance(response));
}

}  // namespace registryd::api
