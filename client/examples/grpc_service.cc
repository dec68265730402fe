// A gRPC service that registers itself, and drains when it is told to stop (SIGINT or SIGTERM):
//
//   REGISTRY_SERVER=127.0.0.1:7400 example_grpc_service health
//
// The service is the one of gRPC's health protocol, and says that it serves.
#include <iostream>

#include "client/examples/stop_signal.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "registry/client.h"
#include "registry/grpc/registered_server.h"

namespace {

class Health final : public grpc::health::v1::Health::Service {
  grpc::Status Check(grpc::ServerContext* /*context*/,
                     const grpc::health::v1::HealthCheckRequest* /*request*/,
                     grpc::health::v1::HealthCheckResponse* response) override {
    response->set_status(grpc::health::v1::HealthCheckResponse::SERVING);
    return grpc::Status::OK;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " SERVICE\n";
    return 2;
  }
  const StopSignal stop;

  auto client = registry::Client::Create();
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }
  Health health;
  grpc::ServerBuilder builder;
  builder.RegisterService(&health);
  registry::RegisteredServerOptions options;
  options.spec.service = argv[1];
  auto server = registry::RegisteredServer::Start(**client, builder, options);
  if (!server.ok()) {
    std::cerr << server.status() << "\n";
    return 1;
  }
  std::cout << "serving on port " << (*server)->port() << std::endl;
  stop.Wait();
  const absl::Status ended = (*server)->Shutdown();
  std::cout << "ended " << ended << std::endl;
  return ended.ok() ? 0 : 1;
}
