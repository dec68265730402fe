// SIGINT, SIGTERM and SIGHUP, waited for instead of suffered: for commands that stay in the
// foreground until somebody ends them.
//
//   const StopSignals signals;                       // before the first thread is made
//   while (!signals.Wait(absl::Milliseconds(200))) Look();
#pragma once

#include <csignal>
#include <ctime>

#include "absl/time/time.h"

namespace registry::cli {

class StopSignals {
 public:
  // From now on they wait until Wait takes one of them. Threads made later inherit this.
  StopSignals() {
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }

  void Wait() const {
    int signal = 0;
    while (sigwait(&set_, &signal) != 0) {
    }
  }

  // False: none came in this time.
  bool Wait(absl::Duration timeout) const {
    const timespec time = absl::ToTimespec(timeout);
    return sigtimedwait(&set_, nullptr, &time) > 0;
  }

 private:
  sigset_t set_;
};

}  // namespace registry::cli
