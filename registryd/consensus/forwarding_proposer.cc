#include "registryd/consensus/forwarding_proposer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "registryd/base/text.h"

namespace registryd::consensus {
namespace {

constexpr char kProposeMethod[] = "propose";
constexpr char kReadIndexMethod[] = "read_index";
// Longer than a leader takes to answer or to lose its leadership.
constexpr int64_t kProposeTimeoutMs = 10'000;
constexpr int64_t kReadIndexTimeoutMs = 1'000;

absl::Status Stopped() {
  return absl::UnavailableError("this node stops; nothing happened, ask another one");
}
absl::Status NoLeader() {
  return absl::UnavailableError(
      "no leader can be reached from this node; nothing happened, try again or ask another node");
}

absl::StatusOr<LogIndex> ParseIndex(std::string_view text) {
  uint64_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size()) {
    return absl::DataLossError("a read index of another member cannot be read");
  }
  return LogIndex(index);
}

// A member that does not lead (any more) says UNAVAILABLE: nothing happened.
bool NotTaken(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable;
}

}  // namespace

void ForwardingProposer::Serve() {
  parts_.peers->Handle(kProposeMethod, [this](PeerRequest request, PeerReply reply) {
    parts_.local->Propose(std::move(request.body), [this, reply = std::move(reply)](
                                                       absl::StatusOr<Applied> applied) mutable {
      if (!applied.ok()) return std::move(reply)(applied.status());
      std::move(reply)(parts_.encode(*applied));
    });
  });
  parts_.peers->Handle(kReadIndexMethod, [this](PeerRequest, PeerReply reply) {
    parts_.local->ReadIndex([reply = std::move(reply)](absl::StatusOr<LogIndex> index) mutable {
      if (!index.ok()) return std::move(reply)(index.status());
      std::move(reply)(Text(*index));
    });
  });
}

void ForwardingProposer::Propose(std::string command, ProposeDone done) {
  auto attempt = std::make_shared<Attempt>();
  attempt->give_up_ms = parts_.clock->MonotonicMs() + parts_.patience_ms;
  attempt->bytes = command.size();
  // Shared by the two ways in which an attempt ends.
  auto answer = std::make_shared<ProposeDone>(std::move(done));
  attempt->fail = [answer](absl::Status status) { std::move (*answer)(std::move(status)); };
  attempt->run = [this, command = std::move(command), answer](NodeId leader, AttemptPtr self) {
    if (leader == parts_.self) {
      parts_.local->Propose(command, [this, self, answer](absl::StatusOr<Applied> applied) {
        if (NotTaken(applied.status())) return Wait(self);
        std::move (*answer)(std::move(applied));
      });
      return;
    }
    uint64_t flight = 0;
    {
      MutexLock lock(mutex_);
      flight = ++flights_;
      flying_[flight] = Flying{leader, answer};
    }
    parts_.peers->Call(leader, kProposeMethod, command, kProposeTimeoutMs,
                       [this, self, answer, flight](absl::StatusOr<std::string> reply) {
                         if (!Land(flight)) return;
                         if (NotTaken(reply.status())) return Wait(self);
                         if (!reply.ok()) return std::move(*answer)(reply.status());
                         absl::StatusOr<Applied> applied = parts_.decode(*reply);
                         if (!applied.ok()) return std::move(*answer)(applied.status());
                         const LogIndex index = applied->index;
                         parts_.wait_applied(
                             index, parts_.clock->MonotonicMs() + kOwnWriteMs,
                             [answer, applied = *std::move(applied)](const absl::Status&) mutable {
                               std::move (*answer)(std::move(applied));
                             });
                       });
  };
  Try(attempt);
}

void ForwardingProposer::ReadIndex(ReadDone done) {
  absl::Status refused;
  bool ask = false;
  {
    MutexLock lock(mutex_);
    if (stopped_) {
      refused = Stopped();
    } else if (reads_.size() >= kWaitingMax) {
      refused = absl::ResourceExhaustedError("too many linearizable reads wait; try again");
    } else {
      reads_.push_back(std::move(done));
      ask = !std::exchange(asking_, true);
    }
  }
  if (!refused.ok()) return std::move(done)(std::move(refused));
  if (ask) AskForReads();
}

