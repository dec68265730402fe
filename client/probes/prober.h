// Prober: asks thousands of targets at the same time, each within its own limit of time.
//
//   registry::probes::Prober prober;
//   prober.Start(*probe, [&](const registry::probes::ProbeResult& result) { table.Note(result); });
//   ProbeResult now = prober.Ask(*probe);      // the same, waiting
//
// Every `done` is called exactly once: with the outcome, or with kFailed when the probe's timeout
// is over, or with kNotAsked where the prober itself cannot (kInFlightMax probes under way, no file
// descriptor, a name server's queue that is full, the destructor). It is called on the prober's
// thread, one at a time and without locks; it must be quick, and it may call Start, but neither Ask
// nor the destructor.
//
// Threads: one for sockets and timers, four that resolve names (a name server that is silent holds
// up other names, but no numeric addresses), and those that gRPC shares in a process. All methods
// from any thread. Cost: a connection and about 20 us of CPU for a TCP or HTTP probe, about 0.5 ms
// for a gRPC one.
//
// The destructor ends what is under way within milliseconds.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "client/probes/probe.h"

namespace registry::probes {

class Prober {
 public:
  using Done = std::function<void(const ProbeResult&)>;
  static constexpr size_t kInFlightMax = 4096;

  Prober();
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // A probe that ValidateProbe refuses fails with its message.
  void Start(const Probe& probe, Done done);
  ProbeResult Ask(const Probe& probe);

  size_t in_flight() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace registry::probes
