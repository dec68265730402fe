// The file that says that a node is up and where it listens, for scripts that let it choose ports.
//
//   RETURN_IF_ERROR(WriteReadyFile("/run/registryd.ready", {.api = "10.0.0.4:7400", ...}));
//
// A line "name=host:port" for each; http is empty where there is none. The file appears whole or
// not at all. An empty path: nothing is written.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace registryd::server {

struct ReadyAddresses {
  std::string api;
  std::string http;
  std::string peer;
};
absl::Status WriteReadyFile(const std::string& path, const ReadyAddresses& addresses);

}  // namespace registryd::server
