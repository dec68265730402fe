// One call of a service of which a Server holds no stub, on the first server that answers.
//
//   v1::DiffResponse response;
//   const absl::Status status = Ask<v1::History>(
//       *core_, "Diff", false, &v1::History::StubInterface::Diff, request, &response);
//
// Threads: any; it waits, at most the client's timeout.
#pragma once

#include "client/src/client_core.h"

namespace registry {

template <class Service, class Request, class Response>
absl::Status Ask(ClientCore& core, const char* name, bool write,
                 grpc::Status (Service::StubInterface::*method)(grpc::ClientContext*,
                                                                const Request&, Response*),
                 const Request& request, Response* response) {
  return core.servers().Call({.name = name, .timeout = core.timeout(), .write = write},
                             [&](const Server& server, grpc::ClientContext* context) {
                               const auto stub = Service::NewStub(server.channel);
                               return ((*stub).*method)(context, request, response);
                             });
}

}  // namespace registry
