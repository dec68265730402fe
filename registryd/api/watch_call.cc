#include "registryd/api/watch_call.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "registryd/api/call.h"
#include "registryd/api/lookup_codec.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/validate.h"
#include "registryd/watch/page_codec.h"

namespace registryd::api {
namespace {

// Beats, about one a second, that a cursor from the future is waited for.
constexpr int kBeatsAheadMax = 5;
// Instances in one part of a snapshot, and bytes after which a part ends.
constexpr size_t kPartInstances = 1'000;
constexpr size_t kPartBytes = 256 << 10;
constexpr size_t kClientNameMax = 128;
// After so many bytes a message of several events ends.
constexpr size_t kBatchBytes = 64 << 10;

absl::StatusOr<operations::WatchQuery> WatchQueryFromApi(const registry::v1::Subscribe& request) {
  operations::WatchQuery query;
  query.scope.prefix = !request.has_service();
  if (request.has_service()) {
    ASSIGN_OR_RETURN(query.scope.name, ServiceNameFromApi(request.namespace_(), request.service()));
  } else {
    const std::string_view ns =
        request.namespace_().empty() ? std::string_view("default") : request.namespace_();
    RETURN_IF_ERROR(core::ValidateName("namespace", ns));
    if (!request.prefix().empty())
      RETURN_IF_ERROR(core::ValidateNamePrefix("prefix", request.prefix()));
    query.scope.name = Text(ns, "/", request.prefix());
  }
  ASSIGN_OR_RETURN(query.filter, FilterFromApi("", request.health(), request.selector(),
                                               request.version_range(), core::kAnyHealth));
  if (request.has_resume()) {
    query.resume = operations::WatchCursor{ClusterId(request.resume().cluster_id()),
                                           Revision(request.resume().revision())};
  }
  return query;
}

}  // namespace

// One subscription. Its cursor and snapshot position belong to Next, which runs in one thread at a
// time.
class WatchCall::Subscription final : public watch::Waker,
                                      public std::enable_shared_from_this<Subscription> {
 public:
  Subscription(std::weak_ptr<WatchCall> call, uint64_t id)
      : id_(id), header_(watch::EncodeSubscription(id)), call_(std::move(call)) {}

  uint64_t id() const { return id_; }
  const std::string& header() const { return header_; }

  void Wake() override {
    if (queued_.exchange(true)) return;
    if (auto call = call_.lock()) call->Ready(shared_from_this());
  }
  // True: it has to be queued.
  bool Beat() {
    beat_due_ = true;
    return !queued_.exchange(true);
  }
  // What is watched, as it was permitted. Only once it has begun.
  const watch::Scope* scope() const { return begun_ && scope_ ? &*scope_ : nullptr; }
  // The hub may wake us before we know where to begin; until then there is nothing to say.
  void Begin(operations::StartedWatch started) {
    scope_ = started.topic->scope();
    Restart(std::move(started));
    begun_ = true;
  }
  void Refuse(std::string ended) {
    ended_ = std::move(ended);
    begun_ = true;
  }
  // Before it is begun. Every other use is under the call's lock.
  void Follow(std::shared_ptr<watch::SubscriptionProgress> progress) {
    progress_ = std::move(progress);
  }
  const std::shared_ptr<watch::SubscriptionProgress>& progress() const { return progress_; }
  void Cancel() { cancelled_ = true; }
  void Hold(std::shared_ptr<void> share) { share_ = std::move(share); }

  // One message behind the header; null: nothing to say. `more`: ask again.
  std::shared_ptr<const std::string> Next(operations::Watches* watches, bool* more);
  void Dequeued() { queued_ = false; }

 private:
  std::string SnapshotPart();
  void Restart(operations::StartedWatch started) {
    started_ = std::move(started);
    from_service_.clear();
    from_id_.clear();
    first_part_ = true;
    beats_ahead_ = 0;
  }

  const uint64_t id_;
  const std::string header_;
  const std::weak_ptr<WatchCall> call_;
  std::atomic<bool> begun_{false};
  std::atomic<bool> queued_{false};
  std::atomic<bool> beat_due_{false};
  std::atomic<bool> cancelled_{false};
  std::shared_ptr<watch::SubscriptionProgress> progress_;
  std::shared_ptr<void> share_;  // of what the identity may watch

  int beats_ahead_ = 0;
  std::optional<watch::Scope> scope_;
  operations::StartedWatch started_;
  std::string from_service_;  // where the next part of the snapshot begins
  std::string from_id_;
  bool first_part_ = true;
  std::string ended_;
};

std::shared_ptr<const std::string> WatchCall::Subscription::Next(operations::Watches* watches,
                                                                 bool* more) {
  *more = false;
  if (cancelled_ || !begun_) return nullptr;
  if (!ended_.empty()) return std::make_shared<const std::string>(std::exchange(ended_, {}));
  if (started_.topic == nullptr) return nullptr;
  *more = true;
  if (!started_.resync.empty()) {
    return std::make_shared<const std::string>(
        watch::EncodeResync(std::exchange(started_.resync, {})));
  }
  if (started_.snapshot != nullptr) return std::make_shared<const std::string>(SnapshotPart());

  // Read before the topic is asked: whatever is published up to here is in its ring.
  const Revision visible = watches->hub().published();
  watch::Page page;
  switch (started_.topic->Next(started_.cursor, visible, &page)) {
    case watch::Topic::Fetch::kPage:
      started_.cursor = page.to;
      return page.bytes;
    case watch::Topic::Fetch::kBehind:
      // The topic is younger than what is published: the next beat finds more.
      if (started_.cursor >= visible) break;
      switch (watches->NextOlder(*started_.topic, started_.cursor, visible, &page)) {
        case operations::Watches::Older::kPage:
          started_.cursor = page.to;
          return page.bytes;
        case operations::Watches::Older::kNothing:
          // Told, because the pages that follow begin where the ring does.
          if (watch::Level at; started_.topic->LevelAt(page.to, &at)) {
            started_.cursor = page.to;
            return std::make_shared<const std::string>(
                watch::EncodeProgress(page.to, at.digest, at.count));
          }
          if (started_.topic->Reaches(page.to)) {  // not levelled yet: at the next beat
            *more = false;
            return nullptr;
          }
          break;
        case operations::Watches::Older::kGone:
          break;
      }
      Restart(watches->Restart(started_.topic, Text("the changes after revision ", started_.cursor,
                                                    " are no longer kept")));
      return nullptr;
    case watch::Topic::Fetch::kNothing:
      break;
  }
  *more = false;
  // A cursor of a node that is ahead of this one: it will come. One that never comes is told.
  if (started_.cursor > visible) {
    if (beat_due_.exchange(false) && ++beats_ahead_ > kBeatsAheadMax) {
      Restart(watches->Restart(started_.topic,
                               Text("revision ", started_.cursor,
                                    " has not happened here; this node is at revision ", visible)));
      *more = true;
    }
    return nullptr;
  }
  watch::Level level;
  if (beat_due_.exchange(false) && started_.topic->Quiet(started_.cursor, &level)) {
    started_.cursor = std::max(started_.cursor, visible);
    return std::make_shared<const std::string>(
        watch::EncodeProgress(started_.cursor, level.digest, level.count));
  }
  return nullptr;
}

std::string WatchCall::Subscription::SnapshotPart() {
  watch::SnapshotEncoder encoder;
  size_t count = 0;
  bool last = true;
  operations::ForEachMatching(*started_.snapshot, *started_.topic, from_service_, from_id_,
                              [&](const core::InstancePtr& instance) {
                                if (count == kPartInstances || encoder.size() >= kPartBytes) {
                                  from_service_ = std::string(instance->name().service_name());
                                  from_id_ = std::string(instance->name().id());
                                  return last = false;
                                }
                                encoder.Add(*instance);
                                ++count;
                                return true;
                              });
  std::string part = encoder.Finish(started_.snapshot->counters.cluster,
                                    started_.snapshot->revision(), first_part_, last);
  first_part_ = false;
  if (last) started_.snapshot = nullptr;
  return part;
}

void WatchCall::Ready(std::shared_ptr<Subscription> subscription) {
  {
    MutexLock lock(mutex_);
    ready_.push_back(std::move(subscription));
  }
  Wake();
}

std::shared_ptr<const std::string> WatchCall::NextEvent(std::string* header) {
  for (;;) {
    std::shared_ptr<Subscription> subscription;
    {
      MutexLock lock(mutex_);
      if (ready_.empty()) return nullptr;
      subscription = std::move(ready_.front());
      ready_.pop_front();
    }
    // Whatever happens from here on queues it again.
    subscription->Dequeued();
    bool more = false;
    std::shared_ptr<const std::string> bytes = subscription->Next(watches_, &more);
    if (more) subscription->Wake();
    if (bytes == nullptr) continue;
    *header = subscription->header();
    return bytes;
  }
}

bool WatchCall::Next(grpc::ByteBuffer* out) {
  writing_since_ms_ = 0;
  // Two slices an event: the subscription's own, and bytes that other streams write too.
  absl::InlinedVector<grpc::Slice, 2> slices;
  size_t size = 0;
  std::string header;
  while (const std::shared_ptr<const std::string> event = NextEvent(&header)) {
    slices.emplace_back(slices.empty() ? header : watch::EncodeAlso(header, *event));
    slices.emplace_back(
        const_cast<char*>(event->data()), event->size(),
        [](void* held) { delete static_cast<std::shared_ptr<const std::string>*>(held); },
        new std::shared_ptr<const std::string>(event));
    size += header.size() + event->size();
    if (!batches_ || size >= kBatchBytes) break;
  }
  if (slices.empty()) return false;
  *out = grpc::ByteBuffer(slices.data(), slices.size());
  writing_since_ms_ = clock_.MonotonicMs();
  return true;
}

void WatchCall::OnReadDone(bool ok) {
  if (!ok) return Close(grpc::Status::OK);
  registry::v1::WatchRequest request;
  if (!ParseRequest(request_, &request)) {
    return Close(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "not a WatchRequest"));
  }
  Handle(request);
  if (!ended_) StartRead(&request_);
}

