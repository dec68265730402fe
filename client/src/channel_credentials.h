// How a client proves who it is, and knows that it speaks with the registry: from files that are
// read again when they change.
//
// The server's certificate must be signed by `tls_ca` and name the host that was asked for. A token
// goes with every call, and never over a connection without TLS. Threads: any; with TLS gRPC has
// one of its own that looks at the files every few seconds.
#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>

#include "absl/status/status.h"
#include "registry/client.h"

namespace registry {

// INVALID_ARGUMENT: options that do not go together, or a file that cannot be read.
absl::Status CheckCredentials(const ClientOptions& options);

std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const ClientOptions& options);

}  // namespace registry
