// How a node without data gets into a cluster that runs: by --join, the peer address of any member.
//
//   ASSIGN_OR_RETURN(ClusterId cluster, AskForCluster(*peers, config.join, me));  // without a log
//   Joining joining({.peers = peers, .members = membership, ...});                // once it runs
//   joining.Stop();
//
// The node makes a fresh id, asks the leader to be added as a standby, gets the log or a snapshot,
// and asks to be promoted until it votes. Each step may be repeated, so a restart in between does
// no harm. A node that has been a member is not added again: it was removed on purpose, and is told
// so by the others.
//
// Threads: one of its own, which asks about twice a second until the node votes.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/membership_calls.h"
#include "registryd/consensus/peer_transport.h"

namespace registryd::server {

// Answers which cluster this node is of, also to nodes that are in none yet.
void ServeIdentity(consensus::PeerTransport* peers, ClusterId cluster);

// The cluster of whoever listens at `address`; asks for about a minute. UNAVAILABLE: nobody answers
// there. CANCELLED: a signal to stop waits to be taken.
absl::StatusOr<ClusterId> AskForCluster(consensus::PeerTransport& peers, const std::string& address,
                                        const consensus::PeerIdentity& me, const Clock& clock);

class Joining {
 public:
  struct Parts {
    consensus::PeerTransport* peers = nullptr;
    consensus::MembershipCalls* members = nullptr;
    std::function<consensus::RaftStatus()> raft;
    consensus::PeerIdentity me;
    std::string address;  // of a member
  };
  explicit Joining(Parts parts);
  ~Joining() { Stop(); }
  void Stop();

 private:
  void Run();
  // False: this object stops.
  bool Pause();
  absl::Status AskToBeAdded();
  absl::Status AskToBePromoted();

  const Parts parts_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace registryd::server
