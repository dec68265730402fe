#include "client/src/renewals.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "client/local/convert.h"

namespace registry {
namespace {

constexpr size_t kLeasesPerFrame = 20'000;
constexpr Millis kBackoffFirst(100);
constexpr Millis kBackoffMost(2'000);
constexpr Millis kRoundLeast(50);
// How long an answer may take: as long as rounds are apart, within these.
constexpr Millis kSilenceLeast(250);
constexpr Millis kSilenceMost(5'000);
// A stream that lived shorter than this is not taken for a working one when it breaks.
constexpr Millis kWorkedLeast(1'000);
constexpr size_t kNotAcceptedMost = 3;

}  // namespace

Renewals::Renewals(ServerSet* servers, grpc::CompletionQueue* queue,
                   std::function<void(EntryPtr)> on_lost)
    : servers_(servers),
      queue_(queue),
      on_lost_(std::move(on_lost)),
      server_(servers->preferred()),
      reconnect_(kBackoffFirst, kBackoffMost, std::random_device()()),
      resend_(kBackoffFirst, kBackoffMost, std::random_device()()) {}

void Renewals::Add(EntryPtr entry, TimePoint now) {
  const auto renew_every = ToSteady(entry->lease().renew_every);
  if (stream_ != nullptr && !awaiting_) send_at_ = std::min(send_at_, now + renew_every);
  // A round under way does not contain the new lease: let the next one come in time for it.
  interval_ = leases_.empty() ? renew_every : std::min(interval_, renew_every);
  const uint64_t id = entry->lease().id;
  leases_[id] = std::move(entry);
}

void Renewals::Remove(const EntryPtr& entry) {
  const auto found = leases_.find(entry->lease().id);
  if (found != leases_.end() && found->second == entry) leases_.erase(found);
}

void Renewals::Tick(TimePoint now) {
  abandoned_.erase(std::remove_if(abandoned_.begin(), abandoned_.end(),
                                  [](const auto& stream) { return stream->done(); }),
                   abandoned_.end());
  if (leases_.empty()) {
    AbandonStream();
    return;
  }
  if (stream_ == nullptr) {
    if (now >= connect_at_) Connect(now);
  } else if (awaiting_) {
    if (now >= answer_by_) Fail(absl::DeadlineExceededError("no answer to renewals"), now);
  } else if (now >= send_at_) {
    BeginRound(now);
  }
}

TimePoint Renewals::NextTimer() const {
  if (leases_.empty()) return TimePoint::max();
  if (stream_ == nullptr) return connect_at_;
  return awaiting_ ? answer_by_ : send_at_;
}

void Renewals::Stop() {
  leases_.clear();
  AbandonStream();
}

void Renewals::Connect(TimePoint now) {
  RenewalStream::Listener* listener = this;  // a private base: only visible in here
  stream_ = std::make_unique<RenewalStream>(
      [this](grpc::ClientContext* context, void* tag) {
        return server().lease->AsyncKeepAlive(context, queue_, tag);
      },
      listener);
  connected_at_ = now;
  worked_ = false;
  not_accepted_ = 0;
  BeginRound(now);
}

void Renewals::BeginRound(TimePoint now) {
  round_.clear();
  interval_ = Clock::duration::max();
  for (const auto& [id, entry] : leases_) {
    round_.push_back({.lease_id = id, .epoch = entry->lease().epoch});
    interval_ = std::min(interval_, ToSteady(entry->lease().renew_every));
  }
  frame_end_ = 0;
  round_at_ = now;
  SendFrame(now);
}

void Renewals::SendFrame(TimePoint now) {
  frame_begin_ = frame_end_;
  frame_end_ = std::min(frame_begin_ + kLeasesPerFrame, round_.size());
  v1::KeepAliveRequest frame;
  frame.set_frame(++frame_);
  for (size_t i = frame_begin_; i < frame_end_; ++i) {
    frame.add_lease_ids(round_[i].lease_id);
    frame.add_epochs(round_[i].epoch);
  }
  awaiting_ = true;
  sent_at_ = now;
  answer_by_ =
      now + std::clamp<Clock::duration>(interval_, Clock::duration(kSilenceLeast), kSilenceMost);
  stream_->Send(std::move(frame));
}

void Renewals::OnAnswer(const v1::KeepAliveResponse& answer) {
  const TimePoint now = Clock::now();
  if (!awaiting_ || answer.frame() != frame_ || answer.next_in_ms() < 0) {
    Fail(MalformedAnswer(absl::StrCat("frame ", answer.frame(), " answered, next in ",
                                      answer.next_in_ms(), " ms, while frame ", frame_,
                                      awaiting_ ? " is" : " is not", " unanswered")),
         now);
    return;
  }
  awaiting_ = false;
  if (answer.accepted()) {
    Accepted(answer, now);
  } else {
    NotAccepted(now);
  }
}

void Renewals::Accepted(const v1::KeepAliveResponse& answer, TimePoint now) {
  worked_ = true;
  failures_ = 0;
  not_accepted_ = 0;
  resend_.Reset();
  const absl::flat_hash_set<uint64_t> lost_ids(answer.lost_lease_ids().begin(),
                                               answer.lost_lease_ids().end());
  std::vector<EntryPtr> lost;
  for (size_t i = frame_begin_; i < frame_end_; ++i) {
    const auto found = leases_.find(round_[i].lease_id);
    if (found == leases_.end()) continue;  // removed meanwhile
    if (lost_ids.contains(round_[i].lease_id)) {
      lost.push_back(std::move(found->second));
      leases_.erase(found);
    } else {
      found->second->Renewed(sent_at_);
      found->second->SetReachable(true, absl::OkStatus());
    }
  }
  interval_ = std::min<Clock::duration>(interval_, Millis(answer.next_in_ms()));
  if (frame_end_ < round_.size()) {
    SendFrame(now);
  } else {
    send_at_ = std::max(now + kRoundLeast, round_at_ + interval_);
  }
  for (EntryPtr& entry : lost) on_lost_(std::move(entry));
}

void Renewals::NotAccepted(TimePoint now) {
  const absl::Status why =
      absl::UnavailableError("it finds no leader that takes renewals; nothing expires meanwhile");
  if (++not_accepted_ >= kNotAcceptedMost) {
    if (servers_->size() > 1) {
      Fail(why, now);
      return;
    }
    TellUnreachable(why);
  }
  send_at_ = now + Hurry(resend_.Next(), now);
}

void Renewals::OnEnd(const absl::Status& status) {
  Fail(status.ok() ? absl::UnavailableError("it ended the stream of renewals") : status,
       Clock::now());
}

void Renewals::Fail(const absl::Status& why, TimePoint now) {
  AbandonStream();
  Clock::duration pause;
  if (worked_ && now - connected_at_ >= kWorkedLeast) {
    reconnect_.Reset();
    pause = reconnect_.UpTo(kBackoffFirst);  // not all clients of a stopped server at once
  } else {
    pause = Hurry(reconnect_.Next(), now);
  }
  connect_at_ = now + pause;
  if (++failures_ >= servers_->size()) TellUnreachable(why);
  server_ = servers_->After(server_);
}

void Renewals::TellUnreachable(const absl::Status& why) {
  const absl::Status status(why.code(), absl::StrCat(server().address, ": ", why.message()));
  for (const auto& [id, entry] : leases_) entry->SetReachable(false, status);
}

void Renewals::AbandonStream() {
  awaiting_ = false;
  if (stream_ == nullptr) return;
  stream_->Abandon();
  abandoned_.push_back(std::move(stream_));
}

// A registry that comes back gives every lease a full ttl from then on, however long it was away: a
// quarter of the shortest ttl, or of what is left of it, is soon enough for all of them.
Clock::duration Renewals::Hurry(Clock::duration pause, TimePoint now) const {
  for (const auto& [id, entry] : leases_) {
    const Clock::duration ttl = ToSteady(entry->lease().ttl);
    const Clock::duration left = entry->renewed_at() + ttl - now;
    const Clock::duration useful = left > Clock::duration::zero() ? left : ttl;
    pause = std::min(pause, std::max<Clock::duration>(useful / 4, kBackoffFirst));
  }
  return pause;
}

}  // namespace registry
