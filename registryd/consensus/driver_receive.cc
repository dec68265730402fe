// Incoming messages: the filters, then the core.
#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/consensus/driver.h"
#include "registryd/consensus/raft_shim.h"
#include "registryd/consensus/receive_filters.h"
#include "registryd/consensus/shim_types.h"

namespace registryd::consensus {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

bool IsAnswer(const PeerMessage& message) {
  return std::holds_alternative<RequestVoteResult>(message.body) ||
         std::holds_alternative<AppendEntriesResult>(message.body) ||
         std::holds_alternative<ProbeAck>(message.body);
}

RaftShimMessage ShimMessage(const PeerMessage& from, RaftShimMessageType type) {
  RaftShimMessage message{};
  message.type = type;
  message.server = from.from.value();
  message.address = from.from_address.c_str();
  return message;
}

}  // namespace

void Driver::Receive(PeerMessage message) {
  if (core_ == nullptr) return;
  if (absl::Status status = CheckMessage(message, options_.id); !status.ok()) {
    // Powers of two, so that a broken peer cannot fill the log.
    ++refused_messages_;
    if ((refused_messages_ & (refused_messages_ - 1)) == 0) {
      log::Warning("a peer's message was refused",
                   {{"peer", message.from}, {"why", status}, {"refused", refused_messages_}});
    }
    return;
  }
  // Answers count only from members. Requests do from anybody whom the transport let in: a leader
  // or candidate may be in a configuration that has not reached this log yet, and without it this
  // node could never learn of it.
  const bool member = FindServer(*configurations_.Newest().second, message.from) != nullptr;
  if (IsAnswer(message) && !member) return;
  const bool asks = std::holds_alternative<RequestVote>(message.body) ||
                    std::holds_alternative<Probe>(message.body);
  if (asks && !member && RefuseStranger(message)) return;
  if (Leads() && member) Heard(message.from);

  std::visit(
      Overloaded{
          [&](const RequestVote& vote) {
            if (MissesLeader()) raft_shim_forget_leader(core_);
            RaftShimMessage shim = ShimMessage(message, RAFT_SHIM_REQUEST_VOTE);
            shim.as.request_vote = {vote.term.value(),           vote.candidate.value(),
                                    vote.last_log_index.value(), vote.last_log_term.value(),
                                    vote.disrupt_leader,         vote.pre_vote};
            Step(shim);
          },
          [&](const RequestVoteResult& result) {
            // Anyone else the core would read through the wrong member of a union.
            if (role_ != Role::kCandidate) return;
            RaftShimMessage shim = ShimMessage(message, RAFT_SHIM_REQUEST_VOTE_RESULT);
            shim.as.request_vote_result = {result.term.value(), result.granted, result.pre_vote};
            Step(shim);
          },
          [&](AppendEntries& append) { ReceiveAppend(message, std::move(append)); },
          [&](const AppendEntriesResult& result) {
            if (!Leads()) return;
            ReceiveResult(message.from, result);
          },
          [&](const InstallSnapshot& install) { ReceiveInstall(message, install); },
          [&](const TimeoutNow& timeout) {
            RaftShimMessage shim = ShimMessage(message, RAFT_SHIM_TIMEOUT_NOW);
            shim.as.timeout_now = {timeout.term.value(), timeout.last_log_index.value(),
                                   timeout.last_log_term.value()};
            Step(shim);
          },
          [&](const Probe& probe) {
            // The term that the core knows is on disk. Silence from a later one makes the prober's
            // round time out.
            if (CurrentTerm() <= probe.term) {
              SendBody(message.from, message.from_address, ProbeAck{probe.term, probe.context});
            }
          },
          [&](const ProbeAck& ack) {
            if (Leads() && ack.term == CurrentTerm()) reads_.Acknowledge(message.from, ack.context);
          },
          [&](const NotMember& answer) { ReceiveNotMember(answer); },
      },
      message.body);
  Settle();
}

void Driver::Step(const RaftShimMessage& message) {
  RaftShimUpdate update;
  const int rv = raft_shim_receive(core_, Now(), &message, nullptr, &update);
  Handle(rv, update, {});
}

