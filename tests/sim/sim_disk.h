// A disk in memory that loses what was not synced when its node crashes.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "registryd/consensus/interfaces.h"
#include "tests/sim/sim_world.h"
#include "tests/support/memory_log.h"

namespace registryd::sim {

class SimDisk final : public consensus::LogStore {
 public:
  explicit SimDisk(World* world) : world_(world) {}

  // Told before entries are appended to the view of the running node.
  std::function<void(LogIndex first, const std::vector<consensus::LogEntry>&)> on_append;
  // Runs `event` as something that happens to the node.
  std::function<void(std::function<void()> event)> run_on_node;

  testing::MemoryLog& durable() { return durable_; }
  const testing::MemoryLog& view() const { return view_; }
  void SetSyncTime(int64_t min_us, int64_t max_us) {
    min_sync_us_ = min_us;
    max_sync_us_ = max_us;
  }
  void SetHasSpace(bool has_space) { has_space_ = has_space; }

  // Of the writes under way a random number, from the first on, has reached the disk; nobody was
  // told.
  void Crash() {
    const int64_t survive = world_->Between(0, static_cast<int64_t>(waiting_.size()));
    for (int64_t i = 0; i < survive; ++i) {
      if (waiting_[static_cast<size_t>(i)].apply) waiting_[static_cast<size_t>(i)].apply();
    }
    waiting_.clear();
    ++life_;
    syncing_ = false;
    view_ = durable_;
  }

  absl::StatusOr<Loaded> Load() override {
    view_ = durable_;
    return durable_.Load();
  }
  void SaveTermAndVote(Term term, NodeId voted_for) override {
    view_.term = durable_.term = term;
    view_.voted_for = durable_.voted_for = voted_for;
  }
  void Append(LogIndex first, std::vector<consensus::LogEntry> entries,
              absl::AnyInvocable<void() &&> done) override {
    if (on_append) on_append(first, entries);
    view_.Append(first, entries);
    waiting_.push_back(
        {[this, first, entries] { durable_.Append(first, entries); }, std::move(done)});
    Sync();
  }
  std::vector<consensus::LogEntry> Read(LogIndex first, LogIndex last, size_t max_bytes) override {
    return view_.Read(first, last, max_bytes);
  }
  void Cut(const consensus::SnapshotRecord& record, LogIndex first_kept) override {
    view_.Cut(record, first_kept);
    waiting_.push_back({[this, record, first_kept] { durable_.Cut(record, first_kept); }, {}});
    Sync();
  }
  // What waits is written first, as in a synced write behind it.
  void Install(const consensus::SnapshotRecord& record, uint64_t generation) override {
    for (Write& write : waiting_) {
      if (write.apply) std::exchange(write.apply, {})();
    }
    view_.Install(record, generation);
    durable_.Install(record, generation);
  }
  bool HasSpace() const override { return has_space_; }

 private:
  struct Write {
    std::function<void()> apply;
    absl::AnyInvocable<void() &&> done;
  };

  // One sync at a time; it covers what waited when it began, as group commit does.
  void Sync() {
    if (syncing_ || waiting_.empty()) return;
    syncing_ = true;
    const size_t covered = waiting_.size();
    world_->After(world_->Between(min_sync_us_, max_sync_us_), [this, covered, life = life_] {
      if (life != life_) return;
      std::vector<Write> finished;
      for (size_t i = 0; i < covered; ++i) {
        if (waiting_.front().apply) waiting_.front().apply();
        finished.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
      syncing_ = false;
      Sync();
      auto shared = std::make_shared<std::vector<Write>>(std::move(finished));
      run_on_node([shared] {
        for (Write& write : *shared) {
          if (write.done) std::move(write.done)();
        }
      });
    });
  }

  World* const world_;
  testing::MemoryLog durable_;
  testing::MemoryLog view_;  // with what is under way
  std::deque<Write> waiting_;
  bool syncing_ = false;
  bool has_space_ = true;
  uint64_t life_ = 0;
  int64_t min_sync_us_ = 50;
  int64_t max_sync_us_ = 3000;
};

}  // namespace registryd::sim
