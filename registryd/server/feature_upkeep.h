// Raises the cluster's feature level once every member's program knows a higher one.
//
//   FeatureUpkeep upkeep({.calls = peers, .replica = replica, .proposer = raft, .members = ...});
//   worker.Every(upkeep.kEveryMs, [&] { upkeep.Tick(); });
//
// The leader asks all members, standbys too, by the request "status", and proposes the lowest of
// what they know; while one does not answer, nothing changes. Threads: Tick by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "registryd/consensus/interfaces.h"
#include "registryd/consensus/peer_calls.h"
#include "registryd/replica/replica.h"

namespace registryd::server {

class FeatureUpkeep {
 public:
  static constexpr int64_t kEveryMs = 2'000;

  struct Parts {
    consensus::PeerCalls* calls = nullptr;
    const replica::Replica* replica = nullptr;
    consensus::Proposer* proposer = nullptr;
    std::function<std::vector<NodeId>()> members;  // this node included
  };
  explicit FeatureUpkeep(Parts parts) : parts_(std::move(parts)) {}
  void Tick();

 private:
  struct Asked;
  void Propose(uint32_t level);

  const Parts parts_;
};

}  // namespace registryd::server
