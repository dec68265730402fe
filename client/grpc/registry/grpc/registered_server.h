// RegisteredServer: a gRPC server that is found as long as it serves.
//
//   grpc::ServerBuilder builder;
//   builder.RegisterService(&echo);
//   registry::RegisteredServerOptions options;
//   options.spec.service = "echo";
//   auto server = registry::RegisteredServer::Start(*client, builder, options);
//   if (!server.ok()) return server.status();
//   WaitForSignal();
//   (*server)->Shutdown();                     // or let the destructor do it
//
// It listens, then registers. Shutdown goes the other way, so that no call fails: the instance
// turns DRAINING, which takes it out of lookups and pickers; every caller that watches has
// acknowledged that (Registration::Drain), or `drain` has passed; the server finishes its calls, at
// most `grace`; the instance is deregistered.
//
// Threads: any; Shutdown blocks for as long as that takes.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry/client.h"

namespace registry {

struct RegisteredServerOptions {
  // Without endpoints it gets one, "grpc" at `advertise` with the port that is listened on.
  InstanceSpec spec = {};
  RegistrationOptions registration = {};
  std::string listen = "0.0.0.0:0";                           // port 0: one of the kernel's choice
  std::string advertise = "127.0.0.1";                        // the host that others reach us at
  std::shared_ptr<grpc::ServerCredentials> credentials = {};  // null: none (plaintext)
  absl::Duration drain = absl::Seconds(5);  // at most; usually a few milliseconds
  absl::Duration grace = absl::Seconds(30);
};

class RegisteredServer {
 public:
  // The builder has its services; it listens where `options` says.
  // UNAVAILABLE: it cannot listen. Otherwise the errors of KeepRegistered.
  static absl::StatusOr<std::unique_ptr<RegisteredServer>> Start(
      Client& client, grpc::ServerBuilder& builder, const RegisteredServerOptions& options);

  ~RegisteredServer();

  // Later calls do nothing. The status of the deregistration.
  absl::Status Shutdown();

  int port() const { return port_; }
  Registration& registration() { return *registration_; }

 private:
  RegisteredServer(std::unique_ptr<grpc::Server> server, int port,
                   std::unique_ptr<Registration> registration,
                   const RegisteredServerOptions& options);

  const RegisteredServerOptions options_;
  const std::unique_ptr<grpc::Server> server_;
  const int port_;
  const std::unique_ptr<Registration> registration_;
  std::once_flag shutdown_;
  absl::Status ended_;
};

}  // namespace registry
