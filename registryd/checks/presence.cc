#include "registryd/checks/presence.h"

#include <algorithm>
#include <utility>

namespace registryd::checks {
namespace {

constexpr int64_t kAskTimeoutMs = 2'000;
constexpr std::string_view kDoubtful = "doubtful";

}  // namespace

Presence::Presence(consensus::PeerCalls* calls, NodeId self, const Clock* clock, Doubts doubts)
    : calls_(calls), self_(self), clock_(clock), doubts_(std::move(doubts)) {}

void Presence::Answer(consensus::PeerCalls& calls, Doubts doubts) {
  calls.Handle(kMethod,
               [doubts = std::move(doubts)](consensus::PeerRequest, consensus::PeerReply reply) {
                 std::move(reply)(std::string(doubts() ? kDoubtful : std::string_view()));
               });
}

void Presence::Ask(const std::vector<NodeId>& members) {
  members_ = members;
  if (calls_ == nullptr) return;
  for (const NodeId member : members) {
    if (member == self_) continue;
    calls_->Call(member, kMethod, {}, kAskTimeoutMs,
                 [heard = heard_, member, clock = clock_](absl::StatusOr<std::string> answer) {
                   if (!answer.ok()) return;
                   MutexLock lock(heard->mutex);
                   heard->members[member] = {clock->MonotonicMs(), *answer == kDoubtful};
                 });
  }
}

std::vector<NodeId> Presence::Present() const {
  std::vector<NodeId> sure;
  std::vector<NodeId> doubtful;
  const int64_t now = clock_->MonotonicMs();
  MutexLock lock(heard_->mutex);
  for (const NodeId member : members_) {
    if (member == self_) {
      (doubts_() ? doubtful : sure).push_back(member);
      continue;
    }
    const auto heard = heard_->members.find(member);
    if (heard == heard_->members.end() || now - heard->second.at_ms >= kGoneMs) continue;
    (heard->second.doubts ? doubtful : sure).push_back(member);
  }
  // Where everybody doubts, nobody sees better.
  std::vector<NodeId>& present = sure.empty() ? doubtful : sure;
  std::sort(present.begin(), present.end());
  return present;
}

}  // namespace registryd::checks
