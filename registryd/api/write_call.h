// The shape of every unary call that writes: decode, submit, answer when it is applied.
#pragma once

#include <grpcpp/grpcpp.h>

#include <utility>

#include "registryd/api/call.h"
#include "registryd/api/call_metrics.h"
#include "registryd/operations/writes.h"

namespace registryd::api {

// `fill(reply)` writes the response; it runs once, only for a reply without an error.
template <class Fill>
grpc::ServerUnaryReactor* WriteCall(grpc::CallbackServerContext* context, MethodMetrics& method,
                                    operations::Writes* writes, const core::RequestId& request,
                                    absl::StatusOr<core::Command> command, Fill fill) {
  const CountedCall call(context->DefaultReactor(), method);
  if (!command.ok()) {
    call.Finish(command.status());
    return call.reactor();
  }
  writes->Submit(CallerOf(*context), request, *std::move(command),
                 [call, fill = std::move(fill)](absl::StatusOr<core::Reply> reply) mutable {
                   if (reply.ok()) fill(*reply);
                   call.Finish(reply.status());
                 });
  return call.reactor();
}

}  // namespace registryd::api
