// The shape of every unary call that writes: decode, submit, answer when it is applied.
#pragma once

#include <grpcpp/grpcpp.h>

#include <utility>

#include "registryd/api/call.h"
#include "registryd/operations/writes.h"

namespace registryd::api {

// `fill(reply)` writes the response; it runs once, only for a reply without an error.
template <class Fill>
grpc::ServerUnaryReactor* WriteCall(grpc::CallbackServerContext* context,
                                    operations::Writes* writes, const core::RequestId& request,
                                    absl::StatusOr<core::Command> command, Fill fill) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (!command.ok()) {
    reactor->Finish(ToGrpc(command.status()));
    return reactor;
  }
  writes->Submit(CallerOf(*context), request, *std::move(command),
                 [reactor, fill = std::move(fill)](absl::StatusOr<core::Reply> reply) mutable {
                   if (reply.ok()) fill(*reply);
                   reactor->Finish(ToGrpc(reply.status()));
                 });
  return reactor;
}

}  // namespace registryd::api
