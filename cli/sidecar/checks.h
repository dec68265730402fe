// Checks: asks each service at its interval, and says when its state has changed.
//
//   Checks checks(&mailbox, [&](const auto& key, bool passing, const std::string& why) {...});
//   checks.Set(services);                 // also on reload: what did not change goes on
//   poll(..., checks.Tick());             // milliseconds until it has to be called again
//
// A service is nothing until it has passed for the first time; then passing or critical, after as
// many results in a row as its check says. A probe that could not be asked changes nothing. Before
// the first pass it is asked ten times a second. Threads: the main thread's; answers come through
// the mailbox.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/sidecar/mailbox.h"
#include "cli/sidecar/service.h"
#include "client/probes/prober.h"

namespace registry::cli {

class Checks {
 public:
  using Clock = std::chrono::steady_clock;
  using OnChange = std::function<void(const std::string& key, bool passing, const std::string&)>;
  Checks(Mailbox* mailbox, OnChange on_change)
      : mailbox_(mailbox), on_change_(std::move(on_change)) {}

  // A check that is new for a key begins at what is known of the key.
  void Set(const std::vector<Service>& services);
  int Tick();

 private:
  enum class State { kUnknown, kPassing, kCritical };
  struct Entry {
    ServiceCheck check;
    uint64_t life = 0;  // answers to an older life of the entry are dropped
    State state = State::kUnknown;
    bool asking = false;
    bool over = false;
    int row = 0;  // results in a row that speak against `state`
    Clock::time_point next = {};
  };
  void Take(const std::string& key, uint64_t life, const probes::ProbeResult& result);

  Mailbox* const mailbox_;
  const OnChange on_change_;
  uint64_t lives_ = 0;
  std::map<std::string, Entry> entries_;
  probes::Prober prober_;  // last: it goes first, and then nothing is posted any more
};

}  // namespace registry::cli
