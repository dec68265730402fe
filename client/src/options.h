// Checks what an application gives to Create.
#pragma once

#include "absl/status/statusor.h"
#include "registry/client.h"

namespace registry {

// The options with their servers filled in and normalised ("host:port" each).
absl::StatusOr<ClientOptions> CheckOptions(ClientOptions options);

}  // namespace registry
