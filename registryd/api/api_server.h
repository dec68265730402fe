// The gRPC server for clients: our services, grpc.health.v1 and reflection on one port.
//
//   ASSIGN_OR_RETURN(auto api, ApiServer::Start({.address = "127.0.0.1:0"}, parts));
//   api->address();                     // with the port that the kernel chose
//   api->Stop();
//
// Limits: messages of 4 MiB, headers of 16 KiB, so many connections (base/connection_gate.h), so
// many calls at once on each; a handshake has 10 s, and a connection that does not answer a ping
// within 20 s is cut. Threads: gRPC's own, and one that accepts connections.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "registryd/api/administration_service.h"
#include "registryd/api/cluster_service.h"
#include "registryd/api/tls_credentials.h"
#include "registryd/base/connection_gate.h"
#include "registryd/operations/access.h"
#include "registryd/operations/audience.h"
#include "registryd/operations/authenticator.h"
#include "registryd/operations/drains.h"
#include "registryd/operations/history.h"
#include "registryd/operations/oversight.h"
#include "registryd/operations/reads.h"
#include "registryd/operations/renewals.h"
#include "registryd/operations/watches.h"
#include "registryd/operations/writes.h"

namespace registryd::api {

class ApiServer {
 public:
  struct Parts {
    operations::Writes* writes = nullptr;
    operations::Reads* reads = nullptr;
    operations::Renewals* renewals = nullptr;
    operations::Watches* watches = nullptr;
    operations::History* history = nullptr;
    operations::Audience* audience = nullptr;
    operations::Drains* drains = nullptr;
    operations::Oversight* oversight = nullptr;
    ClusterService::Describe describe;
    operations::Access* access = nullptr;
    std::string node_name = {};
    operations::Authenticator* authenticator = nullptr;
    TlsFiles tls = {};                 // no certificate: plaintext
    bool require_client_cert = false;  // no other way to say who calls
    int streams_per_connection = 1'000;
    ConnectionGate::Limits connections = {};
    Loop* worker = nullptr;  // reads the past and backups
    // Absent: nothing can be administered.
    operations::Administration* administration = nullptr;
  };
  // `host` and `port` as configured. UNAVAILABLE when the port is taken.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Start(const std::string& host, int port,
                                                          Parts parts);
  ~ApiServer();

  int port() const;
  size_t connections() const;
  // What grpc.health.v1 answers.
  void SetServing(bool serving);
  // Ends streams with UNAVAILABLE and a hint, lets calls under way end for `grace_ms`, cancels the
  // rest. Returns when all handlers have returned, so whatever they wait for must go on or be
  // failed meanwhile.
  void Stop(int64_t grace_ms);

 private:
  struct Impl;
  explicit ApiServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace registryd::api
