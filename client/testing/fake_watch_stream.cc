#include "client/testing/fake_watch_stream.h"

#include <utility>

#include "registryd/core/types.h"
#include "registryd/wire/api_codec.h"

namespace registry {

namespace core = registryd::core;
namespace wire = registryd::wire;

absl::StatusOr<core::InstanceFilter> FakeFilter(const google::protobuf::RepeatedField<int>& health,
                                                const std::string& selector,
                                                const std::string& version_range,
                                                uint8_t health_if_empty) {
  core::InstanceFilter filter;
  filter.health_mask = health.empty() ? health_if_empty : 0;
  for (const int state : health) {
    if (state < v1::HEALTH_PASSING || state > v1::HEALTH_DRAINING) {
      return absl::InvalidArgumentError("health: must be PASSING, SUSPECT, CRITICAL or DRAINING");
    }
    filter.health_mask = static_cast<uint8_t>(filter.health_mask | (1U << state));
  }
  if (!selector.empty()) {
    auto parsed = core::Selector::Parse("selector", selector);
    if (!parsed.ok()) return parsed.status();
    filter.selector = *std::move(parsed);
  }
  if (!version_range.empty()) {
    auto parsed = core::VersionRange::Parse("version_range", version_range);
    if (!parsed.ok()) return parsed.status();
    filter.versions = *std::move(parsed);
  }
  return filter;
}

FakeWatchStream::FakeWatchStream(FakeState* state) : state_(state), thread_([this] { Serve(); }) {}

void FakeWatchStream::Serve() {
  StartRead(&request_);
  uint64_t seen = 0;
  while (true) {
    state_->WaitChange(seen, over_);
    seen = state_->revision();
    {
      std::lock_guard lock(state_->mutex());
      if (over_) break;
    }
    std::vector<v1::WatchResponse> out;
    {
      std::lock_guard lock(mutex_);
      for (auto it = subscriptions_.begin(); it != subscriptions_.end();) {
        v1::WatchResponse message;
        message.set_subscription(it->first);
        it = Collect(&it->second, message, &out) ? std::next(it) : subscriptions_.erase(it);
      }
    }
    for (const v1::WatchResponse& message : out) Write(message);
  }
  Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the fake registry stops"));
}

bool FakeWatchStream::Collect(Subscription* subscription, v1::WatchResponse message,
                              std::vector<v1::WatchResponse>* out) const {
  if (!subscription->refused.ok()) {
    message.mutable_ended()->set_code(static_cast<uint32_t>(subscription->refused.code()));
    message.mutable_ended()->set_message(std::string(subscription->refused.message()));
    out->push_back(std::move(message));
    return false;
  }
  std::vector<FakeState::Change> changes;
  uint64_t up_to = 0;
  if (!subscription->snapshot && !state_->ChangesAfter(subscription->cursor, &changes, &up_to)) {
    subscription->snapshot = true;
    subscription->resync = "the changes are no longer kept";
  }
  if (!subscription->resync.empty()) {
    message.mutable_resync()->set_reason(std::exchange(subscription->resync, {}));
    out->push_back(message);
  }
  uint64_t revision = 0;
  const auto matching = state_->Find(subscription->prefix, subscription->filter, &revision);
  if (subscription->snapshot) {
    v1::Snapshot* snapshot = message.mutable_snapshot();
    snapshot->mutable_cursor()->set_cluster_id(state_->cluster_id());
    snapshot->mutable_cursor()->set_revision(revision);
    for (const auto& instance : matching) {
      wire::InstanceToApi(*instance, snapshot->add_instances());
    }
    snapshot->set_first(true);
    snapshot->set_last(true);
    subscription->snapshot = false;
    subscription->cursor = revision;
    out->push_back(std::move(message));
    return true;
  }
  std::map<std::string, const FakeState::Change*> latest;
  for (const FakeState::Change& change : changes) {
    const std::string& name = (change.after ? change.after : change.before)->name().text();
    if (name.compare(0, subscription->prefix.size(), subscription->prefix) == 0) {
      latest[name] = &change;
    }
  }
  if (!latest.empty()) {
    v1::Changes* page = message.mutable_changes();
    page->set_from_revision(subscription->cursor);
    page->set_revision(up_to);
    for (const auto& [name, change] : latest) {
      if (change->after != nullptr && subscription->filter.Matches(*change->after)) {
        wire::InstanceToApi(*change->after, page->add_changed());
      } else {
        const core::InstanceName& gone = (change->after ? change->after : change->before)->name();
        v1::InstanceRef* ref = page->add_gone();
        ref->set_namespace_(std::string(gone.ns()));
        ref->set_service(std::string(gone.service()));
        ref->set_id(std::string(gone.id()));
      }
    }
    subscription->cursor = up_to;
    out->push_back(std::move(message));
    return true;
  }
  if (revision != up_to) return true;  // it has moved on meanwhile; the next round tells
  v1::Progress* progress = message.mutable_progress();
  uint64_t digest = 0;
  for (const auto& instance : matching) digest += core::InstanceDigest(*instance);
  progress->set_revision(revision);
  progress->set_digest(digest);
  progress->set_count(matching.size());
  subscription->cursor = revision;
  out->push_back(std::move(message));
  return true;
}

void FakeWatchStream::Subscribe(const v1::Subscribe& request) {
  Subscription subscription;
  const std::string ns = request.namespace_().empty() ? "default" : request.namespace_();
  subscription.prefix =
      request.has_service() ? ns + "/" + request.service() + "/" : ns + "/" + request.prefix();
  auto filter =
      FakeFilter(request.health(), request.selector(), request.version_range(), core::kAnyHealth);
  if (filter.ok()) {
    subscription.filter = *std::move(filter);
  } else {
    subscription.refused = filter.status();
  }
  if (request.has_resume()) {
    if (request.resume().cluster_id() == state_->cluster_id()) {
      subscription.snapshot = false;
      subscription.cursor = request.resume().revision();
    } else {
      subscription.resync = "the cursor is of another cluster";
    }
  }
  state_->AddWatcher({this, request.subscription()}, {.client_id = hello_.client_id(),
                                                      .client_name = hello_.client_name(),
                                                      .prefix = subscription.prefix});
  std::lock_guard lock(mutex_);
  subscriptions_[request.subscription()] = std::move(subscription);
}

void FakeWatchStream::OnReadDone(bool ok) {
  if (!ok) return End();
  if (request_.has_subscribe()) Subscribe(request_.subscribe());
  if (request_.has_hello()) hello_ = request_.hello();
  if (request_.has_acknowledge()) {
    state_->Acknowledge({this, request_.acknowledge().subscription()},
                        request_.acknowledge().revision());
  }
  if (request_.has_unsubscribe()) {
    state_->RemoveWatcher({this, request_.unsubscribe().subscription()});
    std::lock_guard lock(mutex_);
    subscriptions_.erase(request_.unsubscribe().subscription());
  }
  StartRead(&request_);
}

void FakeWatchStream::End() {
  {
    std::lock_guard lock(state_->mutex());
    over_ = true;
  }
  state_->Wake();
}

void FakeWatchStream::Write(const v1::WatchResponse& message) {
  std::unique_lock lock(mutex_);
  writing_ = true;
  StartWrite(&message);
  written_.wait(lock, [this] { return !writing_; });
}

void FakeWatchStream::OnWriteDone(bool /*ok*/) {
  std::lock_guard lock(mutex_);
  writing_ = false;
  written_.notify_all();
}

void FakeWatchStream::OnDone() {
  thread_.join();
  for (const auto& [number, subscription] : subscriptions_) state_->RemoveWatcher({this, number});
  delete this;
}

}  // namespace registry
