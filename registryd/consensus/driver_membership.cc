// Who is a member: changes that this leader makes, and how a node learns that it is none.
#include <algorithm>
#include <utility>

#include "registryd/base/log.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/consensus/driver.h"
#include "registryd/consensus/raft_shim.h"

namespace registryd::consensus {
namespace {

// A standby is level when so few entries are missing; it gets them within the next round trips.
constexpr uint64_t kCaughtUpEntries = 1'000;
// A member without a vote asks whether it still is one, when it has heard no leader for so long.
constexpr int64_t kAskMs = 2'000;

absl::Status Named(absl::StatusCode code, NodeId id, std::string_view what) {
  return absl::Status(code, Text("node ", id, " ", what));
}

}  // namespace

// As a leader measures its own majority: heard within an election timeout.
bool Driver::Reachable(NodeId id) const {
  if (id == options_.id) return true;
  const auto peer = peers_.find(id);
  return peer != peers_.end() && !peer->second.lost &&
         static_cast<int64_t>(now_ms_) - peer->second.heard_ms <= options_.election_timeout_ms;
}

// A standby that is away stops nothing, so nobody would notice.
void Driver::ReportSilence() {
  for (auto& [id, peer] : peers_) {
    const int64_t silent_ms = static_cast<int64_t>(now_ms_) - peer.heard_ms;
    if (peer.silent || silent_ms < options_.silent_member_ms) continue;
    peer.silent = true;
    log::Warning("a member is silent: bring it back, or remove it",
                 {{"peer", id}, {"silent_ms", silent_ms}});
  }
}

// The next configuration, or why not.
absl::StatusOr<Configuration> Driver::Changed(const MembershipChange& change) const {
  Configuration next = *configurations_.Newest().second;
  const auto found = std::find_if(
      next.begin(), next.end(), [&change](const Server& server) { return server.id == change.id; });
  if (change.kind == MembershipChange::Kind::kAdd) {
    if (found != next.end()) {
      return Named(absl::StatusCode::kAlreadyExists, change.id, "is a member already");
    }
    for (const Server& server : next) {
      if (server.address != change.address) continue;
      return absl::AlreadyExistsError(
          Text("member ", server.id, " has the address ", change.address, "; remove it first"));
    }
    next.push_back({change.id, change.address, Suffrage::kStandby});
    return next;
  }
  if (found == next.end()) return Named(absl::StatusCode::kNotFound, change.id, "is no member");
  if (change.kind == MembershipChange::Kind::kPromote) {
    if (found->suffrage == Suffrage::kVoter) {
      return Named(absl::StatusCode::kAlreadyExists, change.id, "is a voter already");
    }
    uint64_t match = 0;
    if (!raft_shim_match_index(core_, change.id.value(), &match)) match = 0;
    const bool in_log = match > 0 && match + 1 >= raft_shim_first_index(core_);
    if (!Reachable(change.id) || !in_log || match + kCaughtUpEntries < LastIndex().value()) {
      return absl::FailedPreconditionError(Text("node ", change.id, " has not caught up: it has ",
                                                match, " of ", LastIndex(),
                                                " entries; try again later"));
    }
    found->suffrage = Suffrage::kVoter;
    return next;
  }
  if (change.id == options_.id) {
    return Named(absl::StatusCode::kFailedPrecondition, change.id,
                 "leads the cluster; hand leadership to another member first");
  }
  const bool voted = found->suffrage == Suffrage::kVoter;
  if (change.kind == MembershipChange::Kind::kRemove) {
    next.erase(found);
  } else {
    if (!voted) return Named(absl::StatusCode::kFailedPrecondition, change.id, "is no voter");
    found->suffrage = Suffrage::kStandby;
  }
  size_t reachable = 0;
  for (const Server& server : next) {
    reachable += server.suffrage == Suffrage::kVoter && Reachable(server.id) ? 1 : 0;
  }
  const size_t voters = VoterCount(next);
  if (voted && reachable <= voters / 2 && !change.force) {
    return absl::FailedPreconditionError(
        Text("without node ", change.id, " only ", reachable, " of ", voters,
             " voters would be reachable, and the cluster could not go on; bring others back "
             "first, or force it"));
  }
  return next;
}

void Driver::ChangeMembership(const MembershipChange& change, ProposeDone done) {
  if (core_ == nullptr || !Ready() || HandsOver()) {
    std::move(done)(absl::UnavailableError("this node does not lead yet, or no more; try again"));
    return;
  }
  if (raft_shim_uncommitted_configuration_index(core_) != 0) {
    std::move(done)(absl::UnavailableError("another membership change is under way; try again"));
    return;
  }
  Now();
  absl::StatusOr<Configuration> next = Changed(change);
  absl::StatusOr<Payload> payload = next.ok() ? EncodeConfiguration(*next) : next.status();
  if (!payload.ok()) {
    std::move(done)(payload.status());
    return;
  }
  std::vector<ProposeDone> dones;
  dones.push_back(std::move(done));
  Submit({{CurrentTerm(), EntryType::kConfiguration, *std::move(payload)}}, std::move(dones));
  Settle();
}

// A configuration is committed.
void Driver::NoteMembership(const Configuration& committed) {
  if (FindServer(committed, options_.id) != nullptr) {
    was_member_ = true;
  } else if (was_member_) {
    Removed();
  }
  if (!Leads()) return;
  const LogIndex index = configurations_.Newest().first;
  // Those that left are told: the core says nothing to them any more.
  const auto before = configurations_.AsOf(index - 1).second;
  for (const Server& server : *before) {
    if (FindServer(committed, server.id) != nullptr) continue;
    SendBody(server.id, server.address, NotMember{CurrentTerm(), index});
    peers_.erase(server.id);
  }
}

void Driver::Removed() {
  if (std::exchange(removed_, true)) return;
  log::Error("this node was removed from the cluster", {{"node", options_.id}});
  parts_.machine->OnRemoved();
}

// True: a ready leader has told the sender that it is no member.
bool Driver::RefuseStranger(const PeerMessage& from) {
  if (!Ready() || raft_shim_uncommitted_configuration_index(core_) != 0) return false;
  const auto [index, newest] = configurations_.Newest();
  if (FindServer(*newest, from.from) != nullptr) return false;
  SendBody(from.from, from.from_address, NotMember{CurrentTerm(), index});
  return true;
}

void Driver::ReceiveNotMember(const NotMember& answer) {
  const auto [index, newest] = configurations_.Newest();
  const bool member = FindServer(*newest, options_.id) != nullptr;
  // A node that joins knows nothing yet, or an old configuration that it is not in.
  if (!was_member_ && !member && answer.configuration_index > index) return;
  if (Leads() || answer.configuration_index < index) return;
  if (answer.configuration_index == index && member) return;
  Removed();
}

bool Driver::HearsNoLeader() const {
  return static_cast<int64_t>(now_ms_) - heard_leader_ms_ > 3 * options_.election_timeout_ms;
}

// A standby stands for no election, so nobody would tell it that it was removed while it was away.
void Driver::AskWhetherMember() {
  const auto newest = configurations_.Newest().second;
  if (Leads() || IsVoter(*newest, options_.id) || !HearsNoLeader() || !CurrentTerm()) return;
  if (static_cast<int64_t>(now_ms_) < ask_at_ms_) return;
  ask_at_ms_ = static_cast<int64_t>(now_ms_) + kAskMs;
  for (const Server& server : *newest) {
    if (server.id == options_.id) continue;
    SendBody(server.id, server.address, Probe{CurrentTerm(), 0});
  }
}

}  // namespace registryd::consensus
