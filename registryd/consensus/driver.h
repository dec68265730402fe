// One member's Raft: the only caller of the core. Deterministic, single-threaded, no I/O of its own
// but the synced write of term and vote; RaftThread gives it a thread, the simulator runs many of
// them in one.
//
//   Driver driver({&log, &transport, &machine, &clock, on_persisted}, options);
//   RETURN_IF_ERROR(driver.Start(*log.Load(), applied));
//   driver.Propose(&proposals);  driver.Receive(std::move(message));  driver.Persisted(write);  ...
//   driver.EndRound();                               // after a batch of calls
//   if (clock.MonotonicMs() >= driver.NextTickMs()) driver.Tick();
//
// Every call feeds an event to the core and handles the update in the order that the core's
// contract asks for: term and vote (synced), entries, messages, commit index, role. Entries are
// handed to the state machine up to what is both committed and on this disk.
//
// Snapshots travel on roads of their own (SnapshotSender in interfaces.h); the driver says when one
// is needed and when one is installed. Membership changes: membership_change.h.
//
// Threads: one. Callbacks (`done`, StateMachine, Transport, LogStore) run inside the calls and must
// not call back in. Errors: a violated invariant stops the process.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "registryd/base/clock.h"
#include "registryd/consensus/configuration_history.h"
#include "registryd/consensus/driver_options.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/consensus/log_cache.h"
#include "registryd/consensus/membership_change.h"
#include "registryd/consensus/peer_message.h"
#include "registryd/consensus/pending_proposals.h"
#include "registryd/consensus/read_index.h"
#include "registryd/consensus/replication_window.h"
#include "registryd/consensus/write_tracker.h"

struct RaftShim;
struct RaftShimMessage;
struct RaftShimUpdate;

namespace registryd::consensus {

struct Proposal {
  std::string command;
  ProposeDone done;
};

// What this member knows of itself and the cluster.
struct RaftStatus {
  NodeId id;
  Role role = Role::kFollower;
  Term term;
  NodeId leader;       // 0: unknown
  bool ready = false;  // leads and has committed in its term
  LogIndex first_index;
  LogIndex last_index;
  LogIndex commit;
  LogIndex applied;
  LogIndex snapshot;                                   // the last cut
  std::shared_ptr<const Configuration> configuration;  // the newest, committed or not; never null
  LogIndex configuration_index;
  bool configuration_committed = true;
  size_t silent_members = 0;  // on a leader: not heard for silent_member_ms
};

class Driver {
 public:
  static constexpr uint32_t kHeldEntries = 1'000'000;  // see CutLog

  struct Parts {
    LogStore* log = nullptr;
    Transport* transport = nullptr;
    StateMachine* machine = nullptr;
    const Clock* clock = nullptr;
    // Runs on the log store's thread when an append is on disk; its number has to reach Persisted.
    std::function<void(uint64_t write)> on_persisted;
    SnapshotSender* snapshots = nullptr;  // absent: peers that are too far behind stay so
  };
  Driver(Parts parts, DriverOptions options);
  ~Driver();  // answers nothing; call Stop for that
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Once, first. `applied`: what the state machine holds; entries after it are handed over again.
  // DATA_LOSS when log and state machine do not fit together.
  absl::Status Start(LogStore::Loaded loaded, LogIndex applied);
  // Answers everything that waits: proposals in the log ABORTED, reads UNAVAILABLE. Only Persisted
  // and Applied may follow; they do nothing.
  void Stop();

