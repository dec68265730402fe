#include "registryd/consensus/peer_sender.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "registryd/base/log.h"
#include "registryd/base/metrics.h"
#include "registryd/base/text.h"
#include "registryd/consensus/peer_channel.h"
#include "registryd/consensus/peer_codec.h"
#include "registryd/internal/v1/peer.grpc.pb.h"

namespace registryd::consensus {
namespace {

using registryd::internal::v1::PeerFrame;
using registryd::internal::v1::PeerHello;

constexpr size_t kFrameBytes = 1 << 20;
constexpr int64_t kConnectMs = 2'000;
constexpr int64_t kConnectPollMs = 5;
// Members that start together do not all listen at once: no news.
constexpr int64_t kQuietMs = 1'000;
// Between two tries in any case.
constexpr int64_t kTryNowMs = 10;
// An idle stream looks so often whether its connection is still there.
constexpr int64_t kIdleLookMs = 200;

bool HasEntries(const PeerMessage& message) {
  const auto* append = std::get_if<AppendEntries>(&message.body);
  return append != nullptr && !append->entries.empty();
}

metrics::Counter& Dropped() {
  static metrics::Counter& counter = metrics::GetCounter(
      "registryd_peer_messages_dropped_total",
      "Raft messages that were not sent: no connection, or the peer takes nothing.");
  return counter;
}

}  // namespace

PeerSender::PeerSender(Parts parts) : parts_(std::move(parts)) {
  thread_ = std::thread([this] { Run(); });
}

PeerSender::~PeerSender() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  changed_.NotifyAll();
  thread_.join();
}

void PeerSender::Send(const PeerMessage& message) {
  const size_t bytes = ApproximateSize(message);
  const bool bulk = HasEntries(message);
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    if (!connected_) {
      if (bulk) return Dropped().Add();
      if (queue_.size() >= kKeptWhileDown) {
        queued_bytes_ -= ApproximateSize(queue_.front());
        queue_.pop_front();
        Dropped().Add();
      }
    } else if ((bulk && queued_bytes_ + bytes > kQueueBytes) || queue_.size() >= kQueueMessages) {
      return Dropped().Add();
    }
    queued_bytes_ += bytes;
    queue_.push_back(message);
  }
  changed_.NotifyOne();
}

void PeerSender::Keep(bool keep) {
  {
    MutexLock lock(mutex_);
    keep_ = keep;
  }
  changed_.NotifyOne();
}

void PeerSender::TryNow() {
  {
    MutexLock lock(mutex_);
    try_now_ = true;
  }
  changed_.NotifyOne();
}

bool PeerSender::connected() const {
  MutexLock lock(mutex_);
  return connected_;
}

void PeerSender::SetConnected(bool connected) {
  MutexLock lock(mutex_);
  connected_ = connected;
  if (connected) return;
  // What is left of a stream that ended: entries are stale by the time of the next one.
  std::deque<PeerMessage> kept;
  for (auto message = queue_.rbegin(); message != queue_.rend() && kept.size() < kKeptWhileDown;
       ++message) {
    if (!HasEntries(*message)) kept.push_front(std::move(*message));
  }
  queue_ = std::move(kept);
  queued_bytes_ = 0;
  for (const PeerMessage& message : queue_) queued_bytes_ += ApproximateSize(message);
}

void PeerSender::Run() {
  int backoff_ms = kPeerBackoffMinMs;
  std::string logged;
  int64_t lost_ms = clock_.MonotonicMs();
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !keep_ && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
    }
    const absl::Status ended = RunStream();
    if (connected()) {
      SetConnected(false);
      logged.clear();
      backoff_ms = kPeerBackoffMinMs;
      lost_ms = clock_.MonotonicMs();
    }
    const std::string reason(ended.message());
    if (!PauseUntilNextTry(&backoff_ms)) return;
    if (reason != logged && clock_.MonotonicMs() - lost_ms >= kQuietMs) {
      log::Warning("no stream to a peer",
                   {{"peer", parts_.to}, {"address", parts_.address}, {"why", reason}});
      logged = reason;
    }
  }
}

