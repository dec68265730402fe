#include "client/testing/fake_state.h"

#include <chrono>
#include <utility>
#include <variant>

#include "registryd/core/validate.h"

namespace registry {

namespace core = registryd::core;

namespace {

constexpr size_t kChangesKept = 10'000;
constexpr std::chrono::milliseconds kBeat(200);
constexpr int64_t kEpochMs = 1'700'000'000'000;  // its time begins here, and goes on as time does
const registryd::Term kTerm(1);

int64_t NowMs() {
  static const auto kBegin = std::chrono::steady_clock::now();
  return kEpochMs + std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::steady_clock::now() - kBegin)
                        .count();
}

}  // namespace

FakeState::FakeState() { registry_.SetCluster(registryd::ClusterId(cluster_id())); }

absl::StatusOr<core::Reply> FakeState::Submit(const core::RequestId& request,
                                              core::Command command) {
  if (absl::Status valid = core::ValidateCommand(command); !valid.ok()) return valid;
  core::Reply reply;
  {
    std::lock_guard lock(mutex_);
    Apply(request, command, &reply);
  }
  changed_.notify_all();
  if (!reply.status.ok()) return reply.status;
  return reply;
}

void FakeState::Apply(const core::RequestId& request, const core::Command& command,
                      core::Reply* reply) {
  core::Context context;
  context.time_ms = NowMs();
  context.term = kTerm;
  context.request = request;
  context.actor = "test";
  core::Outcome outcome = registry_.Apply(context, command);
  for (core::InstanceChange& change : outcome.instances) {
    if (change.after != nullptr) {
      instances_[change.after->name().text()] = change.after;
    } else {
      instances_.erase(change.before->name().text());
    }
    changes_.push_back({.before = std::move(change.before),
                        .after = std::move(change.after),
                        .revision = outcome.reply.revision.value()});
  }
  while (changes_.size() > kChangesKept) {
    kept_from_ = changes_.front().revision;
    changes_.pop_front();
  }
  *reply = std::move(outcome.reply);
}

void FakeState::ExpireLeases() {
  {
    std::lock_guard lock(mutex_);
    core::ExpireLeases expire;
    expire.term = kTerm;
    registry_.ForEachLease([&](const core::Lease& lease) {
      expire.leases.push_back({.id = lease.id, .epoch = lease.epoch});
    });
    core::Reply reply;
    if (!expire.leases.empty()) Apply({}, expire, &reply);
  }
  changed_.notify_all();
}

bool FakeState::Alive(uint64_t lease_id, uint64_t epoch) const {
  std::lock_guard lock(mutex_);
  const core::Lease* lease = registry_.FindLease(registryd::LeaseId(lease_id));
  return lease != nullptr && lease->epoch.value() == epoch;
}

uint64_t FakeState::revision() const {
  std::lock_guard lock(mutex_);
  return registry_.counters().revision.value();
}

std::vector<core::InstancePtr> FakeState::Find(const std::string& prefix,
                                               const core::InstanceFilter& filter,
                                               uint64_t* at_revision) const {
  std::lock_guard lock(mutex_);
  *at_revision = registry_.counters().revision.value();
  std::vector<core::InstancePtr> found;
  for (auto it = instances_.lower_bound(prefix);
       it != instances_.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    if (filter.Matches(*it->second)) found.push_back(it->second);
  }
  return found;
}

bool FakeState::ChangesAfter(uint64_t revision, std::vector<Change>* changes,
                             uint64_t* up_to) const {
  std::lock_guard lock(mutex_);
  *up_to = registry_.counters().revision.value();
  if (revision < kept_from_ || revision > *up_to) return false;
  for (const Change& change : changes_) {
    if (change.revision > revision) changes->push_back(change);
  }
  return true;
}

void FakeState::AddWatcher(const WatcherKey& key, Watcher watcher) {
  std::lock_guard lock(mutex_);
  watchers_[key] = std::move(watcher);
}

void FakeState::Acknowledge(const WatcherKey& key, uint64_t revision) {
  std::lock_guard lock(mutex_);
  const auto found = watchers_.find(key);
  if (found != watchers_.end()) found->second.acknowledged = revision;
}

void FakeState::RemoveWatcher(const WatcherKey& key) {
  std::lock_guard lock(mutex_);
  watchers_.erase(key);
}

std::vector<FakeState::Watcher> FakeState::Behind(const std::string& name,
                                                  uint64_t revision) const {
  std::lock_guard lock(mutex_);
  std::vector<Watcher> behind;
  for (const auto& [key, watcher] : watchers_) {
    const bool watches = name.compare(0, watcher.prefix.size(), watcher.prefix) == 0;
    if (watches && watcher.acknowledged < revision) behind.push_back(watcher);
  }
  return behind;
}

void FakeState::WaitChange(uint64_t revision, const bool& stop) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kBeat,
                    [&] { return stop || registry_.counters().revision.value() > revision; });
}

void FakeState::Wake() { changed_.notify_all(); }

}  // namespace registry
