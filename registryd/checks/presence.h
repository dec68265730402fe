// Which members can make active checks now, as the leader sees it: itself, and those that answered
// its question within the last seconds. One that doubts itself (checks/self_doubt.h) stands aside
// while there is another.
//
//   Presence presence(calls, self, clock, [&] { return driver.doubts(); });
//   presence.Ask({1, 2, 3});               // every second, the members of the configuration
//   presence.Present();                    // sorted
//
// Threads: Ask and Present on the loop; answers come on any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/peer_calls.h"

namespace registryd::checks {

class Presence {
 public:
  static constexpr const char* kMethod = "present";
  static constexpr int64_t kGoneMs = 5'000;

  using Doubts = std::function<bool()>;  // any thread

  // `calls` may be null: then there is only this node.
  Presence(consensus::PeerCalls* calls, NodeId self, const Clock* clock, Doubts doubts);
  // Makes this node answer others; before it serves its peers.
  static void Answer(consensus::PeerCalls& calls, Doubts doubts);

  void Ask(const std::vector<NodeId>& members);
  // Of those that were asked last.
  std::vector<NodeId> Present() const;

 private:
  struct Answered {
    int64_t at_ms = 0;
    bool doubts = false;
  };
  struct Heard {
    Mutex mutex;
    std::map<NodeId, Answered> members ABSL_GUARDED_BY(mutex);
  };
  consensus::PeerCalls* const calls_;
  const NodeId self_;
  const Clock* const clock_;
  const Doubts doubts_;
  std::vector<NodeId> members_;
  const std::shared_ptr<Heard> heard_ = std::make_shared<Heard>();  // outlives us for late answers
};

}  // namespace registryd::checks
