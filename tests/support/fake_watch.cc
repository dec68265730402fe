#include "tests/support/fake_watch.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace registryd::testing {

namespace v1 = registry::v1;

namespace {

constexpr std::chrono::milliseconds kBeat(100);

// docs/formats.md, "Digest".
uint64_t Digest(const v1::Instance& instance) {
  std::string bytes = instance.spec().namespace_() + "/" + instance.spec().service() + "/" +
                      instance.spec().id() + std::string(1, '\0');
  for (const uint64_t number : {instance.incarnation(), instance.changed_revision()}) {
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(number >> (8 * i)));
  }
  bytes.push_back(static_cast<char>(instance.health()));
  return XXH64(bytes.data(), bytes.size(), 0);
}

std::string NamespaceOf(const v1::Subscribe& query) {
  return query.namespace_().empty() ? "default" : query.namespace_();
}

}  // namespace

FakeWatch::FakeWatch(FakeRegistryServer* owner) : owner_(owner), thread_([this] { Serve(); }) {}

void FakeWatch::Serve() {
  uint64_t generation;
  {
    std::unique_lock lock(owner_->mutex_);
    grpc::Status failure;
    ++owner_->state_.calls["Watch"];
    if (owner_->TakeFailure("Watch", FakeRegistryServer::kBeforeApplying, &failure)) {
      lock.unlock();
      owner_->changed_.notify_all();
      return Finish(failure);
    }
    generation = owner_->watch_generation_;
    ++owner_->state_.open_watches;
  }
  owner_->changed_.notify_all();
  StartRead(&request_);
  grpc::Status end(grpc::StatusCode::UNAVAILABLE, "the server stops");
  auto beat_at = std::chrono::steady_clock::now() + kBeat;
  while (true) {
    std::vector<v1::WatchResponse> out;
    {
      std::unique_lock lock(owner_->mutex_);
      owner_->changed_.wait_until(lock, beat_at);
      if (owner_->watch_generation_ != generation) {
        end = owner_->end_watches_;
        break;
      }
      if (owner_->stopping_ || over_) break;
      const bool beat = std::chrono::steady_clock::now() >= beat_at;
      if (beat) beat_at = std::chrono::steady_clock::now() + kBeat;
      if (owner_->silent_) continue;
      Collect(beat, &out);
      for (v1::WatchResponse& message : out) {
        if (const auto& change = owner_->tampering_["Watch"]) change(&message);
      }
    }
    for (const v1::WatchResponse& message : out) Write(message);
  }
  {
    std::lock_guard lock(owner_->mutex_);
    --owner_->state_.open_watches;
  }
  owner_->changed_.notify_all();
  Finish(end);
}

void FakeWatch::Write(const v1::WatchResponse& message) {
  std::unique_lock lock(write_mutex_);
  writing_ = true;
  StartWrite(&message);
  written_.wait(lock, [this] { return !writing_; });
}

void FakeWatch::OnWriteDone(bool /*ok*/) {
  std::lock_guard lock(write_mutex_);
  writing_ = false;
  written_.notify_all();
}

void FakeWatch::OnReadDone(bool ok) {
  {
    std::lock_guard lock(owner_->mutex_);
    if (ok) {
      Take(request_);
    } else {
      if (!over_) ++owner_->state_.ended_watches;
      over_ = true;
    }
  }
  owner_->changed_.notify_all();
  if (ok) StartRead(&request_);
}

void FakeWatch::OnCancel() {
  std::lock_guard lock(owner_->mutex_);
  over_ = true;
}

void FakeWatch::OnDone() {
  thread_.join();
  delete this;
}

void FakeWatch::Take(const v1::WatchRequest& request) {
  auto& state = owner_->state_;
  if (request.has_hello()) state.hellos.push_back(request.hello());
  if (request.has_acknowledge()) state.acknowledges.push_back(request.acknowledge());
  if (request.has_unsubscribe()) {
    ++state.unsubscribes;
    subscriptions_.erase(request.unsubscribe().subscription());
  }
  if (!request.has_subscribe()) return;
  const v1::Subscribe& query = request.subscribe();
  state.subscribes.push_back(query);
  Subscription subscription{.query = query, .resync = {}, .refused = {}};
  if (query.selector() == "(") subscription.refused = "selector: does not begin with a label";
  if (query.has_resume()) {
    if (query.resume().cluster_id() != state.cluster_id) {
      subscription.resync = "another cluster";
    } else if (query.resume().revision() < state.history_from ||
               query.resume().revision() > state.revision) {
      subscription.resync = "not kept";
    } else {
      subscription.snapshot = false;
      subscription.cursor = query.resume().revision();
    }
  }
  subscriptions_[query.subscription()] = subscription;
}

