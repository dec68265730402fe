#include "tests/support/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/temp_dir.h"

namespace registryd::testing {
namespace {

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::abort();
}

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

std::vector<std::string> EnvironmentOf(const ChildProcess::Environment& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!StartsWith(text, "REGISTRYD_") && !StartsWith(text, "REGISTRY_")) all.push_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

int OpenForWriting(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) Die(path.c_str());
  return fd;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& argv, const std::string& out_file,
                           const std::string& err_file, const Environment& environment,
                           const std::string& working_dir) {
  // Everything that allocates comes before the fork: other threads of the test may hold locks.
  const std::vector<std::string> variables = EnvironmentOf(environment);
  const std::vector<char*> argv_pointers = Pointers(argv);
  const std::vector<char*> variable_pointers = Pointers(variables);
  const int out = OpenForWriting(out_file);
  const int err = OpenForWriting(err_file);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) Die("fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close_range(3, ~0U, 0);
    if (!working_dir.empty() && chdir(working_dir.c_str()) != 0) _exit(127);
    execve(argv_pointers[0], argv_pointers.data(), variable_pointers.data());
    _exit(127);
  }
  close(out);
  close(err);
  close(null);
}

ChildProcess::~ChildProcess() {
  if (!exit_.has_value()) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void ChildProcess::Signal(int signal) const {
  if (!exit_.has_value()) kill(pid_, signal);
}

bool ChildProcess::running() {
  if (exit_.has_value()) return false;
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended == 0) return true;
  if (ended < 0) Die("waitpid");
  exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

std::optional<int> ChildProcess::Wait(std::chrono::milliseconds deadline) {
  if (!WaitFor([this] { return !running(); }, deadline)) return std::nullopt;
  return exit_;
}

std::string BinDir() { return REGISTRYD_BIN_DIR; }

Finished RunProgram(const std::vector<std::string>& argv,
                    const ChildProcess::Environment& environment, const std::string& working_dir) {
  TempDir dir;
  Finished finished;
  {
    ChildProcess process(argv, dir.path() + "/out", dir.path() + "/err", environment, working_dir);
    finished.exit = process.Wait();
  }
  finished.out = ReadFile(dir.path() + "/out");
  finished.err = ReadFile(dir.path() + "/err");
  return finished;
}

}  // namespace registryd::testing
