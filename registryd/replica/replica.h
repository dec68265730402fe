// Where the parts meet: a committed command becomes state, disk, view and answer.
//
// Apply is the only such place, and its lines are the order of effects: core applies, storage
// writes one batch for the whole range, the view is published, the hub tells the subscribers,
// observers (liveness) are told, the proposers get their replies.
//
//   Replica replica({...});
//   RETURN_IF_ERROR(replica.Load());        // before the loop and the raft thread start
//   std::shared_ptr<const View> view = replica.view();
//
// Threads: view, WaitForRevision and leadership from any thread; Prepare, Apply and OnLeadership by
// the raft thread; the rest on the loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "registryd/base/clock.h"
#include "registryd/base/loop.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/core/registry.h"
#include "registryd/replica/digest_samples.h"
#include "registryd/replica/view.h"
#include "registryd/storage/state_store.h"
#include "registryd/watch/hub.h"

namespace registryd::replica {

using Leadership = consensus::StateMachine::Leadership;

// Told on the loop, after the view shows it.
class Observer {
 public:
  virtual ~Observer() = default;
  // Every command that changed something, in order.
  virtual void OnOutcome(const core::Outcome& outcome) = 0;
  virtual void OnLeadership(const Leadership& leadership) = 0;
  // A snapshot took the place of the whole state; there are no outcomes between the two. Only a
  // node that does not lead gets one.
  virtual void OnReplaced() {}
};

class Replica final : public consensus::StateMachine {
 public:
  struct Parts {
    std::shared_ptr<storage::StateStore> store;
    watch::Hub* hub = nullptr;
    Loop* loop = nullptr;
    const Clock* clock = nullptr;
    // Where a replaced state is freed, which takes a while when it is large. Absent: on the loop.
    Loop* worker = nullptr;
  };
  explicit Replica(Parts parts) : parts_(std::move(parts)) { store_.swap(parts_.store); }

  // Fills the state from the store and publishes the first view. Once, before anything else.
  absl::Status Load();
  // For a new store only: the identity that all cursors carry.
  void SetCluster(ClusterId cluster);
  // Before the loop starts. Observers outlive the loop.
  void AddObserver(Observer* observer) { observers_.push_back(observer); }
  // Where progress is reported to: RaftThread::OnApplied. Before the loop starts.
  void OnApplied(std::function<void(LogIndex)> report) { report_applied_ = std::move(report); }

  // What to do when this node was removed from the cluster: on any thread, once. Before the raft
  // thread starts.
  void OnRemoved(std::function<void()> removed) { report_removed_ = std::move(removed); }

  // consensus::StateMachine
  absl::Status Prepare(std::string& command) override;
  void Apply(std::vector<consensus::Committed> range) override;
  void OnLeadership(const Leadership& leadership) override;
  void OnLevel(int64_t at_ms) override { level_ms_.store(at_ms, std::memory_order_relaxed); }
  // A StagedState: store, registry and view are swapped on the loop, and subscribers start over.
  void Install(std::unique_ptr<consensus::StagedSnapshot> snapshot) override;
  void OnRemoved() override;

  // The store in use. A snapshot from a leader replaces it; what was asked of it before stays
  // valid.
  std::shared_ptr<storage::StateStore> store() const {
    MutexLock lock(view_mutex_);
    return store_;
  }
  std::shared_ptr<const View> view() const {
    MutexLock lock(view_mutex_);
    return view_;
  }
  // Runs `ready` with OK once the view has this revision: at once on this thread, or later on the
  // loop. With DEADLINE_EXCEEDED when the monotonic clock passes `deadline_ms` before, with
  // RESOURCE_EXHAUSTED when too many wait.
  using Ready = absl::AnyInvocable<void(absl::Status) &&>;
  void WaitForRevision(Revision revision, int64_t deadline_ms, Ready ready);
  // The same for an index of the log (linearizable reads).
  void WaitForApplied(LogIndex index, int64_t deadline_ms, Ready ready);
  // Answers those whose deadline has passed. The server calls it every 100 ms on the loop.
  void ExpireWaiters();

  Leadership leadership() const;
  // Returns when a leader is known, and ready if it is this node; false when `timeout_ms` passed
  // before.
  bool WaitForLeader(int64_t timeout_ms);
  // Milliseconds since this node last knew itself level with the leader; 0 on a leader that is
  // ready. Very large on a node that has not been since it was started.
  int64_t lag_ms() const;
  LogIndex applied() const { return LogIndex(applied_.load(std::memory_order_acquire)); }
  // Digest and index that belong together.
  struct Position {
    LogIndex index;
    Revision revision;
    uint64_t digest = 0;
  };
  Position position() const;
  // For the comparison with other members; the newest last.
  std::vector<DigestSample> digests() const;

  // Any thread. It tells of every revision that a view taken before has shown.
  absl::StatusOr<std::unique_ptr<storage::HistoryReader>> ReadHistory() const {
    return store()->ReadHistory();
  }
  const core::Registry& registry() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(kLoop) { return registry_; }

 private:
  struct Waiter {
    uint64_t at;
    int64_t deadline_ms;
    Ready ready;
  };
  using Waiters = std::vector<Waiter>;
  void ApplyOnLoop(std::vector<consensus::Committed> range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(kLoop);
  void InstallOnLoop(std::unique_ptr<consensus::StagedSnapshot> snapshot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(kLoop);
  void Publish(LogIndex index);
  void Wait(Waiters* waiters, const std::atomic<uint64_t>& reached, Waiter waiter);
  // Takes out and answers every waiter for which `due` says so.
  template <class Due>
  void Release(Waiters* waiters, const absl::Status& status, Due due);

  Parts parts_;  // but the store, which may be replaced: store_
  std::vector<Observer*> observers_;
  std::function<void(LogIndex)> report_applied_;
  std::function<void()> report_removed_;

  core::Registry registry_;  // the loop's, after Load
  ViewBuilder builder_;
  storage::StateBatch batch_;
  DigestSamples samples_;

  mutable Mutex view_mutex_;
  std::shared_ptr<storage::StateStore> store_;  // written by the loop, under view_mutex_
  std::shared_ptr<const View> view_ ABSL_GUARDED_BY(view_mutex_);
  LogIndex view_index_ ABSL_GUARDED_BY(view_mutex_);

  std::atomic<uint64_t> applied_{0};
  std::atomic<uint64_t> revision_{0};
  std::atomic<uint32_t> feature_level_{1};
  Mutex waiters_mutex_;
  Waiters revision_waiters_ ABSL_GUARDED_BY(waiters_mutex_);
  Waiters applied_waiters_ ABSL_GUARDED_BY(waiters_mutex_);

  mutable Mutex leadership_mutex_;
  CondVar leadership_changed_;
  Leadership leadership_ ABSL_GUARDED_BY(leadership_mutex_);
  std::atomic<int64_t> level_ms_{0};  // of the monotonic clock
};

}  // namespace registryd::replica
