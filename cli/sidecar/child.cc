#include "cli/sidecar/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace registry::cli {
namespace {

// Between fork and exec: only what a child of a process with threads may do.
[[noreturn]] void Become(char** argv, int report, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);  // it died before the line above
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  execvp(argv[0], argv);
  const int error = errno;
  const ssize_t ignored = write(report, &error, sizeof(error));
  _exit(ignored < 0 ? 126 : 127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> Child::Start(const std::vector<std::string>& argv) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("no pipe: ", std::strerror(errno)));
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Become(words.data(), report[1], parent);
  close(report[1]);
  int error = pid < 0 ? errno : 0;
  // The pipe closes by itself when the program has begun.
  if (pid > 0 && read(report[0], &error, sizeof(error)) == sizeof(error)) {
    waitpid(pid, nullptr, 0);
  }
  close(report[0]);
  if (error != 0) {
    const std::string message =
        absl::StrCat("cannot run ", argv[0], ": ", std::string(std::strerror(error)));
    return error == ENOENT ? absl::NotFoundError(message) : absl::PermissionDeniedError(message);
  }
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return absl::InternalError(absl::StrCat("no pidfd: ", std::strerror(errno)));
  }
  return std::unique_ptr<Child>(new Child(pid, fd));
}

Child::~Child() {
  if (!exit_) {
    KillGroup();
    waitpid(pid_, nullptr, 0);
  }
  close(fd_);
}

void Child::Signal(int signal) const {
  if (!exit_) syscall(SYS_pidfd_send_signal, fd_, signal, nullptr, 0);
}

void Child::KillGroup() const { kill(-pid_, SIGKILL); }

bool Child::Reap() {
  int status = 0;
  for (pid_t ended = waitpid(-1, &status, WNOHANG); ended > 0;
       ended = waitpid(-1, &status, WNOHANG)) {
    if (ended != pid_) continue;
    exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return exit_.has_value();
}

}  // namespace registry::cli
