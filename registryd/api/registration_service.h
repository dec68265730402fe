// registry.v1.Registration and the unary calls of registry.v1.Lease: thin adapters, message in,
// command to operations, reply out. Threads: gRPC's callback pool.
#pragma once

#include "registry/v1/registration.grpc.pb.h"
#include "registryd/api/arena_messages.h"
#include "registryd/api/call_metrics.h"
#include "registryd/operations/writes.h"

namespace registryd::api {

class RegistrationService final : public registry::v1::Registration::CallbackService {
 public:
  explicit RegistrationService(operations::Writes* writes) : writes_(writes) {
    SetMessageAllocatorFor_Register(&register_messages_);
  }

  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context,
                                     const registry::v1::RegisterRequest* request,
                                     registry::v1::RegisterResponse* response) override;
  grpc::ServerUnaryReactor* Deregister(grpc::CallbackServerContext* context,
                                       const registry::v1::DeregisterRequest* request,
                                       registry::v1::DeregisterResponse* response) override;
  grpc::ServerUnaryReactor* Update(grpc::CallbackServerContext* context,
                                   const registry::v1::UpdateRequest* request,
                                   registry::v1::UpdateResponse* response) override;
  grpc::ServerUnaryReactor* SetHealth(grpc::CallbackServerContext* context,
                                      const registry::v1::SetHealthRequest* request,
                                      registry::v1::SetHealthResponse* response) override;

 private:
  // A registration is a message with many small parts.
  ArenaMessages<registry::v1::RegisterRequest, registry::v1::RegisterResponse> register_messages_;
  operations::Writes* const writes_;
  MethodMetrics register_{"Registration/Register"};
  MethodMetrics deregister_{"Registration/Deregister"};
  MethodMetrics update_{"Registration/Update"};
  MethodMetrics set_health_{"Registration/SetHealth"};
};

}  // namespace registryd::api
