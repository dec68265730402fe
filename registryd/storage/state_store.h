// The state's RocksDB: instances, leases, the request window, the history and the applied index,
// one write batch per commit.
//
//   ASSIGN_OR_RETURN(auto store, StateStore::Open(dir));
//   ASSIGN_OR_RETURN(auto applied, store->Load(&registry));    // fills an empty core::Registry
//   StateBatch batch;
//   batch.Add(outcome);                                        // of each command of a range
//   store->Commit(batch, registry.counters(), {index, term});  // atomic, not synced
//
// It is not synced because the Raft log is its write-ahead log. What lies there (proto
// registryd/internal/v1/record.proto):
//
//   family "instances"  namespace/service/id       -> InstanceRecord
//   family "leases"     id, 8 bytes, big endian    -> LeaseRecord
//   family "requests"   slot, 4 bytes, big endian  -> RequestRecord
//   family "services"   namespace/service          -> ServiceRecord, where there is one
//   family "meta"       "state"                    -> StateRecord
//                       "configuration"            -> index, 8 bytes, big endian; the members at
//                                                     the applied index, as in the log
//   family "history"    'r', revision, big endian  -> HistoryRecord: what one command changed
//                       's', service, 0, revision  -> nothing: where a service has one
//
// What is promised: all families always stand at the same commit. After kill -9 that is the
// last one; after a power loss or damage to the write-ahead files it may be an older one, never
// older than the last Sync unless bytes that were synced are damaged. Load says which, and the Raft
// log replays the rest; where the log does not reach back so far, the caller must refuse.
//
// Threads: Commit on the loop; Sync and DropHistory from the worker or the raft thread; Pin and
// ReadHistory from any.
//
// Errors: Open and Load answer DATA_LOSS naming the file or key; a failed Commit or Sync stops the
// process (the log replays it after the restart).
//
// Cost: Commit some microseconds per record and no disk wait; Load about 5 s of CPU per million
// instances, most of it decoding; memory about 110 MB at most while registrations pour in, some MB
// at rest.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registryd/consensus/types.h"
#include "registryd/core/registry.h"
#include "registryd/storage/history_reader.h"
#include "registryd/wire/record_codec.h"

namespace registryd::storage {

// The writes of a committed range, in order. Later outcomes override earlier ones. Holds the
// records, not copies.
class StateBatch {
 public:
  StateBatch();
  ~StateBatch();
  void Add(const core::Outcome& outcome);
  // The range holds this configuration of the members, at this index of the log.
  void SetConfiguration(LogIndex index, consensus::Payload configuration);
  void Clear();

 private:
  friend class StateStore;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class StatePicture;  // storage/state_picture.h

class StateStore {
 public:
  // Opens or creates `dir`. The checksums of all table files are verified first: DATA_LOSS names a
  // damaged file.
  static absl::StatusOr<std::unique_ptr<StateStore>> Open(const std::string& dir);
  virtual ~StateStore();

  struct Position {
    LogIndex index;
    Term term;
    friend bool operator==(const Position&, const Position&) = default;
  };
  // Fills `registry`, which must be empty. A new store leaves it empty and answers {0, 0}. `each`
  // sees every instance in the order of the names, which lets others build what is sorted by them
  // in one sweep; it may have seen some when Load fails.
  using EachInstance = absl::FunctionRef<void(const core::InstancePtr&)>;
  virtual absl::StatusOr<Position> Load(core::Registry* registry, EachInstance each);
  absl::StatusOr<Position> Load(core::Registry* registry) {
    return Load(registry, [](const core::InstancePtr&) {});
  }
  // The batch may be empty: then only the position moves on. It is left as it is; Clear it for the
  // next range.
  virtual void Commit(StateBatch& batch, const core::Counters& counters, Position position);
  // Returns when everything committed so far is on disk. Called before the log is cut.
  virtual void Sync();
  // What it holds now, all of one commit, for a snapshot. Commits go on meanwhile.
  std::shared_ptr<const StatePicture> Pin() const;
  // Another state replaced this one: its directory goes when the last user of it has gone.
  virtual void RemoveWhenClosed();

  // The history as of now. It may outlive the store, and keeps its files open.
  virtual absl::StatusOr<std::unique_ptr<HistoryReader>> ReadHistory() const;
  // Takes entries that the state's history floor has passed off the disk, the oldest first; how
  // many. Readers have not seen them since the floor moved, so each member does this in its own
  // time.
  virtual absl::StatusOr<size_t> DropHistory(size_t entries_max);

 protected:
  StateStore();  // for the simulator's, which lies in memory

 private:
  struct Impl;
  explicit StateStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace registryd::storage
