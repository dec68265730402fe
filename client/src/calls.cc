#include "client/src/calls.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/local/convert.h"
#include "registry/v1/subscribers.grpc.pb.h"

namespace registry {
namespace {

constexpr Millis kDrainSlice(5'000);
// The registry reads no more in one message.
constexpr size_t kRequestBytesMax = 4 << 20;

absl::StatusOr<ChangeResult> ToChange(uint64_t revision, bool has_instance,
                                      const v1::Instance& instance) {
  if (!has_instance) return MalformedAnswer("no instance in it");
  return ChangeResult{.revision = revision, .instance = ToInstance(instance)};
}

}  // namespace

absl::StatusOr<RegisterResult> Register(ClientCore& core, const v1::RegisterRequest& request,
                                        Clock::duration timeout) {
  // gRPC's own word for it would be that of an overloaded registry.
  if (const size_t bytes = request.ByteSizeLong(); bytes > kRequestBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("instances: a call takes at most ", kRequestBytesMax, " bytes, these ",
                     request.instances_size(), " have ", bytes,
                     "; register fewer in one call, or shorten their labels"));
  }
  v1::RegisterResponse response;
  const absl::Status status =
      core.servers().Call({.name = "Register", .timeout = timeout, .write = true},
                          [&](const Server& server, grpc::ClientContext* context) {
                            return server.registration->Register(context, request, &response);
                          });
  if (!status.ok()) return status;
  return ToResult(request, response);
}

absl::StatusOr<DeregisterResult> Deregister(ClientCore& core,
                                            const std::vector<InstanceRef>& instances,
                                            const DeregisterOptions& options,
                                            Clock::duration timeout) {
  v1::DeregisterRequest request;
  *request.mutable_request_id() = core.ids().Next();
  for (const InstanceRef& instance : instances) *request.add_instances() = ToProto(instance);
  request.set_reason(options.reason);
  request.set_process_exit(options.process_exit);
  request.set_force(options.force);
  v1::DeregisterResponse response;
  const absl::Status status =
      core.servers().Call({.name = "Deregister", .timeout = timeout, .write = true},
                          [&](const Server& server, grpc::ClientContext* context) {
                            return server.registration->Deregister(context, request, &response);
                          });
  if (!status.ok()) return status;
  return ToResult(request, response);
}

absl::StatusOr<ChangeResult> Update(ClientCore& core, const InstanceUpdate& update,
                                    Clock::duration timeout) {
  v1::UpdateRequest request = ToProto(update);
  *request.mutable_request_id() = core.ids().Next();
  v1::UpdateResponse response;
  const absl::Status status =
      core.servers().Call({.name = "Update", .timeout = timeout, .write = true},
                          [&](const Server& server, grpc::ClientContext* context) {
                            return server.registration->Update(context, request, &response);
                          });
  if (!status.ok()) return status;
  return ToChange(response.revision(), response.has_instance(), response.instance());
}

absl::StatusOr<ChangeResult> SetHealth(ClientCore& core, const InstanceRef& instance, Health health,
                                       const std::string& message, bool force,
                                       Clock::duration timeout) {
  v1::SetHealthRequest request;
  *request.mutable_request_id() = core.ids().Next();
  *request.mutable_instance() = ToProto(instance);
  request.set_health(ToProto(health));
  request.set_message(message);
  request.set_force(force);
  v1::SetHealthResponse response;
  const absl::Status status =
      core.servers().Call({.name = "SetHealth", .timeout = timeout, .write = true},
                          [&](const Server& server, grpc::ClientContext* context) {
                            return server.registration->SetHealth(context, request, &response);
                          });
  if (!status.ok()) return status;
  return ToChange(response.revision(), response.has_instance(), response.instance());
}

absl::StatusOr<DrainResult> Drain(ClientCore& core, const InstanceRef& instance,
                                  const std::string& message, bool force, Clock::duration wait) {
  const TimePoint end = Clock::now() + wait;
  const TimePoint answer_by = end + core.timeout();
  v1::DrainRequest request;
  // One id for all slices: said once. Who lets the instance serve again meanwhile is not overruled.
  *request.mutable_request_id() = core.ids().Next();
  *request.mutable_instance() = ToProto(instance);
  request.set_message(message);
  request.set_force(force);
  while (true) {
    const TimePoint now = Clock::now();
    // Where there are several servers, a try may take half of the call's time.
    const Clock::duration left = std::min(end - now, (answer_by - now) * 2 / 5);
    const Millis slice =
        std::clamp(std::chrono::duration_cast<Millis>(left), Millis(1), kDrainSlice);
    request.set_wait_ms(slice.count());
    v1::DrainResponse response;
    const absl::Status status = core.servers().Call(
        {.name = "Drain",
         .timeout = std::min<Clock::duration>(answer_by - now, core.timeout() + 2 * slice),
         .write = true},
        [&](const Server& server, grpc::ClientContext* context) {
          return v1::Subscribers::NewStub(server.channel)->Drain(context, request, &response);
        });
    if (!status.ok()) return status;
    if (response.drained() || Clock::now() >= end) return ToResult(response);
  }
}

absl::StatusOr<RevokeResult> RevokeLease(ClientCore& core, uint64_t lease_id, uint64_t epoch,
                                         Clock::duration timeout) {
  v1::RevokeLeaseRequest request;
  *request.mutable_request_id() = core.ids().Next();
  request.set_lease_id(lease_id);
  request.set_epoch(epoch);
  v1::RevokeLeaseResponse response;
  const absl::Status status =
      core.servers().Call({.name = "RevokeLease", .timeout = timeout, .write = true},
                          [&](const Server& server, grpc::ClientContext* context) {
                            return server.lease->Revoke(context, request, &response);
                          });
  if (!status.ok()) return status;
  return RevokeResult{.revision = response.revision(), .removed = response.removed()};
}

}  // namespace registry
