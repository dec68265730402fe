#include "registryd/api/call.h"

#include <algorithm>
#include <chrono>

#include "registryd/api/identified_context.h"

namespace registryd::api {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

operations::Caller CallerOf(grpc::CallbackServerContext& context, operations::Lane lane) {
  auto* identified = dynamic_cast<IdentifiedContext*>(&context);
  // A server that was built without the allocator of identified_context.h identifies nobody.
  if (identified == nullptr) return {.identity = {}, .peer = context.peer()};
  return identified->Identify(lane);
}

int64_t TimeLeftMs(const grpc::CallbackServerContext& context, int64_t most_ms) {
  const auto left = context.deadline() - std::chrono::system_clock::now();
  const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
  return std::clamp<int64_t>(ms, 0, most_ms);
}

}  // namespace registryd::api
