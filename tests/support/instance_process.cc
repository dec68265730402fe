#include "tests/support/instance_process.h"

#include <filesystem>

#include "tests/support/daemon.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {

InstanceProcess::InstanceProcess(const std::string& server, const std::string& id, int64_t ttl_ms)
    : process_({BinDir() + "/instance_process", "--server", server, "--service", "web", "--id", id,
                "--ttl-ms", std::to_string(ttl_ms), "--ready-file", files_.path() + "/ready"},
               files_.path() + "/out", files_.path() + "/err") {}

bool InstanceProcess::WaitUntilRegistered() {
  return WaitFor([this] {
           return std::filesystem::exists(files_.path() + "/ready") || !process_.running();
         }) &&
         process_.running();
}

uint64_t InstanceProcess::incarnation() const {
  return std::stoull(ParseReadyFile(ReadFile(files_.path() + "/ready")).at("incarnation"));
}

std::string InstanceProcess::Log() const { return ReadFile(files_.path() + "/err"); }

}  // namespace registryd::testing