void WatchCall::Handle(const registry::v1::WatchRequest& request) {
  switch (request.message_case()) {
    case registry::v1::WatchRequest::kSubscribe:
      return Subscribe(request.subscribe());
    case registry::v1::WatchRequest::kUnsubscribe: {
      MutexLock lock(mutex_);
      if (auto found = subscriptions_.find(request.unsubscribe().subscription());
          found != subscriptions_.end()) {
        found->second->Cancel();
        subscriptions_.erase(found);
      }
      subscriber_->Remove(request.unsubscribe().subscription());
      return;
    }
    case registry::v1::WatchRequest::kAcknowledge:
      return Acknowledge(request.acknowledge());
    case registry::v1::WatchRequest::kHello:
      return Greet(request.hello());
    case registry::v1::WatchRequest::kGoodbye:
      subscriber_->Goodbye();
      return Close(grpc::Status::OK);
    case registry::v1::WatchRequest::MESSAGE_NOT_SET:
      return;
  }
}

void WatchCall::Greet(const registry::v1::Hello& hello) {
  for (const auto& [path, text] : {std::pair("hello.client_id", &hello.client_id()),
                                   std::pair("hello.client_name", &hello.client_name())}) {
    if (text->size() <= kClientNameMax) continue;
    return Close(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                              Text(path, ": at most ", kClientNameMax, " characters")));
  }
  batches_ = hello.batches();
  if (!hello.client_id().empty()) subscriber_->Hello(hello.client_id(), hello.client_name());
}

