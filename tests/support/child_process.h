// One program run by a test, with its output in files. It never outlives the test.
//
//   ChildProcess daemon({BinDir() + "/registryd", "--data-dir", dir}, dir + "/out", dir + "/err");
//   daemon.Signal(SIGTERM);
//   EXPECT_EQ(daemon.Wait(), 0);
//
// The kernel kills the program when the thread that started it ends, so start programs from the
// test's own thread. The destructor kills what still runs. Threads: one, except Signal.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/wait_for.h"

namespace registryd::testing {

class ChildProcess {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;

  // Aborts the test program where the process cannot be made. A program that does not exist exits
  // with 127. `environment` is added to ours; ours is passed without REGISTRYD_* and REGISTRY_*.
  ChildProcess(const std::vector<std::string>& argv, const std::string& out_file,
               const std::string& err_file, const Environment& environment = {},
               const std::string& working_dir = "");
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  bool running();
  // The exit status, or 128 + the signal that ended it. Absent: it still runs at the deadline.
  std::optional<int> Wait(std::chrono::milliseconds deadline = kPatience);

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_;
};

// Where the programs of this build are.
std::string BinDir();

// A program that is run to its end.
struct Finished {
  std::optional<int> exit;  // absent: it did not end in time and was killed
  std::string out;
  std::string err;
};
Finished RunProgram(const std::vector<std::string>& argv,
                    const ChildProcess::Environment& environment = {},
                    const std::string& working_dir = "");

}  // namespace registryd::testing
