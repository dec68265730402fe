// Sidecar: registers services while their checks pass, and takes them out before they end.
//
//   const Signals signals;                        // before any thread
//   Sidecar sidecar({.registrar = ..., .note = note}, &signals, services);
//   return sidecar.Run(std::move(child));         // null: services of other containers
//
// With a child it is what stands between an init and a program: signals are passed on, the exit
// status is the child's, orphans are reaped. The order of a stop (SIGTERM, SIGINT, SIGQUIT): the
// instances drain until every caller that watches has acknowledged it, or `drain_timeout` has
// passed; then they leave; then the child gets the signal, and after `grace` SIGKILL. A second one
// of these signals skips the drain. A child that dies by itself leaves at once, with the reason
// "process exited 137". SIGHUP reloads where there is a `reload`, else it is passed on.
//
// Threads: the main thread runs it; the Registrar's and the Prober's beside it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/sidecar/checks.h"
#include "cli/sidecar/child.h"
#include "cli/sidecar/mailbox.h"
#include "cli/sidecar/registrar.h"
#include "cli/sidecar/service.h"

namespace registry::cli {

class Sidecar {
 public:
  struct Options {
    Registrar::Options registrar = {};
    absl::Duration drain_timeout = absl::Seconds(5);
    absl::Duration grace = absl::Seconds(10);
    // What SIGHUP reads. An error is noted, and everything stays as it is.
    std::function<absl::StatusOr<std::vector<Service>>()> reload = {};
  };
  Sidecar(Options options, Signals* signals, const std::vector<Service>& services);

  // What the process shall exit with.
  int Run(std::unique_ptr<Child> child);

 private:
  enum class Phase {
    kServing,
    kDraining,  // until the callers know, or drain_timeout
    kLeaving,   // until the registry knows, or drain_timeout
    kEnding,    // the child has its signal, until it ends, or grace
    kGone,      // the child has ended; until the registry knows
  };
  void Set(const std::vector<Service>& services);
  void OnCheck(const std::string& key, bool passing, const std::string& why);
  void OnSignal(int signal);
  void OnStop(int signal);
  void Enter(Phase phase, absl::Duration limit);
  bool Step();  // true: over
  void Note(const std::string& text) const;

  const Options options_;
  Signals* const signals_;
  std::map<std::string, Service> services_;
  std::map<std::string, bool> in_;  // those that have passed: whether they are passing now
  std::unique_ptr<Child> child_;
  Phase phase_ = Phase::kServing;
  std::chrono::steady_clock::time_point limit_ = {};
  int stop_signal_ = 0;
  int exit_ = 0;
  Mailbox mailbox_;
  Registrar registrar_;
  Checks checks_;
};

}  // namespace registry::cli
