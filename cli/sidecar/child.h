// The process that `registry-cli run` starts and outlives.
//
//   absl::StatusOr<std::unique_ptr<Child>> child = Child::Start({"./my-service", "--port", "80"});
//   poll on (*child)->fd(): readable when the process has ended; then (*child)->Reap()
//
// The child has a process group of its own, so that Ctrl-C reaches us first, and its usual signals.
// When we die without a word (kill -9), the kernel sends it SIGTERM, so that it does not go on
// unseen. Threads: start it from the main thread, which must live as long as the process.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace registry::cli {

class Child {
 public:
  // NOT_FOUND or PERMISSION_DENIED: the program cannot be run.
  static absl::StatusOr<std::unique_ptr<Child>> Start(const std::vector<std::string>& argv);
  ~Child();  // kills the group of what still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  int fd() const { return fd_; }
  void Signal(int signal) const;
  void KillGroup() const;
  // Takes the status of every process that has ended, also of orphans that were
  // given to us as process 1. True once our own has.
  bool Reap();
  // The exit status, or 128 + the signal that ended it.
  int exit_status() const { return *exit_; }

 private:
  Child(pid_t pid, int fd) : pid_(pid), fd_(fd) {}
  const pid_t pid_;
  const int fd_;  // of pidfd_open: refers to this process, whatever becomes of
                  // its number
  std::optional<int> exit_;
};

}  // namespace registry::cli
