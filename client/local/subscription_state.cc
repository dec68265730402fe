#include "client/local/subscription_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace registry {
namespace {

// Beyond so many single instances it is cheaper to compare everything.
constexpr size_t kTouchedMax = 10'000;

bool Before(const InstancePtr& a, const InstancePtr& b) { return NameLess(a->spec, b->spec); }

bool Same(const InstancePtr& a, const InstancePtr& b) { return SameName(a->spec, b->spec); }

}  // namespace

std::string ScopeText(const WatchQuery& query) {
  if (!query.service.empty()) return absl::StrCat(query.ns, "/", query.service);
  return absl::StrCat(query.ns, "/", query.prefix, "*");
}

SubscriptionState::SubscriptionState(WatchQuery query, SubscriptionOptions options)
    : query_(std::move(query)),
      options_(std::move(options)),
      view_(std::make_shared<const View>()),
      delivered_(view_) {}

ViewPtr SubscriptionState::view() const {
  std::lock_guard lock(mutex_);
  return view_;
}

SubscriptionStatus SubscriptionState::status(TimePoint now) const {
  std::lock_guard lock(mutex_);
  SubscriptionStatus status = status_;
  if (heard_at_ != TimePoint{}) {
    status.age = absl::FromChrono(now - heard_at_) + age_when_read_;
  }
  return status;
}

absl::Status SubscriptionState::WaitFor(absl::Duration timeout, const char* what,
                                        bool (*done)(const SubscriptionState&, uint64_t),
                                        uint64_t argument) const {
  std::unique_lock lock(mutex_);
  const bool came =
      changed_.wait_for(lock, ToSteady(timeout), [&] { return done(*this, argument) || refused_; });
  if (done(*this, argument)) return absl::OkStatus();
  const std::string scope = ScopeText(query_);
  if (came) {
    return absl::Status(status_.error.code(),
                        absl::StrCat("watch of ", scope, ": ", status_.error.message()));
  }
  return absl::DeadlineExceededError(
      absl::StrCat("watch of ", scope, ": ", what, " in ", absl::FormatDuration(timeout),
                   status_.error.ok() ? "" : absl::StrCat("; ", status_.error.message())));
}

absl::Status SubscriptionState::WaitReady(absl::Duration timeout) const {
  return WaitFor(
      timeout, "no picture yet",
      [](const SubscriptionState& self, uint64_t) { return self.status_.ready; }, 0);
}

absl::Status SubscriptionState::WaitRevision(uint64_t revision, absl::Duration timeout) const {
  return WaitFor(
      timeout, "the revision did not come",
      [](const SubscriptionState& self, uint64_t wanted) {
        return self.status_.ready && self.status_.revision >= wanted;
      },
      revision);
}

void SubscriptionState::AddListener(const std::shared_ptr<ViewListener>& listener) {
  ViewPtr view;
  uint64_t number;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(listeners_, [](const auto& held) { return held.expired(); });
    listeners_.push_back(listener);
    view = view_;
    number = number_;
  }
  listener->OnView(view, number);
}

void SubscriptionState::Restore(ViewPtr view, absl::Duration age) {
  std::lock_guard lock(mutex_);
  view_ = std::move(view);
  ++number_;
  status_.ready = true;
  status_.from_cache = true;
  status_.cluster_id = view_->cluster_id;
  status_.revision = view_->revision;
  heard_at_ = Clock::now();
  age_when_read_ = age;
  if (options_.on_change) pending_ = {.from_revision = 0, .snapshot = true};
}

