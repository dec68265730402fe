// registry.v1.History: the past, and why an answer is as it is. Threads: gRPC's callback pool;
// reads of the history may wait for the disk.
#pragma once

#include "registry/v1/history.grpc.pb.h"
#include "registryd/operations/explain.h"
#include "registryd/operations/history.h"

namespace registryd::api {

class HistoryService final : public registry::v1::History::CallbackService {
 public:
  HistoryService(operations::Reads* reads, operations::History* history)
      : reads_(reads), history_(history) {}

  grpc::ServerUnaryReactor* ListChanges(grpc::CallbackServerContext* context,
                                        const registry::v1::ListChangesRequest* request,
                                        registry::v1::ListChangesResponse* response) override;
  grpc::ServerUnaryReactor* LookupPast(grpc::CallbackServerContext* context,
                                       const registry::v1::LookupPastRequest* request,
                                       registry::v1::LookupPastResponse* response) override;
  grpc::ServerUnaryReactor* Diff(grpc::CallbackServerContext* context,
                                 const registry::v1::DiffRequest* request,
                                 registry::v1::DiffResponse* response) override;
  grpc::ServerUnaryReactor* Explain(grpc::CallbackServerContext* context,
                                    const registry::v1::ExplainRequest* request,
                                    registry::v1::ExplainResponse* response) override;

 private:
  absl::Status FillChanges(const operations::Caller& caller,
                           const registry::v1::ListChangesRequest& request,
                           registry::v1::ListChangesResponse* response) const;
  absl::Status FillPast(const operations::Caller& caller,
                        const registry::v1::LookupPastRequest& request,
                        registry::v1::LookupPastResponse* response) const;
  absl::Status FillDiff(const operations::Caller& caller, const registry::v1::DiffRequest& request,
                        registry::v1::DiffResponse* response) const;

  operations::Reads* const reads_;
  operations::History* const history_;
};

}  // namespace registryd::api
