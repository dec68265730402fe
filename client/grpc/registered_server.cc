#include "registry/grpc/registered_server.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace registry {

absl::StatusOr<std::unique_ptr<RegisteredServer>> RegisteredServer::Start(
    Client& client, grpc::ServerBuilder& builder, const RegisteredServerOptions& options) {
  int port = 0;
  builder.AddListeningPort(
      options.listen, options.credentials ? options.credentials : grpc::InsecureServerCredentials(),
      &port);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.listen, ": is another process there?"));
  }
  InstanceSpec spec = options.spec;
  if (spec.endpoints.empty()) {
    spec.endpoints.push_back({.name = "grpc",
                              .host = options.advertise,
                              .port = static_cast<uint32_t>(port),
                              .protocol = "grpc"});
  }
  auto registration = client.KeepRegistered({spec}, options.registration);
  if (!registration.ok()) {
    server->Shutdown();
    return registration.status();
  }
  return std::unique_ptr<RegisteredServer>(
      new RegisteredServer(std::move(server), port, *std::move(registration), options));
}

RegisteredServer::RegisteredServer(std::unique_ptr<grpc::Server> server, int port,
                                   std::unique_ptr<Registration> registration,
                                   const RegisteredServerOptions& options)
    : options_(options),
      server_(std::move(server)),
      port_(port),
      registration_(std::move(registration)) {}

RegisteredServer::~RegisteredServer() { Shutdown().IgnoreError(); }

absl::Status RegisteredServer::Shutdown() {
  std::call_once(shutdown_, [this] {
    // Where somebody has not acknowledged it in time, or the registry does not answer, the calls
    // under way are finished all the same.
    registration_->Drain(options_.drain, "the server stops").IgnoreError();
    server_->Shutdown(gpr_time_add(
        gpr_now(GPR_CLOCK_MONOTONIC),
        gpr_time_from_millis(absl::ToInt64Milliseconds(options_.grace), GPR_TIMESPAN)));
    server_->Wait();
    ended_ = registration_->Deregister();
  });
  return ended_;
}

}  // namespace registry
