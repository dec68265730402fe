// Says on every member what happened to services besides their instances: the guard begins or ends
// to hold, an operator's maintenance, settings. A line in the log for each, and counters of changes
// by cause.
//
// Threads: the loop. Cost: one addition per change.
#pragma once

#include "registryd/replica/replica.h"

namespace registryd::liveness {

class EventLog final : public replica::Observer {
 public:
  void OnOutcome(const core::Outcome& outcome) override;
  void OnLeadership(const replica::Leadership&) override {}
};

}  // namespace registryd::liveness
