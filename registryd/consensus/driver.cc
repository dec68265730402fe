#include "registryd/consensus/driver.h"

#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/text.h"
#include "registryd/consensus/raft_shim.h"
#include "registryd/consensus/shim_types.h"

namespace registryd::consensus {
namespace {

absl::Status NotLeader() {
  return absl::UnavailableError("this node does not lead; nothing happened, try again");
}

}  // namespace

Driver::Driver(Parts parts, DriverOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      cache_(options_.log_cache_bytes),
      reads_(uint64_t{options_.seed} << 32, 2 * options_.heartbeat_ms, options_.max_waiting_reads) {
}

Driver::~Driver() { raft_shim_destroy(core_); }

void Driver::Stop() {
  if (core_ == nullptr) return;
  for (ProposeDone& done : pending_.TakeAfter(LogIndex())) {
    std::move(done)(absl::AbortedError("this node stops; the outcome is unknown"));
  }
  reads_.FailAll(absl::UnavailableError("this node stops"));
  if (transfer_done_) std::exchange(transfer_done_, {})(absl::UnavailableError("this node stops"));
  staged_.reset();
  raft_shim_destroy(core_);
  core_ = nullptr;
}

void Driver::Propose(std::vector<Proposal> proposals) {
  absl::Status refused;
  if (core_ == nullptr || !Leads() || HandsOver()) {
    refused = NotLeader();
  } else if (!parts_.log->HasSpace()) {
    refused = absl::ResourceExhaustedError("the disk of the leader is below its reserve");
  } else if (!MajorityHasSpace()) {
    refused = absl::ResourceExhaustedError("the disks of most members are below their reserve");
  }
  std::vector<LogEntry> entries;
  std::vector<ProposeDone> dones;
  size_t bytes = 0;
  for (Proposal& proposal : proposals) {
    absl::Status status = refused;
    if (status.ok()) status = parts_.machine->Prepare(proposal.command);
    if (!status.ok()) {
      std::move(proposal.done)(std::move(status));
      continue;
    }
    bytes += proposal.command.size();
    if (!entries.empty() &&
        (entries.size() >= options_.max_batch_entries || bytes > options_.max_batch_bytes)) {
      Submit(std::exchange(entries, {}), std::exchange(dones, {}));
      bytes = proposal.command.size();
    }
    entries.push_back({CurrentTerm(), EntryType::kCommand,
                       std::make_shared<const std::string>(std::move(proposal.command))});
    dones.push_back(std::move(proposal.done));
  }
  if (!entries.empty()) Submit(std::move(entries), std::move(dones));
  if (core_ != nullptr) Settle();
}

void Driver::Submit(std::vector<LogEntry> entries, std::vector<ProposeDone> dones) {
  RaftShimUpdate update;
  const std::vector<RaftShimEntry> shim = ToShim(entries);
  const int rv = raft_shim_submit(core_, Now(), shim.data(), shim.size(), &update);
  if (rv == RAFT_SHIM_NOT_LEADER) {
    for (ProposeDone& done : dones) std::move(done)(NotLeader());
    return;
  }
  for (size_t i = 0; rv == 0 && i < dones.size(); ++i) {
    if (dones[i])
      pending_.Add(LogIndex(update.entries_index + i), CurrentTerm(), std::move(dones[i]));
  }
  Handle(rv, update, std::move(entries));
}

bool Driver::MajorityHasSpace() const {
  const Configuration& newest = *configurations_.Newest().second;
  size_t full = 0;
  for (const auto& [id, peer] : peers_) full += !peer.has_space && IsVoter(newest, id) ? 1 : 0;
  const size_t voters = VoterCount(newest);
  return voters - std::min(full, voters) > voters / 2;
}

void Driver::ReadIndex(ReadDone done) {
  if (core_ == nullptr || !Leads()) {
    std::move(done)(absl::UnavailableError("this node does not lead; ask the leader"));
    return;
  }
  reads_.Add(std::move(done));
  Settle();
}

void Driver::Persisted(uint64_t write) {
  if (core_ == nullptr) return;
  const LogIndex stored = writes_.Finish(write);
  if (stored <= LastStored()) return;
  REGISTRYD_CHECK(stored <= LastIndex(), "entries that are not in the log reached the disk");
  RaftShimUpdate update;
  const int rv = raft_shim_persisted_entries(core_, Now(), stored.value(), &update);
  Handle(rv, update, {});
  Settle();
}

void Driver::Applied(LogIndex index) {
  if (core_ == nullptr || index <= applied_) return;
  REGISTRYD_CHECK(index <= handed_, "the state machine applied what it was not given");
  applied_ = index;
  if (level_asked_ms_ != 0 && applied_ >= level_at_) {
    level_ms_ = std::max(level_ms_, std::exchange(level_asked_ms_, 0));
  }
  while (!unapplied_.empty() && unapplied_.front().last <= index) {
    unapplied_entries_ -= unapplied_.front().entries;
    unapplied_bytes_ -= unapplied_.front().bytes;
    unapplied_.pop_front();
  }
  Settle();
}

int64_t Driver::TimeoutDueMs() const {
  // The core's own answer lies in the past for ever when a server was demoted to spare, and each
  // TIMEOUT makes a leader doubt peers that have not answered since the last one.
  const int64_t pause = Leads() ? std::max(1, options_.heartbeat_ms / 2) : 1;
  return std::max(static_cast<int64_t>(raft_shim_timeout_at_ms(core_)), last_timeout_ms_ + pause);
}

int64_t Driver::NextTickMs() const {
  return core_ == nullptr ? INT64_MAX : std::min(TimeoutDueMs(), reads_.DeadlineMs());
}

void Driver::Tick() {
  if (core_ == nullptr) return;
  const int64_t now = static_cast<int64_t>(Now());
  if (now < NextTickMs()) return;
  reads_.GiveUpIfLate(now);
  if (now >= TimeoutDueMs()) {
    last_timeout_ms_ = now;
    RaftShimUpdate update;
    const int rv = raft_shim_timeout(core_, Now(), &update);
    Handle(rv, update, {});
  }
  RepeatInstalls();
  AskWhetherMember();
  ReportSilence();
  Settle();
}

NodeId Driver::BestSuccessor() const {
  NodeId best;
  uint64_t best_match = 0;
  for (const Server& server : *configurations_.Newest().second) {
    uint64_t match = 0;
    if (server.id == options_.id || server.suffrage != Suffrage::kVoter || !Reachable(server.id) ||
        !raft_shim_match_index(core_, server.id.value(), &match)) {
      continue;
    }
    if (!best || match > best_match) {
      best = server.id;
      best_match = match;
    }
  }
  return best;
}

void Driver::Transfer(NodeId to, TransferDone done) {
  if (core_ == nullptr || !Leads() || transfer_done_) {
    std::move(done)(absl::UnavailableError("this node does not lead, or hands over already"));
    return;
  }
  Now();
  if (!to) to = BestSuccessor();
  if (!to) {
    std::move(done)(absl::UnavailableError("no other voter is reachable"));
    return;
  }
  const auto newest = configurations_.Newest().second;
  const Server* server = FindServer(*newest, to);
  absl::Status refused;
  if (server == nullptr) {
    refused = absl::NotFoundError(Text("node ", to, " is no member"));
  } else if (to == options_.id) {
    refused = absl::AlreadyExistsError(Text("node ", to, " leads already"));
  } else if (server->suffrage != Suffrage::kVoter) {
    refused = absl::FailedPreconditionError(Text("node ", to, " has no vote; promote it first"));
  }
  if (!refused.ok()) {
    std::move(done)(std::move(refused));
    return;
  }
  transfer_to_ = to;
  transfer_done_ = std::move(done);
  transfer_ends_ms_ = static_cast<int64_t>(now_ms_) + options_.election_timeout_ms;
  Settle();
}

bool Driver::HandsOver() const { return transfer_to_ || raft_shim_transferee(core_) != 0; }

void Driver::CutLog(LogIndex durable) {
  if (core_ == nullptr) return;
  const LogIndex index = std::min({durable, applied_, Commit()});
  if (index <= LogIndex(raft_shim_snapshot_index(core_))) return;
  SnapshotRecord record{index, TermOf(index), {}, {}};
  REGISTRYD_CHECK(bool(record.term), "the log is cut at an entry that it does not have");
  const auto [configuration_index, configuration] = configurations_.AsOf(index);
  REGISTRYD_CHECK(bool(configuration_index), "the log is cut before the first configuration");
  record.configuration = *configuration;
  record.configuration_index = configuration_index;
  const ShimConfiguration shim(record.configuration);
  const RaftShimSnapshot snapshot{index.value(), record.term.value(), shim.get(),
                                  configuration_index.value()};
  RaftShimUpdate update;
  const int rv = raft_shim_snapshot(core_, Now(), &snapshot, TrailingEntries(index), &update);
  Handle(rv, update, {});
  configurations_.Cut(index);
  parts_.log->Cut(record, LogIndex(raft_shim_first_index(core_)));
  Settle();
}

RaftStatus Driver::status() const {
  RaftStatus status;
  const auto [configuration_index, configuration] = configurations_.Newest();
  status.id = options_.id;
  status.configuration = configuration;
  status.configuration_index = configuration_index;
  if (core_ == nullptr) return status;
  status.role = reported_.role;
  status.term = reported_.term;
  status.leader = reported_.leader;
  status.ready = reported_.ready;
  status.first_index = LogIndex(raft_shim_first_index(core_));
  status.last_index = LastIndex();
  status.commit = Commit();
  status.applied = applied_;
  status.snapshot = LogIndex(raft_shim_snapshot_index(core_));
  status.configuration_committed = raft_shim_uncommitted_configuration_index(core_) == 0;
  for (const auto& [id, peer] : peers_) status.silent_members += peer.silent ? 1 : 0;
  return status;
}

uint64_t Driver::Now() {
  now_ms_ = std::max(now_ms_, static_cast<uint64_t>(parts_.clock->MonotonicMs()));
  return now_ms_;
}

bool Driver::Ready() const { return Leads() && lead_start_ && Commit() >= lead_start_; }
Term Driver::CurrentTerm() const { return Term(raft_shim_current_term(core_)); }
LogIndex Driver::Commit() const { return LogIndex(raft_shim_commit_index(core_)); }
LogIndex Driver::LastIndex() const { return LogIndex(raft_shim_last_index(core_)); }
LogIndex Driver::LastStored() const { return LogIndex(raft_shim_last_stored(core_)); }
Term Driver::TermOf(LogIndex index) const { return Term(raft_shim_term_of(core_, index.value())); }

}  // namespace registryd::consensus
