// What every gRPC handler of ours needs: the caller, the status, and a unary call that ends later.
#pragma once

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "registryd/operations/authenticator.h"

namespace registryd::api {

// absl's codes are gRPC's. Messages go to the caller as they are: they say what, which id and what
// to do.
grpc::Status ToGrpc(const absl::Status& status);

// Who calls. Once for each call: it takes from the caller's rate (operations/authenticator.h).
operations::Caller CallerOf(grpc::CallbackServerContext& context,
                            operations::Lane lane = operations::Lane::kCalls);

// Milliseconds until the call's deadline, at most `most_ms`.
int64_t TimeLeftMs(const grpc::CallbackServerContext& context, int64_t most_ms);

}  // namespace registryd::api
