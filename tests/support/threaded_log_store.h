// A log store in memory with a writer thread of its own, like the real one: appends are
// acknowledged later, from another thread, and those that wait together are acknowledged together.
// What was acknowledged outlives the store, in `disk`.
#pragma once

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "registryd/base/mutex.h"
#include "tests/support/memory_log.h"

namespace registryd::testing {

class ThreadedLogStore final : public consensus::LogStore {
 public:
  // `disk` outlives the store and must not be looked at before the store is gone.
  explicit ThreadedLogStore(MemoryLog* disk)
      : disk_(disk), log_(*disk), writer_([this] { Run(); }) {}
  ~ThreadedLogStore() override {
    {
      MutexLock lock(mutex_);
      closed_ = true;
      held_ = false;
    }
    filled_.NotifyAll();
    writer_.join();
  }

  // While held, nothing reaches the disk and nothing is acknowledged.
  void Hold(bool held) {
    {
      MutexLock lock(mutex_);
      held_ = held;
    }
    filled_.NotifyAll();
  }
  void SetHasSpace(bool has_space) {
    MutexLock lock(mutex_);
    has_space_ = has_space;
  }
  // Number of batches that reached the disk.
  int syncs() const {
    MutexLock lock(mutex_);
    return syncs_;
  }

  absl::StatusOr<Loaded> Load() override {
    MutexLock lock(mutex_);
    return log_.Load();
  }
  void SaveTermAndVote(Term term, NodeId voted_for) override {
    MutexLock lock(mutex_);
    log_.term = disk_->term = term;
    log_.voted_for = disk_->voted_for = voted_for;
  }
  void Append(LogIndex first, std::vector<consensus::LogEntry> entries,
              absl::AnyInvocable<void() &&> done) override {
    {
      MutexLock lock(mutex_);
      log_.Append(first, entries);
      waiting_.push_back(
          {[this, first, entries = std::move(entries)]() { disk_->Append(first, entries); },
           std::move(done)});
    }
    filled_.NotifyAll();
  }
  std::vector<consensus::LogEntry> Read(LogIndex first, LogIndex last, size_t max_bytes) override {
    MutexLock lock(mutex_);
    return log_.Read(first, last, max_bytes);
  }
  void Cut(const consensus::SnapshotRecord& record, LogIndex first_kept) override {
    {
      MutexLock lock(mutex_);
      log_.Cut(record, first_kept);
      waiting_.push_back({[this, record, first_kept]() { disk_->Cut(record, first_kept); }, {}});
    }
    filled_.NotifyAll();
  }
  void Install(const consensus::SnapshotRecord& record, uint64_t generation) override {
    MutexLock lock(mutex_);
    REGISTRYD_CHECK(waiting_.empty(), "a snapshot is installed while appends wait");
    log_.Install(record, generation);
    disk_->Install(record, generation);
  }
  bool HasSpace() const override {
    MutexLock lock(mutex_);
    return has_space_;
  }

 private:
  struct Write {
    std::function<void()> apply;
    absl::AnyInvocable<void() &&> done;
  };

  void Run() {
    std::vector<Write> writes;
    while (true) {
      {
        MutexLock lock(mutex_);
        while ((waiting_.empty() || held_) && !closed_) filled_.Wait(mutex_);
        if (waiting_.empty()) return;
        writes.swap(waiting_);
        for (Write& write : writes) write.apply();
        ++syncs_;
      }
      for (Write& write : writes) {
        if (write.done) std::move(write.done)();
      }
      writes.clear();
    }
  }

  mutable Mutex mutex_;
  CondVar filled_;
  MemoryLog* const disk_;
  MemoryLog log_ ABSL_GUARDED_BY(mutex_);  // with what waits
  std::vector<Write> waiting_ ABSL_GUARDED_BY(mutex_);
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_space_ ABSL_GUARDED_BY(mutex_) = true;
  int syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread writer_;
};

}  // namespace registryd::testing
