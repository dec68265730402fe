// registry.v1.Lease: grants and revocations walk the write road, renewals the short one
// (operations/renewals.h). Threads: gRPC's callback pool.
#pragma once

#include "registry/v1/lease.grpc.pb.h"
#include "registryd/api/call_metrics.h"
#include "registryd/api/open_streams.h"
#include "registryd/operations/renewals.h"
#include "registryd/operations/writes.h"

namespace registryd::api {

class LeaseService final : public registry::v1::Lease::CallbackService {
 public:
  LeaseService(operations::Writes* writes, operations::Renewals* renewals, OpenStreams* streams)
      : writes_(writes), renewals_(renewals), streams_(streams) {}

  grpc::ServerUnaryReactor* Grant(grpc::CallbackServerContext* context,
                                  const registry::v1::GrantLeaseRequest* request,
                                  registry::v1::GrantLeaseResponse* response) override;
  grpc::ServerUnaryReactor* Revoke(grpc::CallbackServerContext* context,
                                   const registry::v1::RevokeLeaseRequest* request,
                                   registry::v1::RevokeLeaseResponse* response) override;
  grpc::ServerBidiReactor<registry::v1::KeepAliveRequest, registry::v1::KeepAliveResponse>*
  KeepAlive(grpc::CallbackServerContext* context) override;

 private:
  operations::Writes* const writes_;
  operations::Renewals* const renewals_;
  OpenStreams* const streams_;
  MethodMetrics grant_{"Lease/Grant"};
  MethodMetrics revoke_{"Lease/Revoke"};
  MethodMetrics keep_alive_{"Lease/KeepAlive"};
};

}  // namespace registryd::api
