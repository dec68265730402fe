#include "registryd/liveness/renewal_relay.h"

#include <iterator>
#include <memory>
#include <utility>

#include "registryd/internal/v1/member.pb.h"

namespace registryd::liveness {
namespace {

using internal::v1::RenewalAnswers;
using internal::v1::RenewalBatch;

constexpr char kMethod[] = "renew";
constexpr int64_t kTimeoutMs = 1'000;
constexpr int64_t kRetryMs = 200;
// Of one request to the leader; a client's frame has at most 20,000 leases.
constexpr size_t kLeasesPerRequest = 200'000;

RenewalAnswer NotNow() { return {.accepted = false, .lost = {}, .next_in_ms = kRetryMs}; }

// One batch of a follower on the leader: answered when its last frame is.
struct Served {
  Mutex mutex;
  RenewalAnswers answers ABSL_GUARDED_BY(mutex);
  int open ABSL_GUARDED_BY(mutex) = 0;
  consensus::PeerReply reply;

  void Answer(int frame, const RenewalAnswer& answer) {
    std::string bytes;
    {
      MutexLock lock(mutex);
      auto* out = answers.mutable_answers(frame);
      out->set_accepted(answer.accepted);
      out->set_next_in_ms(answer.next_in_ms);
      for (const LeaseId lost : answer.lost) out->add_lost_lease_ids(lost.value());
      if (--open > 0) return;
      bytes = answers.SerializeAsString();
    }
    std::move(reply)(std::move(bytes));
  }
};

void ServeBatch(RenewalSink* driver, const std::string& body, consensus::PeerReply reply) {
  RenewalBatch batch;
  if (!batch.ParseFromString(body)) {
    return std::move(reply)(absl::DataLossError("a batch of renewals cannot be read"));
  }
  for (const auto& frame : batch.frames()) {
    if (frame.lease_ids_size() != frame.epochs_size()) {
      return std::move(reply)(absl::DataLossError("a batch of renewals cannot be read"));
    }
  }
  if (batch.frames_size() == 0) return std::move(reply)(std::string());
  auto served = std::make_shared<Served>();
  served->reply = std::move(reply);
  {
    MutexLock lock(served->mutex);
    served->open = batch.frames_size();
    for (int i = 0; i < batch.frames_size(); ++i) served->answers.add_answers();
  }
  for (int i = 0; i < batch.frames_size(); ++i) {
    const auto& from = batch.frames(i);
    RenewalFrame frame;
    frame.leases.reserve(static_cast<size_t>(from.lease_ids_size()));
    for (int j = 0; j < from.lease_ids_size(); ++j) {
      frame.leases.push_back({LeaseId(from.lease_ids(j)), LeaseEpoch(from.epochs(j))});
    }
    frame.done = [served, i](const RenewalAnswer& answer) { served->Answer(i, answer); };
    if (!driver->Renew(std::move(frame))) served->Answer(i, NotNow());
  }
}

}  // namespace

RenewalRelay::RenewalRelay(Parts parts) : parts_(std::move(parts)) {
  thread_ = std::thread([this] { Run(); });
}

void RenewalRelay::Serve() {
  parts_.peers->Handle(kMethod, [driver = parts_.driver](consensus::PeerRequest request,
                                                         consensus::PeerReply reply) {
    ServeBatch(driver, request.body, std::move(reply));
  });
}

bool RenewalRelay::Renew(RenewalFrame&& frame) {
  const NodeId leader = parts_.leader();
  if (leader == parts_.self) return parts_.driver->Renew(std::move(frame));
  if (!leader) {
    std::move(frame.done)(NotNow());
    return true;
  }
  if (under_way_.fetch_add(1) < kFramesMax && frames_.TryPush(std::move(frame))) return true;
  under_way_.fetch_sub(1);
  return false;
}

void RenewalRelay::Stop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stopped_.NotifyAll();
  frames_.Close();
  thread_.join();
}

bool RenewalRelay::Pause() {
  MutexLock lock(mutex_);
  if (!stopping_) stopped_.WaitFor(mutex_, kGatherMs);
  return !stopping_;
}

void RenewalRelay::Run() {
  Frames frames;
  Frames more;
  while (frames_.PopAll(&frames)) {
    // Whatever comes within the next moment travels along.
    if (Pause() && frames_.TryPopAll(&more)) {
      frames.insert(frames.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
    }
    Frames part;
    size_t leases = 0;
    for (RenewalFrame& frame : frames) {
      if (!part.empty() && leases + frame.leases.size() > kLeasesPerRequest) {
        Send(std::exchange(part, {}));
        leases = 0;
      }
      leases += frame.leases.size();
      part.push_back(std::move(frame));
    }
    Send(std::move(part));
  }
}

void RenewalRelay::Send(Frames frames) {
  RenewalBatch batch;
  batch.mutable_frames()->Reserve(static_cast<int>(frames.size()));
  for (const RenewalFrame& frame : frames) {
    auto* out = batch.add_frames();
    out->mutable_lease_ids()->Reserve(static_cast<int>(frame.leases.size()));
    out->mutable_epochs()->Reserve(static_cast<int>(frame.leases.size()));
    for (const core::LeaseRef& lease : frame.leases) {
      out->add_lease_ids(lease.id.value());
      out->add_epochs(lease.epoch.value());
    }
  }
  auto answer = [this, frames = std::move(frames)](absl::StatusOr<std::string> reply) mutable {
    RenewalAnswers answers;
    const bool good = reply.ok() && answers.ParseFromString(*reply) &&
                      static_cast<size_t>(answers.answers_size()) == frames.size();
    under_way_.fetch_sub(frames.size());
    for (size_t i = 0; i < frames.size(); ++i) {
      RenewalAnswer out = NotNow();
      if (good) {
        const auto& from = answers.answers(static_cast<int>(i));
        out.accepted = from.accepted();
        out.next_in_ms = from.next_in_ms();
        for (const uint64_t lost : from.lost_lease_ids()) out.lost.emplace_back(lost);
      }
      std::move(frames[i].done)(std::move(out));
    }
  };
  const NodeId leader = parts_.leader();
  if (!leader) return answer(absl::UnavailableError("no leader is known"));
  parts_.peers->Call(leader, kMethod, batch.SerializeAsString(), kTimeoutMs, std::move(answer));
}

}  // namespace registryd::liveness
