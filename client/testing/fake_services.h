// The unary calls and the renewals of a FakeRegistry, as thin adapters between registry.v1 and the
// state.
#pragma once

#include <grpcpp/server_builder.h>

#include <memory>

#include "client/testing/fake_state.h"

namespace registry {

class FakeServices {
 public:
  explicit FakeServices(FakeState* state);
  ~FakeServices();
  void Register(grpc::ServerBuilder* builder);

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace registry