void WatchCall::Acknowledge(const registry::v1::Acknowledge& request) {
  std::shared_ptr<watch::SubscriptionProgress> progress;
  {
    MutexLock lock(mutex_);
    if (auto found = subscriptions_.find(request.subscription()); found != subscriptions_.end()) {
      progress = found->second->progress();
    }
  }
  // What has not been told cannot have been applied.
  if (progress == nullptr || Revision(request.revision()) > watches_->hub().published()) return;
  const int64_t took_ms = progress->Acknowledge(Revision(request.revision()), clock_.MonotonicMs());
  if (took_ms >= 0) watches_->ObserveApplied(progress->topic().scope(), took_ms);
}

void WatchCall::Subscribe(const registry::v1::Subscribe& request) {
  const uint64_t id = request.subscription();
  if (id == 0) {
    return Refuse(id, absl::InvalidArgumentError("subscription: must not be 0"));
  }
  auto query = WatchQueryFromApi(request);
  if (!query.ok()) return Refuse(id, query.status());
  auto share = watches_->TakeShare(caller_);
  if (!share.ok()) return Refuse(id, share.status());
  auto subscription =
      std::make_shared<Subscription>(std::static_pointer_cast<WatchCall>(shared_from_this()), id);
  {
    MutexLock lock(mutex_);
    if (subscriptions_.size() >= kSubscriptionsMax || subscriptions_.contains(id)) {
      subscription = nullptr;
    } else {
      subscriptions_[id] = subscription;
    }
  }
  if (subscription == nullptr) {
    return Refuse(id, absl::ResourceExhaustedError(Text("subscription ", id,
                                                        ": in use already, or one more than the ",
                                                        kSubscriptionsMax, " of a stream")));
  }
  auto started = watches_->Start(caller_, *query, subscription);
  if (!started.ok()) {
    {
      MutexLock lock(mutex_);
      subscriptions_.erase(id);
    }
    return Refuse(id, started.status());
  }
  auto progress = subscriber_->Add(id, started->topic,
                                   started->snapshot == nullptr ? started->cursor : Revision(),
                                   clock_.MonotonicMs());
  {
    MutexLock lock(mutex_);
    subscription->Follow(std::move(progress));
  }
  subscription->Hold(*std::move(share));
  subscription->Begin(*std::move(started));
  subscription->Wake();
}

