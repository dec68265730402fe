// The file of `registry-cli sidecar`, in TOML. deploy/sidecar.toml explains every key.
//
//   absl::StatusOr<std::vector<Service>> services = ReadSidecarFile("sidecar.toml", "default");
//
// INVALID_ARGUMENT names the file, the line and the key; an unknown key is an error.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/sidecar/service.h"

namespace registry::cli {

absl::StatusOr<std::vector<Service>> ReadSidecarFile(const std::string& path,
                                                     const std::string& default_ns);

// What both commands say about one service, as texts; empty: not said.
struct ServiceWords {
  std::string name;  // "web" or "shop/web"
  std::string id;
  uint16_t port = 0;
  std::string advertise;  // HOST, HOST:PORT or [V6]:PORT
  std::string endpoint_name = "default";
  std::string protocol;
  std::string check;  // empty: it listens
  std::string interval = "2s";
  std::string timeout = "2s";
  int passes = 1;
  int fails = 3;
};
absl::StatusOr<Service> MakeService(const ServiceWords& words, InstanceSpec rest,
                                    const std::string& default_ns);

}  // namespace registry::cli
