#include "client/local/watches.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/local/convert.h"

namespace registry {
namespace {

constexpr Millis kBackoffFirst(100);
constexpr Millis kBackoffMost(2'000);
// A beat comes every second for each subscription.
constexpr Millis kSilenceMost(5'000);
// A stream that lived shorter than this is not taken for a working one when it breaks.
constexpr Millis kWorkedLeast(1'000);
// A subscription that is refused is asked again: limits, permissions and leaders change.
constexpr Millis kRetryBusy(1'000);
constexpr Millis kRetryRefused(30'000);
// Pictures of one subscription that were wrong in a row, before the server is left.
constexpr int kFaultsMost = 3;
// How long a server may take to end a stream that we have ended.
constexpr Millis kGoodbye(1'000);

v1::Subscribe ToSubscribe(const WatchQuery& query, uint64_t number) {
  v1::Subscribe message;
  message.set_subscription(number);
  message.set_namespace_(query.ns);
  if (!query.service.empty()) {
    message.set_service(query.service);
  } else if (!query.prefix.empty()) {
    message.set_prefix(query.prefix);
  }
  for (const Health health : query.health) message.add_health(ToProto(health));
  message.set_selector(query.selector);
  message.set_version_range(query.version_range);
  return message;
}

bool IsBusy(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kAborted ||
         code == absl::StatusCode::kResourceExhausted ||
         code == absl::StatusCode::kDeadlineExceeded;
}

}  // namespace

struct Watches::Watch {
  StatePtr state;
  Mirror mirror;
  uint64_t number = 0;  // on the wire; 0: not subscribed
  int faults = 0;
  std::string resync_reason;  // told with the next picture
  uint64_t acknowledged = 0;
  uint64_t applied = 0;
  bool queued = false;  // in to_acknowledge_
  TimePoint retry_at = TimePoint::max();
};

Watches::Watches(WatchNetwork* network, v1::Hello hello,
                 std::function<void(const StatePtr&)> on_published, ClientMetrics* metrics)
    : network_(network),
      hello_(std::move(hello)),
      on_published_(std::move(on_published)),
      metrics_(metrics),
      server_(network->preferred()),
      reconnect_(kBackoffFirst, kBackoffMost, std::random_device()()) {}

Watches::~Watches() = default;

void Watches::Add(StatePtr state) {
  auto watch = std::make_unique<Watch>(
      Watch{.state = state, .mirror = Mirror(state->options().empty), .resync_reason = {}});
  if (const ViewPtr view = state->view(); view->revision != 0) watch->mirror.Restore(view);
  Watch* added = watch.get();
  if (watches_.empty() && stream_ == nullptr) server_ = network_->preferred();
  watches_[state.get()] = std::move(watch);
  if (stream_ != nullptr && close_by_ == TimePoint::max()) Subscribe(added);
}

void Watches::Remove(const StatePtr& state) {
  const auto found = watches_.find(state.get());
  if (found == watches_.end()) return;
  Watch* watch = found->second.get();
  if (stream_ != nullptr) Unsubscribe(watch);
  std::erase(to_acknowledge_, watch);
  watches_.erase(found);
}

void Watches::Applied(const StatePtr& state, uint64_t revision) {
  const auto found = watches_.find(state.get());
  if (found == watches_.end()) return;
  Acknowledge(found->second.get(), revision);
  SendAcknowledgements();
}

void Watches::Tick(TimePoint now) {
  ended_.reset();
  if (watches_.empty()) {
    // The end of our side says goodbye, so that no drain waits for us; then the server ends the
    // stream.
    if (stream_ != nullptr && close_by_ == TimePoint::max()) {
      stream_->End();
      close_by_ = now + kGoodbye;
    }
    if (now >= close_by_) Close();
    return;
  }
  if (close_by_ != TimePoint::max()) Close();  // somebody watches again
  if (stream_ == nullptr) {
    if (now >= connect_at_) Connect(now);
    return;
  }
  if (now >= heard_at_ + kSilenceMost) {
    Fail(absl::DeadlineExceededError("no answer to a watch"), now);
    ended_.reset();
    return;
  }
  if (now < retry_at_) return;
  retry_at_ = TimePoint::max();
  for (const auto& [state, watch] : watches_) {
    if (now >= watch->retry_at) Subscribe(watch.get());
    retry_at_ = std::min(retry_at_, watch->retry_at);
  }
}

void Watches::Close() {
  stream_.reset();
  close_by_ = TimePoint::max();
  connect_at_ = TimePoint{};
}

TimePoint Watches::NextTimer() const {
  if (watches_.empty()) return stream_ == nullptr ? TimePoint::max() : close_by_;
  if (stream_ == nullptr) return connect_at_;
  return std::min(heard_at_ + kSilenceMost, retry_at_);
}

void Watches::Stop() {
  watches_.clear();
  by_number_.clear();
  to_acknowledge_.clear();
  ended_.reset();
  stream_.reset();
}

void Watches::Connect(TimePoint now) {
  WatchStream::Listener* listener = this;  // a private base: only visible in here
  stream_ = network_->Open(server_, listener);
  connected_at_ = heard_at_ = now;
  worked_ = false;
  v1::WatchRequest hello;
  *hello.mutable_hello() = hello_;
  hello.mutable_hello()->set_batches(true);
  stream_->Send(std::move(hello));
  for (const auto& [state, watch] : watches_) Subscribe(watch.get());
}

void Watches::Subscribe(Watch* watch) {
  watch->number = ++numbers_;
  watch->retry_at = TimePoint::max();
  by_number_[watch->number] = watch;
  v1::WatchRequest request;
  *request.mutable_subscribe() = ToSubscribe(watch->state->query(), watch->number);
  if (watch->mirror.resumable()) {
    *request.mutable_subscribe()->mutable_resume() = watch->mirror.cursor();
  }
  stream_->Send(std::move(request));
}

void Watches::Unsubscribe(Watch* watch) {
  if (watch->number == 0) return;
  v1::WatchRequest request;
  request.mutable_unsubscribe()->set_subscription(watch->number);
  stream_->Send(std::move(request));
  by_number_.erase(watch->number);
  watch->number = 0;
}

void Watches::OnMessage(const v1::WatchResponse& message) {
  heard_at_ = network_->Now();
  OnEvent(message);
  // One that is wrong ends the stream, and with it the numbers of those that follow.
  for (const v1::WatchResponse& more : message.also()) OnEvent(more);
  SendAcknowledgements();
}

void Watches::OnEvent(const v1::WatchResponse& message) {
  const TimePoint now = heard_at_;
  const auto found = by_number_.find(message.subscription());
  if (found == by_number_.end()) return;  // of an earlier subscription
  Watch* watch = found->second;
  if (message.has_ended()) return Refused(watch, message.ended(), now);
  if (message.has_resync()) {
    watch->state->CountResync();
    watch->resync_reason = message.resync().reason();
    watch->mirror.Forget();
    return;
  }
  const absl::StatusOr<std::optional<Mirror::Step>> step = watch->mirror.Take(message);
  if (!step.ok()) {
    if (++watch->faults >= kFaultsMost) {
      watch->mirror.Forget();
      watch->faults = 0;
      Fail(step.status(), now);
    } else {
      Resubscribe(watch, step.status());
    }
    return;
  }
  worked_ = true;
  if (message.has_progress()) watch->faults = 0;
  if (*step) {
    watch->state->Publish(**step, std::exchange(watch->resync_reason, {}), now);
  }
  if (watch->mirror.resumable()) {
    watch->state->Heard(watch->mirror, now);
    if (metrics_ != nullptr) metrics_->OnView(watch->state->query(), watch->state->status(now));
  }
  if (*step) on_published_(watch->state);
  if (watch->state->Applied()) {
    Acknowledge(watch, watch->mirror.revision());
  }
}

void Watches::Resubscribe(Watch* watch, const absl::Status& why) {
  watch->state->CountResync();
  watch->state->NotLive(why, false);
  watch->resync_reason = std::string(why.message());
  watch->mirror.Forget();
  Unsubscribe(watch);
  Subscribe(watch);
}

void Watches::Refused(Watch* watch, const v1::Ended& ended, TimePoint now) {
  by_number_.erase(watch->number);
  watch->number = 0;
  const auto code = static_cast<absl::StatusCode>(ended.code());
  const bool busy = IsBusy(code) || ended.code() == 0;
  watch->state->NotLive(
      absl::Status(ended.code() == 0 ? absl::StatusCode::kUnavailable : code,
                   absl::StrCat(ended.message(), " [", network_->name(server_), "]")),
      !busy);
  watch->retry_at = now + (busy ? kRetryBusy : kRetryRefused);
  retry_at_ = std::min(retry_at_, watch->retry_at);
}

void Watches::Acknowledge(Watch* watch, uint64_t revision) {
  watch->applied = revision;
  if (revision == watch->acknowledged || watch->queued) return;
  watch->queued = true;
  to_acknowledge_.push_back(watch);
}

void Watches::SendAcknowledgements() {
  if (stream_ == nullptr || stream_->sending()) return;
  for (Watch* watch : std::exchange(to_acknowledge_, {})) {
    watch->queued = false;
    if (watch->number == 0) continue;
    v1::WatchRequest request;
    request.mutable_acknowledge()->set_subscription(watch->number);
    request.mutable_acknowledge()->set_revision(watch->applied);
    stream_->Send(std::move(request));
    watch->acknowledged = watch->applied;
    watch->state->Acknowledged(watch->applied);
  }
}

void Watches::OnSent() { SendAcknowledgements(); }

void Watches::OnEnd(const absl::Status& status) {
  Fail(status.ok() ? absl::UnavailableError("it ended the watch") : status, network_->Now());
}

void Watches::Fail(const absl::Status& why, TimePoint now) {
  const absl::Status status(why.code(), absl::StrCat(network_->name(server_), ": ", why.message()));
  ended_ = std::move(stream_);
  by_number_.clear();
  to_acknowledge_.clear();
  retry_at_ = TimePoint::max();
  for (const auto& [state, watch] : watches_) {
    watch->number = 0;
    watch->queued = false;
    watch->acknowledged = 0;  // the next server has heard nothing
    watch->retry_at = TimePoint::max();
    watch->mirror.Interrupt();
    state->NotLive(status, false);
    if (metrics_ != nullptr) metrics_->OnView(state->query(), state->status(now));
  }
  close_by_ = TimePoint::max();
  if (worked_ && now - connected_at_ >= kWorkedLeast) {
    reconnect_.Reset();
    connect_at_ =
        now + reconnect_.UpTo(kBackoffFirst);  // not all clients of a stopped server at once
  } else {
    connect_at_ = now + reconnect_.Next();
  }
  server_ = (server_ + 1) % network_->servers();
}

}  // namespace registry
