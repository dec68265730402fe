// registry.v1.Subscribers: who watches, and drains that wait for them. Threads: gRPC's callback
// pool.
#pragma once

#include "registry/v1/subscribers.grpc.pb.h"
#include "registryd/api/call_metrics.h"
#include "registryd/operations/access.h"
#include "registryd/operations/audience.h"
#include "registryd/operations/drains.h"
#include "registryd/operations/reads.h"

namespace registryd::api {

class SubscribersService final : public registry::v1::Subscribers::CallbackService {
 public:
  struct Parts {
    operations::Reads* reads = nullptr;
    operations::Audience* audience = nullptr;
    operations::Drains* drains = nullptr;
    operations::Access* access = nullptr;
  };
  explicit SubscribersService(Parts parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* ListSubscribers(
      grpc::CallbackServerContext* context, const registry::v1::ListSubscribersRequest* request,
      registry::v1::ListSubscribersResponse* response) override;
  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* context,
                                  const registry::v1::DrainRequest* request,
                                  registry::v1::DrainResponse* response) override;

 private:
  const Parts parts_;
  MethodMetrics list_subscribers_{"Subscribers/ListSubscribers"};
  MethodMetrics drain_{"Subscribers/Drain"};
};

}  // namespace registryd::api
