// registry.v1.Cluster: the registry about itself. Threads: gRPC's callback pool.
#pragma once

#include <functional>

#include "absl/functional/any_invocable.h"
#include "registry/v1/cluster.grpc.pb.h"
#include "registryd/api/call_metrics.h"
#include "registryd/operations/reads.h"

namespace registryd::api {

class ClusterService final : public registry::v1::Cluster::CallbackService {
 public:
  // What only the server knows: node, version, leader, members, uptime. Runs `done` once, on any
  // thread.
  using Describe =
      std::function<void(registry::v1::StatusResponse*, absl::AnyInvocable<void() &&> done)>;
  ClusterService(operations::Reads* reads, Describe describe)
      : reads_(reads), describe_(std::move(describe)) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context,
                                   const registry::v1::StatusRequest* request,
                                   registry::v1::StatusResponse* response) override;

 private:
  operations::Reads* const reads_;
  const Describe describe_;
  MethodMetrics status_{"Cluster/Status"};
};

}  // namespace registryd::api
