// registry.v1.Discovery: questions in, bytes out.
//
// Lookup and BatchLookup are raw methods: the answer to the plain question is a small header before
// bytes that the view keeps encoded, so nothing is serialized on that path. Watch is raw for the
// same reason (api/watch_call.h). Threads: gRPC's callback pool.
#pragma once

#include "registry/v1/discovery.grpc.pb.h"
#include "registryd/api/call_metrics.h"
#include "registryd/api/open_streams.h"
#include "registryd/operations/reads.h"
#include "registryd/operations/watches.h"

namespace registryd::api {

// Each method once, raw or not.
using DiscoveryBase = registry::v1::Discovery::WithRawCallbackMethod_Lookup<
    registry::v1::Discovery::WithRawCallbackMethod_Watch<
        registry::v1::Discovery::WithRawCallbackMethod_BatchLookup<
            registry::v1::Discovery::WithCallbackMethod_ListServices<
                registry::v1::Discovery::WithCallbackMethod_ListInstances<
                    registry::v1::Discovery::Service>>>>>;

class DiscoveryService final : public DiscoveryBase {
 public:
  DiscoveryService(operations::Reads* reads, operations::Watches* watches, OpenStreams* streams)
      : reads_(reads), watches_(watches), streams_(streams) {}

  grpc::ServerUnaryReactor* Lookup(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Watch(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* BatchLookup(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListServices(grpc::CallbackServerContext* context,
                                         const registry::v1::ListServicesRequest* request,
                                         registry::v1::ListServicesResponse* response) override;
  grpc::ServerUnaryReactor* ListInstances(grpc::CallbackServerContext* context,
                                          const registry::v1::ListInstancesRequest* request,
                                          registry::v1::ListInstancesResponse* response) override;

 private:
  operations::Reads* const reads_;
  operations::Watches* const watches_;
  OpenStreams* const streams_;
  MethodMetrics lookup_{"Discovery/Lookup"};
  MethodMetrics batch_lookup_{"Discovery/BatchLookup"};
  MethodMetrics list_services_{"Discovery/ListServices"};
  MethodMetrics list_instances_{"Discovery/ListInstances"};
  MethodMetrics watch_{"Discovery/Watch"};
};

}  // namespace registryd::api
