// Which node a certificate is for.
//
// A node's certificate has the URI spiffe://TRUST_DOMAIN/node/NAME (registry-cli tls issue node). A
// member that says its name is NAME must show one of the trust domain that our own certificate is
// of; so neither a client's certificate, nor another node's, nor one of another cluster with a
// trust domain of its own is taken. Where our own certificate has no such URI (made by other
// tools), the other's must have NAME among its DNS names. Threads: any.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace registryd::server {

// `own`: URIs of our certificate. `verified`: all alternative names of the other's.
// PERMISSION_DENIED.
absl::Status CheckPeerName(const std::vector<std::string>& own,
                           const std::vector<std::string>& verified, const std::string& claimed);

}  // namespace registryd::server
