#include "registryd/api/cluster_service.h"

#include "registryd/api/call.h"
#include "registryd/api/lookup_codec.h"

namespace registryd::api {

grpc::ServerUnaryReactor* ClusterService::Status(grpc::CallbackServerContext* context,
                                                 const registry::v1::StatusRequest*,
                                                 registry::v1::StatusResponse* response) {
  const CountedCall call(context->DefaultReactor(), status_);
  const absl::Status allowed = reads_->AuthorizeStatus(CallerOf(*context));
  if (!allowed.ok()) {
    call.Finish(allowed);
    return call.reactor();
  }
  const operations::ViewPtr view = reads_->Local();
  StampToApi(reads_->Stamp(*view), response->mutable_info());
  response->set_services(view->services.size());
  response->set_instances(view->instances);
  response->set_leases(view->leases);
  describe_(response, [call] { call.Finish(absl::OkStatus()); });
  return call.reactor();
}

}  // namespace registryd::api