void SubscriptionState::Publish(const Mirror::Step& step, const std::string& resync_reason,
                                TimePoint now) {
  std::vector<std::shared_ptr<ViewListener>> listeners;
  uint64_t number;
  {
    std::lock_guard lock(mutex_);
    if (options_.on_change) {
      if (!pending_) pending_ = {.from_revision = view_->revision};
      pending_->snapshot |= step.snapshot;
      if (!resync_reason.empty()) pending_->resync_reason = resync_reason;
      if (pending_->touched.size() + step.touched.size() > kTouchedMax) pending_->snapshot = true;
      if (pending_->snapshot) {
        pending_->touched.clear();
      } else {
        pending_->touched.insert(pending_->touched.end(), step.touched.begin(), step.touched.end());
      }
    }
    view_ = step.view;
    number = ++number_;
    for (const auto& held : listeners_) {
      if (auto listener = held.lock()) listeners.push_back(std::move(listener));
    }
    heard_at_ = now;
  }
  for (const auto& listener : listeners) listener->OnView(step.view, number);
}

void SubscriptionState::Heard(const Mirror& mirror, TimePoint now) {
  {
    std::lock_guard lock(mutex_);
    status_.ready = true;
    status_.live = true;
    status_.from_cache = false;
    status_.holding = mirror.holding();
    status_.cluster_id = mirror.cursor().cluster_id();
    status_.revision = mirror.revision();
    status_.error = absl::OkStatus();
    refused_ = false;
    heard_at_ = now;
    age_when_read_ = absl::ZeroDuration();
  }
  changed_.notify_all();
}

void SubscriptionState::NotLive(const absl::Status& why, bool refused) {
  {
    std::lock_guard lock(mutex_);
    status_.live = false;
    status_.error = why;
    refused_ = refused;
  }
  if (refused) changed_.notify_all();
}

void SubscriptionState::CountResync() {
  std::lock_guard lock(mutex_);
  ++status_.resyncs;
}

void SubscriptionState::Acknowledged(uint64_t revision) {
  std::lock_guard lock(mutex_);
  status_.acknowledged = revision;
}

bool SubscriptionState::Applied() const {
  std::lock_guard lock(mutex_);
  return !pending_ && !delivering_;
}

void SubscriptionState::SetCache(const absl::Status& status) {
  std::lock_guard lock(mutex_);
  status_.cache = status;
}

uint64_t SubscriptionState::Deliver() {
  std::optional<Pending> pending;
  ViewPtr view;
  uint64_t revision;
  {
    std::lock_guard lock(mutex_);
    pending.swap(pending_);
    view = view_;
    revision = status_.revision;
    delivering_ = pending.has_value();
  }
  if (!pending) return revision;
  const ViewChange change = Difference(*pending, std::move(view));
  if (change.snapshot || !change.changed.empty() || !change.gone.empty()) {
    options_.on_change(change);
  }
  delivered_ = change.view;
  std::lock_guard lock(mutex_);
  delivering_ = false;
  return revision;
}

ViewChange SubscriptionState::Difference(const Pending& pending, ViewPtr view) const {
  ViewChange change;
  change.view = std::move(view);
  change.from_revision = pending.from_revision;
  change.snapshot = pending.snapshot;
  change.resync_reason = pending.resync_reason;
  if (pending.snapshot) {
    auto before = delivered_->instances.begin();
    const auto end = delivered_->instances.end();
    for (const InstancePtr& instance : change.view->instances) {
      while (before != end && Before(*before, instance)) change.gone.push_back(*before++);
      if (before != end && Same(*before, instance)) {
        if (*before != instance) change.changed.push_back(instance);
        ++before;
      } else {
        change.changed.push_back(instance);
      }
    }
    change.gone.insert(change.gone.end(), before, end);
    return change;
  }
  std::vector<InstancePtr> touched = pending.touched;
  std::sort(touched.begin(), touched.end(), Before);
  touched.erase(std::unique(touched.begin(), touched.end(), Same), touched.end());
  for (const InstancePtr& one : touched) {
    const InstanceSpec& spec = one->spec;
    InstancePtr before = delivered_->Find(spec.ns, spec.service, spec.id);
    InstancePtr now = change.view->Find(spec.ns, spec.service, spec.id);
    if (now == before) continue;
    if (now != nullptr) {
      change.changed.push_back(std::move(now));
    } else {
      change.gone.push_back(std::move(before));
    }
  }
  return change;
}

}  // namespace registry
