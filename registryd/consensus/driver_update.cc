// What follows a step of the core, in the order of its contract.
#include <algorithm>
#include <iterator>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/consensus/driver.h"
#include "registryd/consensus/raft_shim.h"
#include "registryd/consensus/shim_types.h"

namespace registryd::consensus {
namespace {

// Of one range that goes to the state machine.
constexpr size_t kMaxRangeBytes = 1 << 20;

}  // namespace

void Driver::Handle(int rv, const RaftShimUpdate& update, std::vector<LogEntry> entries) {
  // A committed entry conflicts (corruption), memory is exhausted, or an event that must not fail
  // did.
  REGISTRYD_CHECK(rv == 0, raft_shim_error_text(rv));
  if (update.term_or_vote) {
    parts_.log->SaveTermAndVote(CurrentTerm(), NodeId(raft_shim_voted_for(core_)));
  }
  if (update.entries) {
    if (update.own_barrier) {
      static const Payload kEmpty = std::make_shared<const std::string>();
      entries = {{CurrentTerm(), EntryType::kBarrier, kEmpty}};
    } else {
      REGISTRYD_CHECK(update.entries_offset + update.entries_n == entries.size(),
                      "the core keeps other entries than it was given");
      entries.erase(entries.begin(),
                    entries.begin() + static_cast<ptrdiff_t>(update.entries_offset));
    }
    HandleEntries(LogIndex(update.entries_index), std::move(entries));
  }
  for (size_t i = 0; i < update.messages_n; ++i) Send(update.messages[i]);
  if (update.state) {
    HandleRole();
    if (Leads() && update.own_barrier) {
      needs_barrier_ = false;
      lead_start_ = LastIndex();
    }
  }
}

void Driver::HandleEntries(LogIndex first, std::vector<LogEntry> entries) {
  REGISTRYD_CHECK(first > handed_, Text("entry ", first, " was applied and is overwritten"));
  REGISTRYD_CHECK(first + (entries.size() - 1) == LastIndex(),
                  "the log does not end where it should");
  // Overwritten, where this node led before.
  if (static_cast<Role>(raft_shim_role(core_)) != Role::kLeader) Abandon(first - 1);
  configurations_.Truncate(first);
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].type != EntryType::kConfiguration) continue;
    absl::StatusOr<Configuration> configuration = DecodeConfiguration(*entries[i].payload);
    REGISTRYD_CHECK(configuration.ok(), "a configuration in the log cannot be read");
    configurations_.Add(first + i, *std::move(configuration));
  }
  cache_.Append(first, entries);
  const uint64_t write = writes_.Add(first, first + (entries.size() - 1));
  parts_.log->Append(first, std::move(entries),
                     [on_persisted = parts_.on_persisted, write] { on_persisted(write); });
}

void Driver::HandleRole() {
  const bool led = Leads();
  role_ = static_cast<Role>(raft_shim_role(core_));
  // A leader measures its followers' silence by the whole timeout.
  if (Leads()) SetHurried(false);
  if (!led && Leads()) {
    needs_barrier_ = true;
    lead_start_ = LogIndex();
  }
  if (led && !Leads()) {
    needs_barrier_ = false;
    lead_start_ = LogIndex();
    peers_.clear();
    // What this node committed as leader will be applied here, and answered then. The commit index
    // may be further by now: the message that deposed it may have overwritten its entries and
    // committed others in one step.
    if (transfer_done_) {
      // Whoever takes over was told to when it had all of them on its disk, so it will commit them.
      transfer_ends_ms_ = static_cast<int64_t>(now_ms_) + options_.election_timeout_ms;
    } else {
      Abandon(led_commit_);
    }
    reads_.FailAll(absl::UnavailableError("leadership was lost; ask the new leader"));
  }
}

void Driver::Settle() {
  if (needs_barrier_) {
    static const Payload kEmpty = std::make_shared<const std::string>();
    needs_barrier_ = false;
    std::vector<LogEntry> entries = {{CurrentTerm(), EntryType::kBarrier, kEmpty}};
    const std::vector<RaftShimEntry> shim = ToShim(entries);
    RaftShimUpdate update;
    const int rv = raft_shim_submit(core_, Now(), shim.data(), shim.size(), &update);
    Handle(rv, update, std::move(entries));
    lead_start_ = LastIndex();
  }
  if (Leads()) led_commit_ = Commit();
  CommitConfiguration(Commit());
  KeepConnected();
  HandOver();
  ServeReads();
  ReportLeadership();
  FinishTransfer();
}

void Driver::CommitConfiguration(LogIndex up_to) {
  const LogIndex index(raft_shim_uncommitted_configuration_index(core_));
  if (!index) return;
  const auto [known, configuration] = configurations_.Newest();
  REGISTRYD_CHECK(known == index, "the core and the log differ about the newest configuration");
  if (index > up_to) return;
  const ShimConfiguration shim(*configuration);
  const RaftShimConfiguration plain = shim.get();
  RaftShimUpdate update;
  const int rv = raft_shim_configuration(core_, Now(), index.value(), &plain, &update);
  Handle(rv, update, {});
  NoteMembership(*configuration);
}

