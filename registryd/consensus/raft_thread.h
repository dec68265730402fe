// The driver with a thread and an inbox: what the rest of the daemon proposes to and reads from.
//
//   RaftThread raft({&log_store, &transport, &replica, &clock}, options);
//   RETURN_IF_ERROR(raft.Start(applied));            // reads the log; a single member leads right
//   away raft.Propose(command, [](absl::StatusOr<Applied> applied) { ... });
//   ...
//   raft.Stop();                                     // answers everything that is still pending
//
// Whatever arrives while the thread works becomes one batch: one submission, one append, one
// message per peer. With nothing to do the thread sleeps, and wakes for the first thing that
// arrives.
//
// Threads: any, for everything but Start and Stop. No call blocks, but Start (reads the log) and
// Stop (joins). `done` runs once: on the state machine's loop after the apply, or with an error on
// the raft thread or the caller's. A `done` may propose again. Errors: consensus/types.h. Limits:
// RaftThreadOptions.
#pragma once

#include <memory>
#include <thread>

#include "registryd/base/mutex.h"
#include "registryd/consensus/admission.h"
#include "registryd/consensus/driver.h"
#include "registryd/consensus/interfaces.h"

namespace registryd::consensus {

struct RaftThreadOptions {
  DriverOptions driver;  // `seed` 0: taken from the operating system
  // Proposals that wait, are in the log, or are being applied; RESOURCE_EXHAUSTED beyond.
  size_t max_proposals = 8192;
  size_t max_proposal_bytes = 32 << 20;
  // Peers' messages that wait; dropped beyond.
  size_t max_messages = 8192;
  size_t max_message_bytes = 64 << 20;
};

class RaftThread final : public Proposer, public SnapshotReports {
 public:
  struct Parts {
    LogStore* log = nullptr;
    Transport* transport = nullptr;
    StateMachine* machine = nullptr;
    const Clock* clock = nullptr;
    SnapshotSender* snapshots = nullptr;  // as of Driver::Parts
  };
  RaftThread(Parts parts, RaftThreadOptions options);
  ~RaftThread() override;  // stops

  // Once. `applied`: what the state machine holds. The state machine may be called before this
  // returns. DATA_LOSS when the log cannot be read or does not fit to it; nothing runs then.
  absl::Status Start(LogIndex applied);
  // Ends the thread. What waited is answered UNAVAILABLE, what is in the log ABORTED; what the
  // state machine was given it still answers itself. Afterwards proposals and reads are answered
  // UNAVAILABLE. Before the log store goes.
  void Stop();

  void Propose(std::string command, ProposeDone done) override;
  void ReadIndex(ReadDone done) override;
  // A peer's message, in the order in which that peer sent its messages.
  void Receive(PeerMessage message);
  // The connection from a peer broke; see Driver::PeerLost.
  void PeerLost(NodeId peer);
  // The state machine has applied everything up to `index`.
  void OnApplied(LogIndex index);
  // The state machine has everything up to `index` on disk: the log before it may go.
  void CutLog(LogIndex index);
  // See Driver::Transfer; `done` runs on the raft thread.
  void TransferLeadership(NodeId to, Driver::TransferDone done);
  // See Driver::ChangeMembership; `done` as of a proposal.
  void ChangeMembership(MembershipChange change, ProposeDone done);

  // Snapshots: what the sender and the receiver of the data report (SnapshotSender in
  // interfaces.h).
  void SetReceivingSnapshot(bool receiving) override;
  void OnSnapshotReceived(std::unique_ptr<StagedSnapshot> snapshot) override;
  void SnapshotSent(NodeId to, LogIndex index, Term term) override;
  void SnapshotFailed(NodeId to) override;

  // As of the thread's last round.
  RaftStatus status() const;

 private:
  struct Inbox;
  struct Work;

  void Run();
  void RunRound(Work* work);
  void Publish();

  const Parts parts_;
  const RaftThreadOptions options_;
  const std::shared_ptr<Admission> admission_;
  const std::shared_ptr<Inbox>
      inbox_;      // shared with the log store's callbacks, which may outlive the thread
  Driver driver_;  // the thread's, after Start
  std::thread thread_;

  mutable Mutex status_mutex_;
  RaftStatus status_ ABSL_GUARDED_BY(status_mutex_);
};

}  // namespace registryd::consensus
