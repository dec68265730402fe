#include "registryd/replica/replica.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/text.h"
#include "registryd/replica/staged_state.h"
#include "registryd/wire/command_codec.h"

namespace registryd::replica {
namespace {

// Reads that wait for a revision or an index at one time, on this node.
constexpr size_t kWaitersMax = 65'536;

}  // namespace

absl::Status Replica::Load() {
  const auto add = [this](const core::InstancePtr& instance) { builder_.Load(instance); };
  ASSIGN_OR_RETURN(const auto position, store_->Load(&registry_, add));
  builder_.LoadRecords(registry_);
  Publish(position.index);
  parts_.hub->Flush(registry_.counters().revision);
  return absl::OkStatus();
}

void Replica::SetCluster(ClusterId cluster) {
  registry_.SetCluster(cluster);
  Publish(applied());
}

absl::Status Replica::Prepare(std::string& command) {
  return wire::CheckAndStamp(command, parts_.clock->WallMs(),
                             feature_level_.load(std::memory_order_acquire));
}

void Replica::Apply(std::vector<consensus::Committed> range) {
  parts_.loop->Post([this, range = std::move(range)]() mutable {
    kLoop.AssertHeld();
    ApplyOnLoop(std::move(range));
  });
}

void Replica::ApplyOnLoop(std::vector<consensus::Committed> range) {
  std::vector<core::Outcome> outcomes;
  outcomes.reserve(range.size());
  for (const consensus::Committed& committed : range) {
    REGISTRYD_CHECK(committed.index.value() == applied_.load(std::memory_order_relaxed) + 1 +
                                                   static_cast<uint64_t>(&committed - range.data()),
                    "the log was applied out of order");
    core::Outcome& outcome = outcomes.emplace_back();
    if (committed.entry.type == consensus::EntryType::kConfiguration) {
      batch_.SetConfiguration(committed.index, committed.entry.payload);
    }
    if (committed.entry.type != consensus::EntryType::kCommand) {
      samples_.Note(committed.index, registry_.counters().digest);
      continue;
    }
    auto decoded = wire::DecodeCommand(*committed.entry.payload);
    REGISTRYD_CHECK(decoded.ok(), Text("log entry ", committed.index,
                                       " cannot be read: ", decoded.status().ToString(),
                                       "; was this data written by a newer registryd?"));
    const core::Context context{decoded->time_ms, committed.entry.term, decoded->request,
                                std::move(decoded->actor)};
    outcome = registry_.Apply(context, decoded->command);
    batch_.Add(outcome);
    for (const core::InstanceChange& change : outcome.instances) {
      builder_.Add(change, outcome.reply.revision);
    }
    for (const core::ServiceChange& change : outcome.services) builder_.AddRecord(change);
    samples_.Note(committed.index, registry_.counters().digest);
  }
  const LogIndex last = range.back().index;
  store_->Commit(batch_, registry_.counters(), {last, range.back().entry.term});
  batch_.Clear();
  Publish(last);
  // After the view: a snapshot that a new subscriber takes from it misses nothing that the hub will
  // not tell.
  for (const core::Outcome& outcome : outcomes) parts_.hub->Publish(outcome);
  parts_.hub->Flush(registry_.counters().revision);
  for (const core::Outcome& outcome : outcomes) {
    if (outcome.instances.empty() && outcome.leases.empty() && outcome.events.empty()) continue;
    for (Observer* observer : observers_) observer->OnOutcome(outcome);
  }
  for (size_t i = 0; i < range.size(); ++i) {
    if (!range[i].done) continue;
    std::move(range[i].done)(consensus::Applied{
        range[i].index, std::make_shared<const core::Reply>(std::move(outcomes[i].reply))});
  }
  if (report_applied_) report_applied_(last);
}

void Replica::Install(std::unique_ptr<consensus::StagedSnapshot> snapshot) {
  // (A task can be copied nowhere, so it may own what it carries.)
  parts_.loop->Post([this, snapshot = std::move(snapshot)]() mutable {
    kLoop.AssertHeld();
    InstallOnLoop(std::move(snapshot));
  });
}

void Replica::InstallOnLoop(std::unique_ptr<consensus::StagedSnapshot> snapshot) {
  auto& staged = static_cast<StagedState&>(*snapshot);
  const LogIndex index = staged.record().index;
  REGISTRYD_CHECK(index > applied(), "a snapshot is older than what was applied");
  {
    MutexLock lock(view_mutex_);
    store_.swap(staged.store_);
  }
  std::swap(registry_, staged.registry_);
  std::swap(builder_, staged.builder_);
  samples_.Clear();
  Publish(index);
  parts_.hub->Restart(registry_.counters().revision);
  log::Info("the state was replaced by a snapshot", {{"index", index},
                                                     {"revision", registry_.counters().revision},
                                                     {"instances", view()->instances}});
  for (Observer* observer : observers_) observer->OnReplaced();
  if (report_applied_) report_applied_(index);
  // The old state goes with it.
  if (parts_.worker != nullptr) {
    parts_.worker->Post([old = std::move(snapshot)]() mutable { old.reset(); });
  }
}

void Replica::OnRemoved() {
  if (report_removed_) report_removed_();
}

void Replica::Publish(LogIndex index) {
  std::shared_ptr<const View> next =
      builder_.Build(registry_.counters(), registry_.lease_count(), registry_.silent_lease_count());
  {
    MutexLock lock(view_mutex_);
    view_.swap(next);
    view_index_ = index;
  }
  // Raised only now: whoever sees the number finds it in the view.
  const uint64_t revision = registry_.counters().revision.value();
  revision_.store(revision, std::memory_order_release);
  feature_level_.store(registry_.counters().feature_level, std::memory_order_release);
  applied_.store(index.value(), std::memory_order_release);
  const auto reached = [](uint64_t at) {
    return [at](const Waiter& waiter) { return waiter.at <= at; };
  };
  Release(&revision_waiters_, absl::OkStatus(), reached(revision));
  Release(&applied_waiters_, absl::OkStatus(), reached(index.value()));
}

void Replica::WaitForRevision(Revision revision, int64_t deadline_ms, Ready ready) {
  Wait(&revision_waiters_, revision_, {revision.value(), deadline_ms, std::move(ready)});
}

void Replica::WaitForApplied(LogIndex index, int64_t deadline_ms, Ready ready) {
  Wait(&applied_waiters_, applied_, {index.value(), deadline_ms, std::move(ready)});
}

void Replica::Wait(Waiters* waiters, const std::atomic<uint64_t>& reached, Waiter waiter) {
  absl::Status status;
  if (reached.load(std::memory_order_acquire) < waiter.at) {
    MutexLock lock(waiters_mutex_);
    // Asked again under the lock: Release takes it after the number was raised.
    if (reached.load(std::memory_order_acquire) < waiter.at) {
      if (waiters->size() < kWaitersMax) {
        waiters->push_back(std::move(waiter));
        return;
      }
      status =
          absl::ResourceExhaustedError("too many reads wait on this node; try again in 100 ms");
    }
  }
  std::move(waiter.ready)(std::move(status));
}

template <class Due>
void Replica::Release(Waiters* waiters, const absl::Status& status, Due due) {
  Waiters out;
  {
    MutexLock lock(waiters_mutex_);
    const auto first_out = std::partition(waiters->begin(), waiters->end(),
                                          [&due](const Waiter& waiter) { return !due(waiter); });
    out.assign(std::make_move_iterator(first_out), std::make_move_iterator(waiters->end()));
    waiters->erase(first_out, waiters->end());
  }
  for (Waiter& waiter : out) std::move(waiter.ready)(status);
}

void Replica::ExpireWaiters() {
  const int64_t now = parts_.clock->MonotonicMs();
  const auto late = [now](const Waiter& waiter) { return waiter.deadline_ms <= now; };
  const auto status = absl::DeadlineExceededError(
      "this node has not reached the asked revision in time; is it cut off from the leader?");
  Release(&revision_waiters_, status, late);
  Release(&applied_waiters_, status, late);
}

void Replica::OnLeadership(const Leadership& leadership) {
  {
    MutexLock lock(leadership_mutex_);
    if (leadership_.ready) OnLevel(parts_.clock->MonotonicMs());  // until now it was the leader
    leadership_ = leadership;
  }
  leadership_changed_.NotifyAll();
  log::Info("leadership", {{"term", leadership.term},
                           {"leader", leadership.leader},
                           {"leading", leadership.role == consensus::Role::kLeader},
                           {"ready", leadership.ready}});
  parts_.loop->Post([this, leadership] {
    kLoop.AssertHeld();
    for (Observer* observer : observers_) observer->OnLeadership(leadership);
  });
}

Leadership Replica::leadership() const {
  MutexLock lock(leadership_mutex_);
  return leadership_;
}

bool Replica::WaitForLeader(int64_t timeout_ms) {
  const int64_t deadline = parts_.clock->MonotonicMs() + timeout_ms;
  MutexLock lock(leadership_mutex_);
  for (;;) {
    const bool leads = leadership_.role == consensus::Role::kLeader;
    if (leadership_.leader && (!leads || leadership_.ready)) return true;
    const int64_t left = deadline - parts_.clock->MonotonicMs();
    if (left <= 0) return false;
    leadership_changed_.WaitFor(leadership_mutex_, left);
  }
}

int64_t Replica::lag_ms() const {
  {
    MutexLock lock(leadership_mutex_);
    if (leadership_.ready) return 0;
  }
  return std::max<int64_t>(0,
                           parts_.clock->MonotonicMs() - level_ms_.load(std::memory_order_relaxed));
}

Replica::Position Replica::position() const {
  MutexLock lock(view_mutex_);
  return {view_index_, view_->revision(), view_->counters.digest};
}

std::vector<DigestSample> Replica::digests() const {
  std::vector<DigestSample> all = samples_.All();
  const Position now = position();
  std::erase_if(all, [&now](const DigestSample& sample) { return sample.index >= now.index; });
  all.push_back({now.index, now.digest});
  return all;
}

}  // namespace registryd::replica
