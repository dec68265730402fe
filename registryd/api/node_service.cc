#include "registryd/api/node_service.h"

#include "registryd/api/call.h"
#include "registryd/operations/log_level.h"

namespace registryd::api {

grpc::ServerUnaryReactor* NodeService::SetLogLevel(grpc::CallbackServerContext* context,
                                                   const registry::v1::SetLogLevelRequest* request,
                                                   registry::v1::SetLogLevelResponse* response) {
  const CountedCall call(context->DefaultReactor(), set_log_level_);
  const auto change = operations::SetLogLevel(*access_, CallerOf(*context), request->level());
  if (change.ok()) {
    response->set_node(name_);
    response->set_level(change->now);
    response->set_before(change->before);
  }
  call.Finish(change.status());
  return call.reactor();
}

}  // namespace registryd::api
