// The Raft log in a RocksDB of its own, with group commit.
//
// One log-writer thread turns all appends that wait into one WriteBatch and one synced write. What
// lies there: log_records.h.
//
//   ASSIGN_OR_RETURN(auto log, RocksLogStore::Open({.dir = dir + "/log"}));
//   ASSIGN_OR_RETURN(auto identity, log->LoadIdentity());
//   if (!identity) RETURN_IF_ERROR(log->Bootstrap({cluster, node, "a"}, configuration));
//   ASSIGN_OR_RETURN(auto loaded, log->Load());
//
// What is promised: an append whose `done` ran survives kill -9 and power loss. A record that was
// torn by either was never acknowledged and is dropped; any other damage is found by Open or Load,
// before anything is served.
//
// Errors: Open and Load answer DATA_LOSS naming the file; a failed write stops the process.
// Threads: consensus/interfaces.h; HasSpace and counters from any thread; `done` runs on the
// log-writer thread and must not call back into the store.
//
// Cost: a synced write per group, some 0.15 ms on a fast disk; an entry is in memory until it is
// written; some 60 MB of memtables and cache. Disk: the entries that are kept and 4 to 8 x
// memtable_bytes; at most 28 x, where compactions starve.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/consensus/interfaces.h"

namespace registryd::storage {

struct LogStoreOptions {
  std::string dir;
  // Proposals are refused while the file system has less free space than this.
  uint64_t reserve_bytes = 256ull << 20;
  // The raft driver bounds what it has in flight. More than this is its bug and stops the process.
  uint64_t max_queued_bytes = 512ull << 20;
  // RocksDB's write buffer; after so many bytes they go to a table file and the WAL is freed.
  size_t memtable_bytes = 16u << 20;
};

// Who this data directory belongs to; written once, at bootstrap or join, and synced.
struct NodeIdentity {
  ClusterId cluster;
  NodeId node;
  std::string name;
  // Random, made with the directory: by it the other members notice that a node has lost its data
  // (known_members.h).
  uint64_t data_id = 0;
  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
};

// For the metrics. appends / syncs is the size of a group.
struct LogStoreCounters {
  uint64_t appends = 0;        // calls of Append and Cut that are on disk
  uint64_t entries = 0;        // entries that are on disk
  uint64_t payload_bytes = 0;  // of those entries
  uint64_t syncs = 0;          // synced writes, those of term and vote included
};

class RocksLogStore final : public consensus::LogStore {
 public:
  static absl::StatusOr<std::unique_ptr<RocksLogStore>> Open(const LogStoreOptions& options);
  ~RocksLogStore() override;  // waits for the appends that are under way, and runs their callbacks

  // Absent: a new directory that was neither bootstrapped nor joined.
  absl::StatusOr<std::optional<NodeIdentity>> LoadIdentity();
  // Writes identity, term 1 and entry 1 (the first configuration) in one synced batch. Once, before
  // Load. FAILED_PRECONDITION when there is an identity.
  absl::Status Bootstrap(const NodeIdentity& identity, const consensus::LogEntry& configuration);
  // The same for a node that an existing cluster takes in: identity only, the log comes from the
  // leader.
  absl::Status Join(const NodeIdentity& identity);

  // Which state belongs to this log (DataDir::StateDir).
  absl::StatusOr<uint64_t> LoadGeneration();
  // A new node whose state was restored from a backup and lies in `generation`: the log goes on
  // behind it. FAILED_PRECONDITION when there is an identity.
  absl::Status Restore(const NodeIdentity& identity, const consensus::SnapshotRecord& record,
                       uint64_t generation);
  // The newest configuration that the log holds, committed or not. Before Load.
  absl::StatusOr<consensus::Configuration> NewestConfiguration();
  // The log's owner goes on without those that it has lost: `identity` replaces the one that is
  // there and the configuration is appended in a new term, in one synced batch. Everything that the
  // log holds counts as committed from then on. Once, before Load.
  absl::Status ForceNewCluster(const NodeIdentity& identity,
                               const consensus::Payload& configuration);

  absl::StatusOr<Loaded> Load() override;
  void SaveTermAndVote(Term term, NodeId voted_for) override;
  // `entries` may be empty: then everything from `first` on is only removed. `done` may be empty.
  void Append(LogIndex first, std::vector<consensus::LogEntry> entries,
              absl::AnyInvocable<void() &&> done) override;
  std::vector<consensus::LogEntry> Read(LogIndex first, LogIndex last, size_t max_bytes) override;
  // `first_kept` is at most record.index + 1. Where that is beyond the last entry, the log becomes
  // empty and goes on there.
  void Cut(const consensus::SnapshotRecord& record, LogIndex first_kept) override;
  void Install(const consensus::SnapshotRecord& record, uint64_t generation) override;
  bool HasSpace() const override;

  LogStoreCounters counters() const;

 private:
  struct Impl;
  absl::StatusOr<Loaded> LoadAll();  // without starting the writer
  explicit RocksLogStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace registryd::storage
