#include "client/src/calls.h"

#include "client/local/convert.h"

namespace registry {

absl::StatusOr<RegisterResult> Register(ClientCore& core, const v1::RegisterRequest& request,
                                        Clock::duration timeout) {
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
                                            Clock::duration timeout) {
  v1::DeregisterRequest request;
  *request.mutable_request_id() = core.ids().Next();
  for (const InstanceRef& instance : instances) *request.add_instances() = ToProto(instance);
  v1::DeregisterResponse response;
  const absl::Status status =
      core.servers().Call({.name = "Deregister", .timeout = timeout, .write = true},
                          [&](const Server& server, grpc::ClientContext* context) {
                            return server.registration->Deregister(context, request, &response);
                          });
  if (!status.ok()) return status;
  return ToResult(request, response);
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