bool FakeWatch::Matches(const Subscription& subscription, const v1::Instance& instance) const {
  const v1::Subscribe& query = subscription.query;
  if (instance.spec().namespace_() != NamespaceOf(query)) return false;
  if (query.has_service() && instance.spec().service() != query.service()) return false;
  if (query.has_prefix() && instance.spec().service().rfind(query.prefix(), 0) != 0) return false;
  if (query.health().empty()) return true;
  return std::find(query.health().begin(), query.health().end(), instance.health()) !=
         query.health().end();
}

void FakeWatch::Collect(bool beat, std::vector<v1::WatchResponse>* out) {
  const auto& state = owner_->state_;
  for (auto it = subscriptions_.begin(); it != subscriptions_.end();) {
    auto& [id, subscription] = *it;
    v1::WatchResponse message;
    message.set_subscription(id);
    if (!subscription.refused.empty()) {
      message.mutable_ended()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
      message.mutable_ended()->set_message(subscription.refused);
      out->push_back(message);
      it = subscriptions_.erase(it);
      continue;
    }
    ++it;
    if (!subscription.resync.empty()) {
      message.mutable_resync()->set_reason(std::exchange(subscription.resync, {}));
      out->push_back(message);
    }
    if (subscription.snapshot) {
      v1::Snapshot* snapshot = message.mutable_snapshot();
      snapshot->mutable_cursor()->set_cluster_id(state.cluster_id);
      snapshot->mutable_cursor()->set_revision(state.revision);
      for (const auto& [key, instance] : state.instances) {
        if (Matches(subscription, instance)) *snapshot->add_instances() = instance;
      }
      snapshot->set_first(true);
      snapshot->set_last(true);
      subscription.snapshot = false;
      subscription.cursor = state.revision;
      out->push_back(message);
    } else if (subscription.cursor < state.revision) {
      CollectChanges(subscription, &message);
      if (message.has_changes()) out->push_back(message);
    } else if (beat) {
      FillProgress(subscription, message.mutable_progress());
      out->push_back(message);
    }
  }
}

void FakeWatch::CollectChanges(Subscription& subscription, v1::WatchResponse* out) {
  const auto& state = owner_->state_;
  v1::Changes changes;
  changes.set_from_revision(subscription.cursor);
  changes.set_revision(state.revision);
  const auto add_gone = [&changes](const std::string& ns, const std::string& service,
                                   const std::string& id) {
    v1::InstanceRef* ref = changes.add_gone();
    ref->set_namespace_(ns);
    ref->set_service(service);
    ref->set_id(id);
  };
  for (const auto& [key, instance] : state.instances) {
    if (instance.changed_revision() <= subscription.cursor) continue;
    if (Matches(subscription, instance)) {
      *changes.add_changed() = instance;
    } else {
      add_gone(instance.spec().namespace_(), instance.spec().service(), instance.spec().id());
    }
  }
  for (const auto& [key, revision] : state.gone) {
    if (revision <= subscription.cursor) continue;
    const size_t first = key.find('/');
    const size_t last = key.rfind('/');
    v1::Instance gone;
    gone.mutable_spec()->set_namespace_(key.substr(0, first));
    gone.mutable_spec()->set_service(key.substr(first + 1, last - first - 1));
    Subscription scope = subscription;
    scope.query.clear_health();
    if (!Matches(scope, gone)) continue;
    add_gone(gone.spec().namespace_(), gone.spec().service(), key.substr(last + 1));
  }
  subscription.cursor = state.revision;
  if (changes.changed_size() + changes.gone_size() > 0) *out->mutable_changes() = changes;
}

void FakeWatch::FillProgress(const Subscription& subscription, v1::Progress* progress) {
  uint64_t digest = 0;
  uint64_t count = 0;
  for (const auto& [key, instance] : owner_->state_.instances) {
    if (!Matches(subscription, instance)) continue;
    digest += Digest(instance);
    ++count;
  }
  progress->set_revision(owner_->state_.revision);
  progress->set_digest(digest);
  progress->set_count(count);
}

}  // namespace registryd::testing
