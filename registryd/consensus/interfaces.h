// The seams of the consensus layer: what it offers upward (Proposer), what it drives
// (StateMachine), and what is injected so that a simulator can run whole clusters in one thread
// (LogStore, Transport, and base/clock.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registryd/consensus/types.h"

namespace registryd::consensus {

struct PeerMessage;  // consensus/peer_message.h

// The door down. Implemented by RaftThread. Threads: any.
class Proposer {
 public:
  virtual ~Proposer() = default;
  // Queues a command; never blocks. `done` runs exactly once: on the loop after the command was
  // applied here, or on any thread with an error.
  virtual void Propose(std::string command, ProposeDone done) = 0;
  // `done` gets the index that a linearizable read must have applied before it answers; UNAVAILABLE
  // without a quorum.
  virtual void ReadIndex(absl::AnyInvocable<void(absl::StatusOr<LogIndex>) &&> done) = 0;
};

// A whole state that came from another member: complete, checked and loaded, so that taking it over
// is a swap. Made by the state machine's side (storage, replica); the driver looks at the record
// only. Whoever drops it undoes what it left on the disk.
class StagedSnapshot {
 public:
  virtual ~StagedSnapshot() = default;
  virtual const SnapshotRecord& record() const = 0;
  // What LogStore::Install writes: which of the states on this disk belongs to the log.
  virtual uint64_t generation() const = 0;
};

// A chunk is some 256 KiB, or as large as the one record in it. None is larger than this, which is
// what a reader of a backup takes in one message.
inline constexpr size_t kSnapshotChunkMax = 250 << 20;

// A snapshot on its way out: a picture of the state, read chunk by chunk. One thread at a time.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // The next chunk; empty: the last one was given.
  virtual absl::StatusOr<std::string> Next() = 0;
};

// A snapshot on its way in. What is dropped before Finish leaves nothing. One thread at a time.
class SnapshotSink {
 public:
  virtual ~SnapshotSink() = default;
  // In order. DATA_LOSS: damaged; RESOURCE_EXHAUSTED: the disk is full.
  virtual absl::Status Add(std::string_view chunk) = 0;
  // After the last chunk: checks, syncs and loads it. Takes long for a large state.
  virtual absl::StatusOr<std::unique_ptr<StagedSnapshot>> Finish() = 0;
};

// Where snapshots come from and go to. Implemented by replica::ReplicaSnapshots. Threads: any.
class SnapshotStore {
 public:
  virtual ~SnapshotStore() = default;
  // Of the state as it is now. FAILED_PRECONDITION: there is none yet.
  virtual absl::StatusOr<std::unique_ptr<SnapshotSource>> Open() = 0;
  virtual absl::StatusOr<std::unique_ptr<SnapshotSink>> Receive() = 0;
};

// What is driven. Implemented by replica::Replica. Threads: as said at each.
class StateMachine {
 public:
  virtual ~StateMachine() = default;
  // Raft thread, on the leader, before the command is submitted: refuses what replicas could not
  // read and stamps the leader's time. Must not block.
  virtual absl::Status Prepare(std::string& command) = 0;
  // Raft thread: takes a range of consecutive committed entries (commands, barriers and
  // configurations). Must not block: it hands them to the loop, which reports progress by
  // RaftThread::OnApplied. At most DriverOptions::max_unapplied entries are handed over and not
  // reported.
  virtual void Apply(std::vector<Committed> range) = 0;
  // Raft thread: this node's role changed, or a leader became known or unknown, or a leader became
  // ready (it has committed an entry of its own term).
  struct Leadership {
    Role role = Role::kFollower;
    Term term;
    NodeId leader;       // 0: unknown
    bool ready = false;  // this node leads and has committed in its term
  };
  virtual void OnLeadership(const Leadership& leadership) = 0;
  // Raft thread, on a follower: everything that the leader had committed when it spoke at `at_ms`
  // (monotonic clock) is applied here.
  virtual void OnLevel(int64_t at_ms) { static_cast<void>(at_ms); }
  // Raft thread: the log goes on behind this state, on disk already. What was handed over before is
  // applied to the old state; what follows, to this one.
  virtual void Install(std::unique_ptr<StagedSnapshot> snapshot) = 0;
  // Raft thread, once: this node is no longer a member, by a committed configuration. It stays a
  // silent follower; somebody should stop it.
  virtual void OnRemoved() = 0;
};

