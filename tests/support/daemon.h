// The real registryd as a process of a test.
//
//   TempDir dir;
//   Daemon daemon(dir.path() + "/data");
//   ASSERT_TRUE(daemon.Start()) << daemon.Log();
//   Stubs stubs(daemon.address());
//   daemon.Kill9();
//   ASSERT_TRUE(daemon.Start()) << daemon.Log();   // the same data, the same ports
//   EXPECT_EQ(daemon.Stop(), 0) << daemon.Log();
//
// Ports come from the kernel at the first start and stay. Threads: the test's own, except Kill9's
// signal (SignalKill9), which any thread may send.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"

namespace registryd::testing {

class Daemon {
 public:
  // `addresses`: where to listen ("api", "peer", "http" -> host:port), instead of ports from the
  // kernel.
  explicit Daemon(std::string data_dir, std::vector<std::string> flags = {},
                  std::map<std::string, std::string> addresses = {});

  // Starts it and waits until it serves. False: it ended, or was not ready in time; see Log().
  [[nodiscard]] bool Start();
  // Starts it and does not wait: for a start that is expected to fail.
  void Launch();
  // After Launch: waits until it serves. False as for Start.
  [[nodiscard]] bool WaitUntilReady();
  // The exit status; absent: it still runs at the deadline.
  std::optional<int> Wait() { return process_->Wait(); }

  // SIGKILL, and waits until the process is gone.
  void Kill9();
  void SignalKill9() const { process_->Signal(9); }
  void Signal(int signal) const { process_->Signal(signal); }
  // SIGTERM; the exit status. Absent: it did not end within the five seconds that it promises (and
  // some patience for a busy machine).
  std::optional<int> Stop();

  // What the next start runs the program by, for example {"ip", "netns", "exec", "ns1"}.
  void SetPrefix(std::vector<std::string> prefix) { prefix_ = std::move(prefix); }

  // Where the next start listens, instead of where it did: "peer", "127.0.0.9:7401".
  void SetAddress(const std::string& key, std::string address) {
    addresses_[key] = std::move(address);
  }

  // Another program of this build that is a registryd, from the next start on.
  void SetProgram(std::string name) { program_ = std::move(name); }
  // What the next start is told, instead of the flags so far.
  void SetFlags(std::vector<std::string> flags) { flags_ = std::move(flags); }
  const std::vector<std::string>& flags() const { return flags_; }

  bool running() { return process_ != nullptr && process_->running(); }
  pid_t pid() const { return process_->pid(); }
  // The memory that it has; 0 where it does not run.
  int64_t ResidentKiB() const;
  // The most that it had since its start, or since ForgetPeak.
  int64_t PeakResidentKiB() const;
  void ForgetPeak() const;
  const std::string& data_dir() const { return data_dir_; }

  // From the ready file: "api", "http", ... -> "127.0.0.1:41234".
  const std::map<std::string, std::string>& addresses() const { return addresses_; }
  std::string address() const;       // of the gRPC API
  std::string http_address() const;  // empty where it has none

  // What its HTTP door answers for this path, headers included.
  std::string Page(const std::string& path) const;
  // The value on its page of metrics, by the name as it stands there, labels included. Absent: there
  // is none, or no page.
  std::optional<double> Metric(const std::string& name) const;
  // registry-cli with these arguments, asking it.
  Finished Cli(std::vector<std::string> arguments) const;

  // Everything that it wrote, all starts together.
  std::string Log() const;

 private:
  int64_t StatusKiB(const std::string& field) const;

  std::string data_dir_;
  std::string program_ = "registryd";
  std::vector<std::string> prefix_;
  std::vector<std::string> flags_;
  std::map<std::string, std::string> addresses_;
  TempDir files_;  // ready file, output
  std::unique_ptr<ChildProcess> process_;
};

// Lines "key=value" of a ready file.
std::map<std::string, std::string> ParseReadyFile(const std::string& text);

}  // namespace registryd::testing
