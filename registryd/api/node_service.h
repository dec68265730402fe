// registry.v1.Node: settings of this one node. Threads: gRPC's callback pool.
#pragma once

#include <string>

#include "registry/v1/node.grpc.pb.h"
#include "registryd/api/call_metrics.h"
#include "registryd/operations/access.h"

namespace registryd::api {

class NodeService final : public registry::v1::Node::CallbackService {
 public:
  NodeService(operations::Access* access, std::string name)
      : access_(access), name_(std::move(name)) {}

  grpc::ServerUnaryReactor* SetLogLevel(grpc::CallbackServerContext* context,
                                        const registry::v1::SetLogLevelRequest* request,
                                        registry::v1::SetLogLevelResponse* response) override;

 private:
  operations::Access* const access_;
  const std::string name_;
  MethodMetrics set_log_level_{"Node/SetLogLevel"};
};

}  // namespace registryd::api
