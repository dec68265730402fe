// Membership changes and transfers of leadership, asked of any member: done here when this node
// leads, else asked of the leader over the request channel.
//
//   MembershipCalls members({&raft, &calls, self, [&] { return replica.leadership().leader; }});
//   members.Serve();                                       // before the peers are served
//   members.Change({.kind = Kind::kPromote, .id = id}, done);
//   members.Transfer(id, done);
//
// A change of the leader itself hands leadership over first and answers UNAVAILABLE: the next try
// reaches the new leader. Other errors: Driver::ChangeMembership, Driver::Transfer, peer_calls.h; a
// change that was not answered in time may have happened, and trying again says so.
//
// Threads: any. `done` runs once, on any thread, and must not block.
#pragma once

#include <functional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "registryd/consensus/membership_change.h"
#include "registryd/consensus/peer_calls.h"
#include "registryd/consensus/raft_thread.h"

namespace registryd::consensus {

class MembershipCalls {
 public:
  // The request's name, and its bytes, for a node that wants to join and has no raft thread yet.
  static constexpr char kMethod[] = "membership";
  static std::string Encode(const MembershipChange& change);

  using Done = absl::AnyInvocable<void(absl::Status) &&>;
  struct Parts {
    RaftThread* raft = nullptr;
    PeerCalls* calls = nullptr;
    NodeId self;
    std::function<NodeId()> leader;  // 0: none is known
  };
  explicit MembershipCalls(Parts parts) : parts_(std::move(parts)) {}

  void Serve();
  void Change(MembershipChange change, Done done);
  // `to` 0: the voter that is furthest.
  void Transfer(NodeId to, Done done);

 private:
  void Do(std::string request, Done done);
  void DoHere(std::string_view request, Done done);
  void ChangeHere(MembershipChange change, Done done);

  const Parts parts_;
};

}  // namespace registryd::consensus
