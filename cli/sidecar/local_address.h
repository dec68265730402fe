// Where others find us, when nobody says it.
//
// The address that faces the registry is the one that the kernel would send
// from: in a container it is the container's, on a host with several networks
// that of the registry's network, and 127.0.0.1 where the registry is on this
// host. Nothing is sent. Threads: any; FacingAddress blocks while a name is
// resolved.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace registry::cli {

// IPv4, or IPv6 without brackets. `servers`: "host:port", the first that has a
// route counts. UNAVAILABLE says what to do.
absl::StatusOr<std::string> FacingAddress(const std::vector<std::string>& servers);

// "HOSTNAME:PORT", in the characters that an instance id may have.
std::string DefaultInstanceId(uint16_t port);

}  // namespace registry::cli
