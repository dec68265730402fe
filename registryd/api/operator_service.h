// registry.v1.Operator: overrides, settings of services, the guard. Threads: gRPC's callback pool.
#pragma once

#include "registry/v1/operator.grpc.pb.h"
#include "registryd/api/call_metrics.h"
#include "registryd/operations/oversight.h"
#include "registryd/operations/writes.h"

namespace registryd::api {

class OperatorService final : public registry::v1::Operator::CallbackService {
 public:
  OperatorService(operations::Writes* writes, operations::Oversight* oversight)
      : writes_(writes), oversight_(oversight) {}

  grpc::ServerUnaryReactor* SetMaintenance(grpc::CallbackServerContext* context,
                                           const registry::v1::SetMaintenanceRequest* request,
                                           registry::v1::SetMaintenanceResponse* response) override;
  grpc::ServerUnaryReactor* EndMaintenance(grpc::CallbackServerContext* context,
                                           const registry::v1::EndMaintenanceRequest* request,
                                           registry::v1::EndMaintenanceResponse* response) override;
  grpc::ServerUnaryReactor* ListMaintenance(
      grpc::CallbackServerContext* context, const registry::v1::ListMaintenanceRequest* request,
      registry::v1::ListMaintenanceResponse* response) override;
  grpc::ServerUnaryReactor* SetService(grpc::CallbackServerContext* context,
                                       const registry::v1::SetServiceRequest* request,
                                       registry::v1::SetServiceResponse* response) override;
  grpc::ServerUnaryReactor* GetService(grpc::CallbackServerContext* context,
                                       const registry::v1::GetServiceRequest* request,
                                       registry::v1::GetServiceResponse* response) override;
  grpc::ServerUnaryReactor* ListGuard(grpc::CallbackServerContext* context,
                                      const registry::v1::ListGuardRequest* request,
                                      registry::v1::ListGuardResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseGuard(grpc::CallbackServerContext* context,
                                         const registry::v1::ReleaseGuardRequest* request,
                                         registry::v1::ReleaseGuardResponse* response) override;

 private:
  operations::Writes* const writes_;
  operations::Oversight* const oversight_;
  MethodMetrics set_maintenance_{"Operator/SetMaintenance"};
  MethodMetrics end_maintenance_{"Operator/EndMaintenance"};
  MethodMetrics list_maintenance_{"Operator/ListMaintenance"};
  MethodMetrics set_service_{"Operator/SetService"};
  MethodMetrics get_service_{"Operator/GetService"};
  MethodMetrics list_guard_{"Operator/ListGuard"};
  MethodMetrics release_guard_{"Operator/ReleaseGuard"};
};

}  // namespace registryd::api
