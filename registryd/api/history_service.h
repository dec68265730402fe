// registry.v1.History: the past, and why an answer is as it is. Threads: gRPC's callback pool;
// reads of the history may wait for the disk. Explain, whose view may come on the loop, reads on the
// worker.
#pragma once

#include "registry/v1/history.grpc.pb.h"
#include "registryd/api/call_metrics.h"
#include "registryd/base/loop.h"
#include "registryd/operations/explain.h"
#include "registryd/operations/history.h"

namespace registryd::api {

class HistoryService final : public registry::v1::History::CallbackService {
 public:
  // The worker stops after the server that this service is in.
  HistoryService(operations::Reads* reads, operations::History* history, Loop* worker)
      : reads_(reads), history_(history), worker_(worker) {}

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
  // `history` null: nothing of the past is told.
  absl::Status FillVerdicts(const replica::View& view, const operations::LookupQuery& query,
                            const std::string& id, const operations::History* history,
                            registry::v1::ExplainResponse* response) const;

  operations::Reads* const reads_;
  operations::History* const history_;
  Loop* const worker_;
  MethodMetrics list_changes_{"History/ListChanges"};
  MethodMetrics lookup_past_{"History/LookupPast"};
  MethodMetrics diff_{"History/Diff"};
  MethodMetrics explain_{"History/Explain"};
};

}  // namespace registryd::api