  // Takes all of `proposals` as one batch and answers each exactly once, by its `done`.
  void Propose(std::vector<Proposal> proposals);
  void ReadIndex(ReadDone done);
  void Receive(PeerMessage message);
  void Persisted(uint64_t write);
  void Applied(LogIndex index);
  // The connection from a peer broke. Where that is the leader, this node stands for election after
  // two heartbeats of silence already, and supports whoever stands first, until it hears a leader
  // again. Only the time to the next election depends on it.
  void PeerLost(NodeId peer);
  // Feeds the timer when it is due; else does nothing.
  void Tick();
  // Monotonic; when Tick has something to do.
  int64_t NextTickMs() const;
  // After a batch of calls: followers that no entries went to learn the new commit index at once.
  void EndRound();
  // Hands leadership to `to` (0: the voter that is furthest). `done`: OK when this node no longer
  // leads and what it had taken is answered (the successor has all of it and commits it; what it
  // does not within an election timeout is answered ABORTED); UNAVAILABLE when it does not lead,
  // nobody can take over, or nobody did within an election timeout; NOT_FOUND, ALREADY_EXISTS,
  // FAILED_PRECONDITION: `to` is no member, this node, or no voter. Proposals are refused
  // meanwhile.
  using TransferDone = absl::AnyInvocable<void(absl::Status) &&>;
  void Transfer(NodeId to, TransferDone done);
  // Removes the log up to trailing_entries before `durable`, which the state machine has on disk,
  // or up to kHeldEntries before it while a member that gets a snapshot needs them. Does nothing for
  // an index at or before the last cut.
  void CutLog(LogIndex durable);
  // `done`: as of a proposal, once the new configuration is applied here. NOT_FOUND,
  // ALREADY_EXISTS: the member is not as the change assumes. FAILED_PRECONDITION: it has not caught
  // up, it leads, or a majority of what is left is not reachable. UNAVAILABLE: this node does not
  // lead, or another change is under way.
  void ChangeMembership(const MembershipChange& change, ProposeDone done);

  // While snapshot data is being received: heartbeats keep the leader alive for us (F4).
  void SetReceivingSnapshot(bool receiving) { receiving_snapshot_ = receiving; }
  // A snapshot is here, complete and checked; it is installed when a leader says so. The last one
  // counts.
  void OnSnapshotReceived(std::unique_ptr<StagedSnapshot> snapshot);
  // The transfer to `to` ended: the peer has everything up to `index` staged; or it has not.
  void SnapshotSent(NodeId to, LogIndex index, Term term);
  void SnapshotFailed(NodeId to);

  RaftStatus status() const;

 private:
  // What the driver knows of a peer beyond the core's progress record. Only on a leader.
  struct Peer {
    explicit Peer(size_t window_bytes) : window(window_bytes) {}
    ReplicationWindow window;
    LogIndex told;  // commit index that a sent message lets it know
    int64_t heard_ms = 0;
    bool lost = false;    // its connection broke, and nothing was heard since
    bool silent = false;  // for so long that it was reported
    bool has_space = true;
    enum class Transfer : uint8_t { kNone, kRunning, kStaged };
    Transfer transfer = Transfer::kNone;
    // While it gets a snapshot, and until it is level: a cut keeps the log from here on.
    LogIndex needs_from;
    LogIndex staged_index;
    Term staged_term;
    int installs_sent = 0;
    int64_t install_sent_ms = 0;
  };
  struct Handed {
    LogIndex last;
    size_t entries;
    size_t bytes;
  };

  // driver.cc
  void Submit(std::vector<LogEntry> entries, std::vector<ProposeDone> dones);
  bool MajorityHasSpace() const;
  NodeId BestSuccessor() const;

  // driver_receive.cc
  void Heard(NodeId member);
  void ReceiveAppend(const PeerMessage& from, AppendEntries append);
  void ReceiveAppendPart(const PeerMessage& from, AppendEntries part);
  void ReceiveResult(NodeId from, const AppendEntriesResult& result);
  bool MissesLeader();
  void HeardLeader(LogIndex commit);
  void SetHurried(bool hurried);
  void Step(const RaftShimMessage& message);

  // driver_update.cc: after each step, and after each call.
  void Handle(int rv, const RaftShimUpdate& update, std::vector<LogEntry> entries);
  void HandleEntries(LogIndex index, std::vector<LogEntry> entries);
  void HandleRole();
  void Settle();
  void CommitConfiguration(LogIndex up_to);
  void KeepConnected();
  void HandOver();
  void ServeReads();
  void ReportLeadership();
  void Abandon(LogIndex after);
  bool HandsOver() const;
  void AskSuccessor();
  void FinishTransfer();