// One question for all reads that had arrived when it was asked; those that arrive meanwhile get
// the next one.
void ForwardingProposer::AskForReads() {
  auto reads = std::make_shared<std::vector<ReadDone>>();
  {
    MutexLock lock(mutex_);
    reads->swap(reads_);
    if (reads->empty()) {
      asking_ = false;
      return;
    }
  }
  const auto answer = [this, reads](const absl::StatusOr<LogIndex>& index) {
    for (ReadDone& done : *reads) std::move(done)(index);
    AskForReads();
  };
  auto attempt = std::make_shared<Attempt>();
  attempt->give_up_ms = parts_.clock->MonotonicMs() + parts_.patience_ms;
  attempt->fail = [answer](absl::Status status) { answer(std::move(status)); };
  attempt->run = [this, answer](NodeId leader, AttemptPtr self) {
    if (leader == parts_.self) {
      parts_.local->ReadIndex([this, self, answer](absl::StatusOr<LogIndex> index) {
        if (NotTaken(index.status())) return Wait(self);
        answer(index);
      });
      return;
    }
    parts_.peers->Call(leader, kReadIndexMethod, {}, kReadIndexTimeoutMs,
                       [this, self, answer](absl::StatusOr<std::string> reply) {
                         // Asking again does no harm, whatever became of the first question.
                         if (NotTaken(reply.status()) || absl::IsAborted(reply.status())) {
                           return Wait(self);
                         }
                         if (!reply.ok()) return answer(reply.status());
                         answer(ParseIndex(*reply));
                       });
  };
  Try(attempt);
}

void ForwardingProposer::Try(const AttemptPtr& attempt) {
  attempt->asked = parts_.leader();
  if (!attempt->asked) return Wait(attempt);
  attempt->run(attempt->asked, attempt);
}

void ForwardingProposer::Wait(AttemptPtr attempt) {
  const NodeId asked = attempt->asked;
  absl::Status refused;
  if (parts_.clock->MonotonicMs() >= attempt->give_up_ms) {
    refused = NoLeader();
  } else {
    MutexLock lock(mutex_);
    if (stopped_) {
      refused = Stopped();
    } else if (waiting_.size() >= kWaitingMax || waiting_bytes_ + attempt->bytes > kWaitingBytes) {
      refused = absl::ResourceExhaustedError("too many calls wait for a leader; try again");
    } else {
      waiting_bytes_ += attempt->bytes;
      waiting_.push_back(std::move(attempt));
    }
  }
  if (!refused.ok()) return std::move(attempt->fail)(std::move(refused));
  // Another one may lead since, and OnLeadership have looked before this one waited.
  if (const NodeId leader = parts_.leader(); leader && leader != asked) RetryWaiting();
}

void ForwardingProposer::RetryWaiting() {
  std::vector<AttemptPtr> waiting;
  {
    MutexLock lock(mutex_);
    waiting.swap(waiting_);
    waiting_bytes_ = 0;
  }
  for (const AttemptPtr& attempt : waiting) {
    if (parts_.clock->MonotonicMs() >= attempt->give_up_ms) {
      std::move(attempt->fail)(NoLeader());
    } else {
      Try(attempt);
    }
  }
}

bool ForwardingProposer::Land(uint64_t flight) {
  MutexLock lock(mutex_);
  return flying_.erase(flight) == 1;
}

void ForwardingProposer::OnLeadership() {
  const NodeId leader = parts_.leader();
  if (!leader) return;
  const int64_t give_up_ms = parts_.clock->MonotonicMs() + kFormerLeaderMs;
  {
    MutexLock lock(mutex_);
    for (auto& [number, flight] : flying_) {
      if (flight.leader != leader) flight.give_up_ms = std::min(flight.give_up_ms, give_up_ms);
    }
  }
  RetryWaiting();
}

void ForwardingProposer::GiveUpFormerLeaders() {
  const int64_t now = parts_.clock->MonotonicMs();
  std::vector<std::shared_ptr<ProposeDone>> lost;
  {
    MutexLock lock(mutex_);
    for (auto flight = flying_.begin(); flight != flying_.end();) {
      if (flight->second.give_up_ms > now) {
        ++flight;
        continue;
      }
      lost.push_back(std::move(flight->second.done));
      flight = flying_.erase(flight);
    }
  }
  for (const auto& done : lost) {
    std::move (*done)(absl::AbortedError(
        "another node leads since; the outcome is unknown, repeating with the same request id is "
        "safe"));
  }
}

void ForwardingProposer::Tick() {
  GiveUpFormerLeaders();
  RetryWaiting();
}

void ForwardingProposer::Stop() {
  std::vector<AttemptPtr> waiting;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    waiting.swap(waiting_);
  }
  for (AttemptPtr& attempt : waiting) std::move(attempt->fail)(Stopped());
}

}  // namespace registryd::consensus
