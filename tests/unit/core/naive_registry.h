// The registry's rules a second time, as plainly as possible: copy the whole state, edit the copy,
// compare the two, stamp what differs. Slow, and written without a look at core/command_run.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "registryd/core/commands.h"
#include "registryd/core/types.h"

namespace registryd::testing {

// `count` instances, or leases, left for silence.
struct NaiveDeparture {
  int64_t time_ms = 0;
  int64_t ttl_ms = 0;
  uint64_t count = 0;
};

struct NaiveService {
  uint32_t min_healthy = 0;
  std::map<std::string, core::Override> overrides;  // by target: of the service and of instances
  std::vector<NaiveDeparture> left;
};

struct NaiveState {
  std::map<std::string, NaiveService> services;  // also such that have nothing
  std::vector<NaiveDeparture> left;
  std::vector<NaiveDeparture> left_leases;
  int64_t guard_since_ms = 0;
  std::vector<NodeId> checkers;
  std::map<std::string, core::Instance> instances;
  std::map<uint64_t, core::Lease> leases;
  std::deque<core::RequestId> requests;
  uint64_t revision = 0;
  uint64_t next_epoch = 1;
  int64_t time_ms = 0;
  uint64_t history_floor = 0;
  uint32_t feature_level = 1;
};

// The parts of a reply that the model predicts.
struct NaiveReply {
  absl::StatusCode code = absl::StatusCode::kOk;
  bool duplicate = false;
  std::vector<uint64_t> incarnations;
  std::vector<bool> removed;
  uint64_t count = 0;
  std::optional<core::Lease> lease;
  uint64_t left = 0;
  std::string instance;                     // name of the instance that is returned
  std::optional<core::Override> override_;  // of a MaintenanceReply
  uint32_t min_healthy = 0;                 // of a ServiceReply
};

class NaiveRegistry {
 public:
  NaiveReply Apply(const core::Context& context, const core::Command& command);
  const NaiveState& state() const { return state_; }

 private:
  NaiveState state_;
};

}  // namespace registryd::testing