  // driver_send.cc
  void Send(const RaftShimMessage& message);
  void SendBody(NodeId to, const std::string& address, decltype(PeerMessage::body) body);
  void SendAppend(const Server& to, LogIndex prev, Term prev_term, std::vector<LogEntry> entries);
  void SendWanted(const Server& to, LogIndex prev, Term prev_term, size_t n);
  void FillWindow(const Server& to);
  Peer& PeerOf(NodeId id);

  // driver_snapshot.cc
  void SendSnapshot(const Server& to);
  void ReceiveInstall(const PeerMessage& from, const InstallSnapshot& install);
  void Install(const PeerMessage& from, Term term, std::unique_ptr<StagedSnapshot> snapshot);
  void DropStaleSnapshot();
  uint32_t TrailingEntries(LogIndex cut);
  void SendInstall(const Server& to);
  void RepeatInstalls();

  // driver_membership.cc
  absl::StatusOr<Configuration> Changed(const MembershipChange& change) const;
  bool Reachable(NodeId id) const;
  void ReportSilence();
  void NoteMembership(const Configuration& committed);
  void Removed();
  bool RefuseStranger(const PeerMessage& from);
  void ReceiveNotMember(const NotMember& answer);
  bool HearsNoLeader() const;
  void AskWhetherMember();

  std::vector<LogEntry> ReadLog(LogIndex first, LogIndex last, size_t max_entries,
                                size_t max_bytes);

  uint64_t Now();
  int64_t TimeoutDueMs() const;
  bool Leads() const { return role_ == Role::kLeader; }
  bool Ready() const;
  Term CurrentTerm() const;
  LogIndex Commit() const;
  LogIndex LastIndex() const;
  LogIndex LastStored() const;
  Term TermOf(LogIndex index) const;
  LogIndex Readable() const;

  const Parts parts_;
  const DriverOptions options_;
  RaftShim* core_ = nullptr;

  uint64_t now_ms_ = 0;  // latest time given to the core
  int64_t last_timeout_ms_ = INT64_MIN / 2;
  Role role_ = Role::kFollower;
  Term leader_term_;  // term in which a leader was last heard
  LogIndex
      lead_start_;  // leader: ready when this is committed; 0: no entry of this term submitted yet
  LogIndex led_commit_;  // commit index when this node last led
  bool needs_barrier_ = false;
  bool receiving_snapshot_ = false;
  bool hurried_ = false;  // the election timeout is the short one of PeerLost
  // What the leader said of its commit index, and when; level once that is applied here.
  LogIndex level_at_;
  int64_t level_asked_ms_ = 0;  // 0: nothing to wait for
  int64_t level_ms_ = 0;
  int64_t level_told_ms_ = 0;
  std::unique_ptr<StagedSnapshot> staged_;
  int64_t staged_ms_ = 0;
  bool was_member_ = false;  // of a committed configuration
  bool removed_ = false;
  int64_t heard_leader_ms_ = 0;
  int64_t ask_at_ms_ = 0;
  StateMachine::Leadership reported_;
  bool reported_once_ = false;
  uint64_t refused_messages_ = 0;

  LogCache cache_;
  WriteTracker writes_;
  ConfigurationHistory configurations_;
  ConfigurationHistory::Shared connected_;  // what the transport was told last
  std::map<NodeId, Peer> peers_;

  PendingProposals pending_;
  ReadIndexRounds reads_;
  TransferDone transfer_done_;
  NodeId transfer_to_;            // whom the core is to ask, once it has everything on its disk
  int64_t transfer_ends_ms_ = 0;  // until then it may take, and afterwards its proposals wait

  LogIndex handed_;   // last index given to the state machine
  LogIndex applied_;  // last index it reported
  std::deque<Handed> unapplied_;
  size_t unapplied_entries_ = 0;
  size_t unapplied_bytes_ = 0;
};

}  // namespace registryd::consensus
