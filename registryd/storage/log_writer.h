// The log-writer thread: everything that waits becomes one batch and one synced write.
//
//   LogWriter writer(database, space, max_queued_bytes);
//   writer.Start(first, last, snapshot);              // after the log was loaded
//   writer.Append(index, entries, [] { ... });        // returns at once
//
// Part of RocksLogStore, which says the rules. Threads: one caller; callbacks run on the writer's
// own thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/types.h"
#include "registryd/storage/disk_space.h"
#include "registryd/storage/log_records.h"
#include "registryd/storage/log_store.h"
#include "registryd/storage/log_tail.h"
#include "registryd/storage/rocks_database.h"
#include "rocksdb/write_batch.h"

namespace registryd::storage {

// Column families of the log's database.
inline constexpr size_t kLogFamily = 0;
inline constexpr size_t kMetaFamily = 1;

class LogWriter {
 public:
  LogWriter(Database& database, DiskSpace& space, uint64_t max_queued_bytes);
  ~LogWriter();  // writes what waits first

  // `snapshot`: what the snapshot record covers; 0 without one.
  void Start(LogIndex first, LogIndex last, LogIndex snapshot);
  void Append(LogIndex first, std::vector<consensus::LogEntry> entries,
              absl::AnyInvocable<void() &&> done);
  void Cut(StoredSnapshot snapshot);
  // A snapshot replaces the whole log; waits until it is on disk.
  void Install(const consensus::SnapshotRecord& record, uint64_t generation);
  // Writes at once, on the caller's thread, beside what is queued.
  void WriteSynced(rocksdb::WriteBatch& batch);

  // Fills `entries` with those of [first, last] that are not in RocksDB yet and answers the first
  // one's index, or last + 1 when all are. Stops at max_bytes, but not before one entry.
  // CHECK-fails outside the log.
  LogIndex ReadUnwritten(LogIndex first, LogIndex last, size_t max_bytes,
                         std::vector<consensus::LogEntry>* entries);
  LogStoreCounters counters() const;

 private:
  struct Task {
    uint64_t number = 0;
    LogIndex first;
    std::vector<consensus::LogEntry> entries;
    LogIndex
        remove_until;  // beyond the last entry to remove from `first` on; not beyond `first`: none
    std::optional<StoredSnapshot> cut;
    std::optional<uint64_t> installed_generation;  // with `cut`: everything else goes
    uint64_t bytes = 0;
    absl::AnyInvocable<void() &&> done;
  };

  void Push(Task task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakeTasks(std::vector<Task>* tasks);
  void Run();
  void WriteGroup(std::vector<Task>& tasks, size_t begin, size_t end, rocksdb::WriteBatch& batch);
  void DropFilesBefore(LogIndex first_kept);
  void AddToBatch(const Task& task, rocksdb::WriteBatch& batch);

  Database& database_;
  DiskSpace& space_;
  const uint64_t max_queued_bytes_;

  mutable Mutex mutex_;
  CondVar filled_;
  LogTail tail_ ABSL_GUARDED_BY(mutex_);
  LogIndex snapshot_ ABSL_GUARDED_BY(mutex_);
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::atomic<uint64_t> appends_{0};
  std::atomic<uint64_t> entries_{0};
  std::atomic<uint64_t> payload_bytes_{0};
  std::atomic<uint64_t> syncs_{0};
  std::thread thread_;  // the last member: everything else is there before it runs
};

}  // namespace registryd::storage