void Driver::ReceiveAppend(const PeerMessage& from, AppendEntries append) {
  if (IsStaleLeader(append.term, CurrentTerm())) {
    SendBody(from.from, from.from_address,
             StaleLeaderAnswer(CurrentTerm(), parts_.log->HasSpace()));
    return;
  }
  REGISTRYD_CHECK(append.term > CurrentTerm() || !Leads(), "two leaders in one term");
  HeardLeader(append.leader_commit);
  DropStaleSnapshot();
  if (receiving_snapshot_ || staged_ != nullptr) AnchorAtZero(LastIndex(), &append);
  TrimToSnapshot({LogIndex(raft_shim_first_index(core_)), LogIndex(raft_shim_snapshot_index(core_)),
                  Term(raft_shim_snapshot_term(core_))},
                 &append);
  for (AppendEntries& part : SplitAtConfigurations(std::move(append))) {
    ReceiveAppendPart(from, std::move(part));
  }
}

void Driver::Heard(NodeId member) {
  Peer& peer = PeerOf(member);
  peer.heard_ms = static_cast<int64_t>(Now());
  peer.lost = false;
  if (std::exchange(peer.silent, false)) {
    log::Warning("a member that was silent is heard again", {{"peer", member}});
  }
}

void Driver::PeerLost(NodeId peer) {
  // Neither a successor nor one to count on, until it is heard again.
  if (const auto known = peers_.find(peer); known != peers_.end()) known->second.lost = true;
  if (core_ == nullptr || role_ != Role::kFollower || leader_term_ != CurrentTerm() ||
      NodeId(raft_shim_leader(core_)) != peer) {
    return;
  }
  SetHurried(true);
}

void Driver::SetHurried(bool hurried) {
  if (hurried == hurried_) return;
  hurried_ = hurried;
  const int ms = hurried ? 2 * options_.heartbeat_ms : options_.election_timeout_ms;
  raft_shim_set_election_timeout(core_,
                                 static_cast<unsigned>(std::min(ms, options_.election_timeout_ms)));
}

// Votes are refused within the shortest election timeout since the leader was heard (Raft, 9.6).
// The core would refuse until its own timer has fired, and every election wait for the later of
// two.
bool Driver::MissesLeader() {
  if (!IsVoter(*configurations_.Newest().second, options_.id)) return HearsNoLeader();
  return hurried_ || static_cast<int64_t>(Now()) - heard_leader_ms_ >= options_.election_timeout_ms;
}

void Driver::HeardLeader(LogIndex commit) {
  SetHurried(false);
  const auto now = static_cast<int64_t>(Now());
  if (applied_ >= commit) {
    level_ms_ = now;
    level_asked_ms_ = 0;
  } else if (level_asked_ms_ == 0) {
    level_at_ = commit;
    level_asked_ms_ = now;
  }
}

void Driver::ReceiveAppendPart(const PeerMessage& from, AppendEntries part) {
  // A leader appends a configuration only after the one before it was committed. The core keeps one
  // uncommitted configuration only, and would roll back too far if it did not learn that.
  if (!part.entries.empty() && part.entries[0].type == EntryType::kConfiguration &&
      TermOf(part.prev_log_index) == part.prev_log_term) {
    CommitConfiguration(part.prev_log_index);
  }
  RaftShimMessage message = ShimMessage(from, RAFT_SHIM_APPEND_ENTRIES);
  message.as.append_entries = {part.term.value(), part.prev_log_index.value(),
                               part.prev_log_term.value(), part.leader_commit.value(),
                               part.entries.size()};
  const std::vector<RaftShimEntry> entries = ToShim(part.entries);
  RaftShimUpdate update;
  const int rv = raft_shim_receive(core_, Now(), &message, entries.data(), &update);
  leader_term_ = part.term;
  heard_leader_ms_ = static_cast<int64_t>(now_ms_);
  Handle(rv, update, std::move(part.entries));
}

void Driver::ReceiveResult(NodeId from, const AppendEntriesResult& result) {
  const auto [index, newest] = configurations_.Newest();
  const Server* server = FindServer(*newest, from);
  PeerOf(from).has_space = result.has_space;
  RaftShimMessage message{};
  message.type = RAFT_SHIM_APPEND_ENTRIES_RESULT;
  message.server = from.value();
  message.address = server->address.c_str();
  message.as.append_entries_result = {result.term.value(), result.rejected.value(),
                                      result.last_log_index.value()};
  Step(message);
  uint64_t match = 0;
  if (!Leads() || !raft_shim_match_index(core_, from.value(), &match)) return;
  PeerOf(from).window.OnMatch(LogIndex(match));
  FillWindow(*server);
}

}  // namespace registryd::consensus
