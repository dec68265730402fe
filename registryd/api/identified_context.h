// How a call comes to its caller: every context that a server of ours makes knows the
// authenticator.
//
//   builder.SetContextAllocator(std::make_unique<IdentifyingAllocator>(authenticator));
//   ... in any handler: CallerOf(*context)                    (api/call.h)
//
// So a handler cannot get a caller that was not identified, and need not be given anything for it.
// Threads: as gRPC's callback pool.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <memory>

#include "registryd/operations/authenticator.h"

namespace registryd::api {

class IdentifiedContext final : public grpc::CallbackServerContext {
 public:
  explicit IdentifiedContext(operations::Authenticator* authenticator)
      : authenticator_(authenticator) {}
  // Takes from the caller's rate, so once for each call. The client is told when to come again.
  operations::Caller Identify(operations::Lane lane);

 private:
  operations::Authenticator* const authenticator_;
};

class IdentifyingAllocator final : public grpc::ContextAllocator {
 public:
  explicit IdentifyingAllocator(operations::Authenticator* authenticator)
      : authenticator_(authenticator) {}
  grpc::CallbackServerContext* NewCallbackServerContext() override;
  grpc::GenericCallbackServerContext* NewGenericCallbackServerContext() override;
  void Release(grpc::CallbackServerContext* context) override { delete context; }
  void Release(grpc::GenericCallbackServerContext* context) override { delete context; }

 private:
  operations::Authenticator* const authenticator_;
};

}  // namespace registryd::api
