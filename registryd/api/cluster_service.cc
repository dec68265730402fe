#include "registryd/api/cluster_service.h"

#include "registryd/api/call.h"
#include "registryd/api/lookup_codec.h"

namespace registryd::api {

grpc::ServerUnaryReactor* ClusterService::Status(grpc::CallbackServerContext* context,
                                                 const registry::v1::StatusRequest*,
                                                 registry::v1::StatusResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const absl::Status allowed = reads_->AuthorizeStatus(CallerOf(*context));
  if (!allowed.ok()) {
    reactor->Finish(ToGrpc(allowed));
    return reactor;
  }
  const operations::ViewPtr view = reads_->Local();
  StampToApi(reads_->Stamp(*view), response->mutable_info());
  response->set_services(view->services.size());
  response->set_instances(view->instances);
  response->set_leases(view->leases);
  describe_(response, [reactor] { reactor->Finish(grpc::Status::OK); });
  return reactor;
}

}  // namespace registryd::api