void WatchCall::Refuse(uint64_t id, const absl::Status& status) {
  auto refused =
      std::make_shared<Subscription>(std::static_pointer_cast<WatchCall>(shared_from_this()), id);
  refused->Refuse(
      watch::EncodeEnded(static_cast<int>(status.code()), std::string(status.message())));
  refused->Wake();
}

void WatchCall::Beat() {
  const int64_t since = writing_since_ms_;
  if (since != 0 && clock_.MonotonicMs() - since > kUnreadMaxMs) {
    context_->TryCancel();
    return;
  }
  std::vector<std::shared_ptr<Subscription>> all;
  {
    MutexLock lock(mutex_);
    all.reserve(subscriptions_.size());
    for (const auto& [id, subscription] : subscriptions_) all.push_back(subscription);
  }
  const absl::Status permitted = watches_->StillPermitted(caller_, &epoch_, [&all](auto check) {
    for (const auto& subscription : all) {
      if (const watch::Scope* scope = subscription->scope()) check(*scope);
    }
  });
  if (!permitted.ok()) return Close(ToGrpc(permitted));
  // All of them are there before the stream is woken, so that one message takes them.
  {
    MutexLock lock(mutex_);
    for (auto& subscription : all) {
      if (subscription->Beat()) ready_.push_back(std::move(subscription));
    }
  }
  Wake();
}

void WatchCall::OnEnd() {
  ended_ = true;
  // A client that closed its side has finished; one that is cut off may still use what it knows.
  if (context_->IsCancelled()) {
    subscriber_->Broke(clock_.MonotonicMs());
  } else {
    subscriber_->Goodbye();
  }
  MutexLock lock(mutex_);
  subscriptions_.clear();
  ready_.clear();
}

}  // namespace registryd::api
