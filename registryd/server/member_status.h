// What `status` says of the members: each is asked over the request channel, with a short deadline.
//
//   MemberStatus board({.peers = peers, .mine = [&] { ... }, ...});
//   board.Serve();                                    // answers the other members
//   board.Describe(&response, [] { ... });            // leader and members, in the order of names
//
// Who does not answer in kAskMs is in the list as unreachable, with what the configuration knows of
// it. Threads: any; `done` runs once, on any thread.
#pragma once

#include <functional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "registry/v1/cluster.pb.h"
#include "registryd/consensus/driver.h"
#include "registryd/consensus/peer_calls.h"

namespace registryd::server {

class MemberStatus {
 public:
  static constexpr int64_t kAskMs = 400;
  // Its request is empty, its answer registry.v1.Member.
  static constexpr char kMethod[] = "status";

  struct Parts {
    consensus::PeerCalls* peers = nullptr;
    std::function<registry::v1::Member()> mine;
    std::function<consensus::RaftStatus()> raft;
    std::function<std::string(NodeId)> name_of;  // empty: never heard of
    std::function<std::string(NodeId)> divergence_of;
  };
  explicit MemberStatus(Parts parts) : parts_(std::move(parts)) {}

  // Takes the method "status".
  void Serve();
  void Describe(registry::v1::StatusResponse* out, absl::AnyInvocable<void() &&> done) const;

 private:
  const Parts parts_;
};

}  // namespace registryd::server