bool PeerSender::PauseUntilNextTry(int* backoff_ms) {
  if (!Pause(kTryNowMs) || !Pause(*backoff_ms, /*until_told=*/true)) return false;
  MutexLock lock(mutex_);
  *backoff_ms = std::exchange(try_now_, false) ? kPeerBackoffMinMs
                                               : std::min(2 * *backoff_ms, kPeerBackoffMaxMs);
  return true;
}

bool PeerSender::Pause(int64_t ms, bool until_told) {
  const int64_t end = clock_.MonotonicMs() + ms;
  MutexLock lock(mutex_);
  for (int64_t left = ms; left > 0 && !stopping_ && !(until_told && try_now_);
       left = end - clock_.MonotonicMs()) {
    changed_.WaitFor(mutex_, left);
  }
  return !stopping_;
}

bool PeerSender::Connect(grpc::Channel& channel) {
  const int64_t deadline = clock_.MonotonicMs() + kConnectMs;
  do {
    switch (StateOf(channel)) {
      case Connection::kReady:
        return true;
      case Connection::kFailed:
        return false;
      case Connection::kUnderWay:
        break;
    }
  } while (clock_.MonotonicMs() < deadline && Pause(kConnectPollMs));
  return false;
}

absl::Status PeerSender::RunStream() {
  const auto channel = MakePeerChannel(parts_.address, parts_.security);
  if (!Connect(*channel)) return absl::UnavailableError("it cannot be reached");
  const auto stub = internal::v1::Peer::NewStub(channel);
  grpc::ClientContext context;
  {
    MutexLock lock(mutex_);
    if (stopping_) return absl::UnavailableError("this node stops");
    context_ = &context;
  }
  const auto stream = stub->Messages(&context);
  absl::Status refused;
  bool open = true;  // as far as this side is concerned
  PeerFrame frame;
  *frame.mutable_hello() = MakeHello(parts_.self, parts_.to);
  PeerHello answer;
  if (stream->Write(frame) && stream->Read(&answer)) {
    const PeerIdentity peer = IdentityOf(answer);
    refused = CheckHello(parts_.self, answer);
    if (refused.ok() && peer.node != parts_.to) {
      refused = absl::FailedPreconditionError(
          Text("node ", peer.node, " (\"", peer.name, "\") is at the address of node ", parts_.to,
               "; its data directory belongs to another member"));
    }
    if (refused.ok() && parts_.security.verify) {
      refused = parts_.security.verify(VerifiedNames(context.auth_context().get()), peer.name);
    }
    if (refused.ok() && parts_.admit) refused = parts_.admit(peer);
    if (refused.ok()) {
      log::Info("connected to a peer",
                {{"peer", parts_.to}, {"name", peer.name}, {"address", parts_.address}});
      SetConnected(true);
      std::deque<PeerMessage> batch;
      bool taken = true;  // by the stream
      while (taken && (open = TakeBatch(*channel, &batch))) {
        while (taken && !batch.empty()) {
          frame.Clear();
          for (size_t bytes = 0; !batch.empty() && bytes < kFrameBytes; batch.pop_front()) {
            bytes += ApproximateSize(batch.front());
            ToProto(batch.front(), frame.add_messages());
          }
          taken = stream->Write(frame);
        }
      }
    }
  }
  // Only a stream that this side leaves is cancelled: the other side's reason would be lost.
  if (!refused.ok() || !open) context.TryCancel();
  const grpc::Status status = stream->Finish();
  {
    MutexLock lock(mutex_);
    context_ = nullptr;
  }
  if (!refused.ok()) return refused;
  if (status.error_code() == grpc::StatusCode::CANCELLED) {
    return absl::UnavailableError("the stream was closed");
  }
  return absl::UnavailableError(status.error_message());
}

bool PeerSender::TakeBatch(grpc::Channel& channel, std::deque<PeerMessage>* batch) {
  batch->clear();
  MutexLock lock(mutex_);
  while (queue_.empty() && !stopping_) {
    changed_.WaitFor(mutex_, kIdleLookMs);
    if (channel.GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_READY) return false;
  }
  if (stopping_) return false;
  batch->swap(queue_);
  queued_bytes_ = 0;
  return true;
}

}  // namespace registryd::consensus