void Driver::KeepConnected() {
  const auto newest = configurations_.Newest().second;
  if (newest == connected_) return;
  connected_ = newest;
  static const Configuration kNobody;
  const bool member = FindServer(*newest, options_.id) != nullptr;
  parts_.transport->KeepConnected(member ? *newest : kNobody);
}

LogIndex Driver::Readable() const { return std::min(Commit(), LastStored()); }

void Driver::HandOver() {
  // The commit index runs ahead of this disk on followers, and on a leader with a slow one.
  const LogIndex end = Readable();
  while (handed_ < end && unapplied_entries_ < options_.max_unapplied &&
         unapplied_bytes_ < options_.max_unapplied_bytes) {
    std::vector<LogEntry> entries =
        ReadLog(handed_ + 1, end, options_.max_unapplied - unapplied_entries_, kMaxRangeBytes);
    std::vector<Committed> range;
    range.reserve(entries.size());
    Handed handed{handed_ + entries.size(), entries.size(), 0};
    for (LogEntry& entry : entries) {
      ++handed_;
      handed.bytes += EntryBytes(entry);
      ProposeDone done = pending_.Take(handed_, entry.term);
      range.push_back({handed_, std::move(entry), std::move(done)});
    }
    unapplied_entries_ += handed.entries;
    unapplied_bytes_ += handed.bytes;
    unapplied_.push_back(handed);
    parts_.machine->Apply(std::move(range));
  }
}

std::vector<LogEntry> Driver::ReadLog(LogIndex first, LogIndex last, size_t max_entries,
                                      size_t max_bytes) {
  if (cache_.Contains(first)) return cache_.Read(first, last, max_entries, max_bytes);
  std::vector<LogEntry> entries =
      parts_.log->Read(first, std::min(last, first + (max_entries - 1)), max_bytes);
  REGISTRYD_CHECK(!entries.empty(), "the log store answered no entry");
  return entries;
}

void Driver::ServeReads() {
  if (!Ready()) return;
  const Configuration& newest = *configurations_.Newest().second;
  reads_.ReleaseIfQuorum(newest, options_.id);
  while (reads_.WantsRound()) {
    const uint64_t context = reads_.Begin(Commit(), static_cast<int64_t>(Now()));
    if (reads_.ReleaseIfQuorum(newest, options_.id)) continue;
    for (const Server& server : newest) {
      if (server.id == options_.id || server.suffrage != Suffrage::kVoter) continue;
      SendBody(server.id, server.address, Probe{CurrentTerm(), context});
    }
    return;
  }
}

void Driver::ReportLeadership() {
  StateMachine::Leadership now;
  now.role = role_;
  now.term = CurrentTerm();
  // After a vote in a new term the core still names the leader of an older one.
  if (Leads()) {
    now.leader = options_.id;
  } else if (leader_term_ == now.term &&
             (IsVoter(*configurations_.Newest().second, options_.id) || !HearsNoLeader())) {
    // (The core of a member without a vote never forgets its leader.)
    now.leader = NodeId(raft_shim_leader(core_));
  }
  // Handed over, too: so the state machine hears of it after everything that its term builds on.
  now.ready = Ready() && handed_ >= lead_start_;
  if (reported_once_ && now.role == reported_.role && now.term == reported_.term &&
      now.leader == reported_.leader && now.ready == reported_.ready) {
    return;
  }
  reported_once_ = true;
  reported_ = now;
  parts_.machine->OnLeadership(now);
}

// Their outcome is unknown.
void Driver::Abandon(LogIndex after) {
  for (ProposeDone& done : pending_.TakeAfter(after)) {
    std::move(done)(absl::AbortedError("leadership was lost; the outcome is unknown"));
  }
}

// The core asks a follower at once, and once only; one that has not stored everything by then
// ignores it (F7). So it is asked when it has.
void Driver::AskSuccessor() {
  uint64_t match = 0;
  if (raft_shim_match_index(core_, transfer_to_.value(), &match) && match == LastIndex().value()) {
    RaftShimUpdate update;
    const int rv =
        raft_shim_transfer(core_, Now(), std::exchange(transfer_to_, {}).value(), &update);
    if (rv == 0) return Handle(rv, update, {});
  } else if (static_cast<int64_t>(now_ms_) < transfer_ends_ms_) {
    return;
  }
  transfer_to_ = {};
  std::exchange(transfer_done_, {})(
      absl::UnavailableError("the follower did not catch up within an election timeout"));
}

void Driver::FinishTransfer() {
  if (!transfer_done_) return;
  if (Leads() && transfer_to_) return AskSuccessor();
  if (!Leads()) {
    transfer_to_ = {};
    if (!pending_.empty() && static_cast<int64_t>(now_ms_) < transfer_ends_ms_) return;
    Abandon(Commit());
    std::exchange(transfer_done_, {})(absl::OkStatus());
  } else if (raft_shim_transferee(core_) == 0) {
    std::exchange(transfer_done_, {})(
        absl::UnavailableError("the follower did not take over within an election timeout"));
  }
}

}  // namespace registryd::consensus
