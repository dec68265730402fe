// The file of `register -f`: instances as JSON, in the shape that `registry-cli -o json` prints.
//
//   [{"service": "web", "id": "i-1", "endpoints": [{"host": "10.0.0.1", "port": 8080}], "labels":
//   {"env": "prod"}}]
//
// or {"instances": [...]}. What only the registry can say of an instance (health, lease_id,
// incarnation...) is ignored, so its own output can be read again; any other unknown key is an
// error, so that no misspelt one is lost.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/types.h"

namespace registry::cli {

// InvalidArgument: "instances[2].endpoints[0].port: must be ...". 1 to 1,000 instances.
absl::StatusOr<std::vector<InstanceSpec>> ParseInstances(const std::string& json,
                                                         const std::string& default_ns);

// The bytes of a file, of standard input where the path is "-". At most 16 MiB.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace registry::cli
