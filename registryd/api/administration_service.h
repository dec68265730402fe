// registry.v1.Administration. Threads: gRPC's callback pool; a backup is read on the worker.
#pragma once

#include "registry/v1/administration.grpc.pb.h"
#include "registryd/api/call_metrics.h"
#include "registryd/base/loop.h"
#include "registryd/operations/administration.h"

namespace registryd::api {

class AdministrationService final : public registry::v1::Administration::CallbackService {
 public:
  // The worker stops after the server that this service is in.
  AdministrationService(operations::Administration* administration, Loop* worker)
      : administration_(administration), worker_(worker) {}

  grpc::ServerUnaryReactor* ChangeMember(grpc::CallbackServerContext* context,
                                         const registry::v1::ChangeMemberRequest* request,
                                         registry::v1::ChangeMemberResponse* response) override;
  grpc::ServerWriteReactor<registry::v1::BackupChunk>* Backup(
      grpc::CallbackServerContext* context, const registry::v1::BackupRequest* request) override;

 private:
  operations::Administration* const administration_;
  Loop* const worker_;
  MethodMetrics change_member_{"Administration/ChangeMember"};
  MethodMetrics backup_{"Administration/Backup"};
};

}  // namespace registryd::api
