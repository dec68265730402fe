// registry.v1.Access: what the policy allows, and why. Threads: gRPC's callback pool.
#pragma once

#include "registry/v1/access.grpc.pb.h"
#include "registryd/api/call_metrics.h"
#include "registryd/operations/access.h"

namespace registryd::api {

class AccessService final : public registry::v1::Access::CallbackService {
 public:
  explicit AccessService(operations::Access* access) : access_(access) {}

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const registry::v1::CheckAccessRequest* request,
                                  registry::v1::CheckAccessResponse* response) override;

 private:
  operations::Access* const access_;
  MethodMetrics check_{"Access/Check"};
};

}  // namespace registryd::api