// Where the log lies. Implemented by storage::RocksLogStore and by a simulated disk. A storage
// error is fatal: the implementation stops the process, and a restart recovers. Threads: all calls
// come from the raft thread; Append's and Cut's callbacks may come from any thread.
class LogStore {
 public:
  struct EntryInfo {
    Term term;
    EntryType type;
    Payload payload;  // configurations only, else null
  };
  struct Loaded {
    Term term;
    NodeId voted_for;
    std::optional<SnapshotRecord> snapshot;
    LogIndex first_index;  // of entries[0]; meaningless when empty
    std::vector<EntryInfo> entries;
  };
  virtual ~LogStore() = default;
  // Once, before anything else. DATA_LOSS when the log has a gap or does not continue the snapshot
  // record.
  virtual absl::StatusOr<Loaded> Load() = 0;
  // Returns when both are on disk (synced).
  virtual void SaveTermAndVote(Term term, NodeId voted_for) = 0;
  // Asynchronous and in order. When `first` is not beyond the last index, everything from `first`
  // on is removed first. `done` runs when the entries are on disk (synced); appends that wait
  // together share one sync.
  virtual void Append(LogIndex first, std::vector<LogEntry> entries,
                      absl::AnyInvocable<void() &&> done) = 0;
  // Entries [first, last], as many as fit into max_bytes but at least one. Sees every Append that
  // was called before, synced or not. CHECK-fails for an index that is not in the log.
  virtual std::vector<LogEntry> Read(LogIndex first, LogIndex last, size_t max_bytes) = 0;
  // Writes the snapshot record and removes entries below `first_kept`, in one batch. Asynchronous,
  // in order with Append.
  virtual void Cut(const SnapshotRecord& record, LogIndex first_kept) = 0;
  // A snapshot replaces the log: writes the generation and the snapshot record and removes all
  // entries, in one synced batch, after everything that was appended before. Returns when it is on
  // disk. The log goes on at record.index + 1.
  virtual void Install(const SnapshotRecord& record, uint64_t generation) = 0;
  // False: the disk is below its reserve; proposals are refused with RESOURCE_EXHAUSTED until it is
  // true again.
  virtual bool HasSpace() const = 0;
};

// Sends the state to peers that are behind the start of the log, on a stream of its own, never in
// front of the driver's messages. Implemented over gRPC and by the simulator. Threads: raft thread;
// must not block.
//
// The road of a snapshot: the core asks; SendSnapshot begins a transfer; the receiver tells its own
// driver by SetReceivingSnapshot(true), stages the data, and hands it over by OnSnapshotReceived
// before it acknowledges; the sender then calls SnapshotSent; the driver sends an InstallSnapshot
// message, in order with all its other messages; the peer's driver installs what is staged under
// that index and term. So a transfer that outlives a term or a leadership hurts nobody.
class SnapshotSender {
 public:
  virtual ~SnapshotSender() = default;
  // The driver asks for one transfer per peer at a time and waits for RaftThread::SnapshotSent or
  // SnapshotFailed of it; one that is still under way from an earlier leadership counts.
  virtual void SendSnapshot(NodeId to, const std::string& address) = 0;
};

// What whoever carries snapshots tells the driver; its methods of the same names say more.
// Implemented by RaftThread. Threads: any.
class SnapshotReports {
 public:
  virtual ~SnapshotReports() = default;
  virtual void SetReceivingSnapshot(bool receiving) = 0;
  virtual void OnSnapshotReceived(std::unique_ptr<StagedSnapshot> snapshot) = 0;
  virtual void SnapshotSent(NodeId to, LogIndex index, Term term) = 0;
  virtual void SnapshotFailed(NodeId to) = 0;
};

// Carries messages to peers. May drop them at any time; never reorders those of one direction, a
// reconnect included. The message and what it points to are valid during the call only.
// AppendEntries messages come with their entries filled in. Threads: raft thread.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual void Send(NodeId to, const std::string& address, const PeerMessage& message) = 0;
  // From now on these, of which this node is one, are worth a connection although nothing is sent
  // to them: an election should not wait for one. Replaces what was said before.
  virtual void KeepConnected(const Configuration& members) = 0;
};

}  // namespace registryd::consensus
