#include "registryd/server/program.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <iostream>

#include "absl/synchronization/mutex.h"
#include "registryd/base/log.h"
#include "registryd/server/config.h"
#include "registryd/server/node.h"
#include "registryd/server/version.h"

namespace registryd::server {
namespace {

// Blocked in every thread and taken by sigwait, so no code of ours runs in a signal handler.
sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

// Each connection is a file, and so is each file of the stores.
void TakeAllFilesAllowed() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int Run(int argc, char** argv) {
  Config config;
  switch (ReadConfig(argc, argv, &config)) {
    case ConfigResult::kExitOk:
      return 0;
    case ConfigResult::kExitUsage:
      return 2;
    case ConfigResult::kRun:
      break;
  }
  // Whatever this process makes is for its user alone.
  umask(077);
  TakeAllFilesAllowed();
  log::Init(config.log_level, config.log_format);
  // Debian builds abseil with its search for lock cycles switched on: every lock of gRPC's would
  // take part in one graph behind one spin lock.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  signal(SIGPIPE, SIG_IGN);
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  log::Info("starting",
            {{"version", kVersion}, {"name", config.name}, {"data_dir", config.data_dir}});
  auto node = Node::Start(config);
  if (absl::IsCancelled(node.status())) {
    log::Info("stopped", {{"why", std::string(node.status().message())}});
    return 0;
  }
  if (!node.ok()) {
    log::Error("cannot start", {{"error", std::string(node.status().message())}});
    return 1;
  }
  if (absl::Status written = (*node)->WriteReadyFile(); !written.ok()) {
    log::Error("cannot write the ready file", {{"error", std::string(written.message())}});
    return 1;
  }
  int signal_number = 0;
  while (sigwait(&signals, &signal_number) == 0 && signal_number == SIGHUP) (*node)->Reload();
  log::Info("stopping", {{"signal", signal_number}});
  (*node)->Stop();
  log::Info("stopped");
  return 0;
}

}  // namespace registryd::server
