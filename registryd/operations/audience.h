// Who watches a service, on every member.
//
//   audience.Ask({"default/web", revision}, 1'000, [](Audience::Answer answer) { ... });
//
// Each member knows the subscribers that are connected to it (watch/subscribers.h); the others are
// asked over the peer channel. A member that does not answer, or that has not come to the revision
// that is waited for, is named: nobody can speak for its subscribers. Threads: any; `done` runs
// once, on any thread, and must not block. A cluster of one answers at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "registry/v1/subscribers.pb.h"
#include "registryd/base/clock.h"
#include "registryd/consensus/peer_calls.h"
#include "registryd/watch/hub.h"

namespace registryd::operations {

class Audience {
 public:
  struct Peer {
    NodeId id;
    std::string name;
  };
  struct Parts {
    watch::Hub* hub = nullptr;
    const Clock* clock = nullptr;
    std::string node = {};                          // our name
    consensus::PeerCalls* calls = nullptr;          // null: a cluster of one
    std::function<std::vector<Peer>()> peers = {};  // the other members, as they are now
  };
  // Handles the questions of other members.
  explicit Audience(Parts parts);

  struct Question {
    std::string service;  // "namespace/service"; empty: everything
    Revision
        waiting_for;  // when not 0: only those who have not applied what concerns them up to it
  };
  struct Answer {
    std::vector<registry::v1::Subscriber> subscribers;
    std::vector<std::string> unreachable;  // names of members
    bool empty() const { return subscribers.empty() && unreachable.empty(); }
  };
  using Done = absl::AnyInvocable<void(Answer) &&>;
  void Ask(const Question& question, int64_t timeout_ms, Done done) const;

 private:
  Answer Local(const Question& question) const;

  const Parts parts_;
};

}  // namespace registryd::operations
