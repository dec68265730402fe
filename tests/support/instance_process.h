// A service instance of its own process, programs/instance_process.cc: one of "web", kept registered
// by the client library.
//
//   InstanceProcess instance(daemon.address(), "i-1", 2'000);
//   ASSERT_TRUE(instance.WaitUntilRegistered()) << instance.Log();
//   instance.process().Signal(SIGKILL);
//
// Threads: one, as ChildProcess.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"

namespace registryd::testing {

class InstanceProcess {
 public:
  InstanceProcess(const std::string& server, const std::string& id, int64_t ttl_ms);

  // False: it ended, or was not registered in time.
  [[nodiscard]] bool WaitUntilRegistered();
  // As it was told when it registered.
  uint64_t incarnation() const;
  // Its standard error: each event of its registration.
  std::string Log() const;
  ChildProcess& process() { return process_; }

 private:
  const TempDir files_;  // ready file, output
  ChildProcess process_;
};

}  // namespace registryd::testing
