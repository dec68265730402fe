// Snapshots: to peers that are behind the start of the log, and from a leader.
#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/text.h"
#include "registryd/consensus/driver.h"
#include "registryd/consensus/raft_shim.h"
#include "registryd/consensus/receive_filters.h"
#include "registryd/consensus/shim_types.h"

namespace registryd::consensus {
namespace {

// A staged state that no leader asked to be installed for so long is of no use: its leader is gone,
// and a new one sends its own.
constexpr int64_t kStagedMs = 10'000;
constexpr int kInstallTries = 5;

}  // namespace

// The core asks again at every heartbeat (F4): one transfer per peer.
void Driver::SendSnapshot(const Server& to) {
  Peer& peer = PeerOf(to.id);
  if (peer.transfer != Peer::Transfer::kNone || parts_.snapshots == nullptr) return;
  peer.transfer = Peer::Transfer::kRunning;
  // The picture is of a later state than the last cut was.
  peer.needs_from = LogIndex(raft_shim_snapshot_index(core_));
  log::Info("a member is behind the start of the log and gets a snapshot",
            {{"peer", to.id}, {"address", to.address}});
  parts_.snapshots->SendSnapshot(to.id, to.address);
}

void Driver::SnapshotSent(NodeId to, LogIndex index, Term term) {
  if (core_ == nullptr || !Leads()) return;
  const auto newest = configurations_.Newest().second;
  const Server* server = FindServer(*newest, to);
  if (server == nullptr) return;
  Peer& peer = PeerOf(to);
  peer.transfer = Peer::Transfer::kStaged;
  peer.needs_from = index;
  peer.staged_index = index;
  peer.staged_term = term;
  peer.installs_sent = 0;
  SendInstall(*server);
}

void Driver::SendInstall(const Server& to) {
  Peer& peer = PeerOf(to.id);
  ++peer.installs_sent;
  peer.install_sent_ms = static_cast<int64_t>(now_ms_);
  SendBody(to.id, to.address, InstallSnapshot{CurrentTerm(), peer.staged_index, peer.staged_term});
}

// An InstallSnapshot message may be lost, and the core waits for its answer for long. After some
// tries the peer has nothing staged (it was restarted, say), and the next wish of the core begins
// all over.
void Driver::RepeatInstalls() {
  if (!Leads()) return;
  for (const Server& server : *configurations_.Newest().second) {
    const auto found = peers_.find(server.id);
    if (found == peers_.end() || found->second.transfer != Peer::Transfer::kStaged) continue;
    Peer& peer = found->second;
    uint64_t match = 0;
    if (raft_shim_match_index(core_, server.id.value(), &match) &&
        match >= peer.staged_index.value()) {
      peer.transfer = Peer::Transfer::kNone;
      continue;
    }
    if (static_cast<int64_t>(now_ms_) - peer.install_sent_ms < options_.election_timeout_ms) {
      continue;
    }
    if (peer.installs_sent < kInstallTries) {
      SendInstall(server);
    } else {
      peer.transfer = Peer::Transfer::kNone;
    }
  }
}

// How many entries before a cut stay. A snapshot is of no use to a member that finds the log cut
// behind it: with many writes and a large state that would happen again and again. So the log waits
// for those that get one; not for ever, not for those that are away (they are forgotten here), and
// not on a disk that is nearly full.
uint32_t Driver::TrailingEntries(LogIndex cut) {
  uint32_t keep = options_.trailing_entries;
  if (!Leads() || !parts_.log->HasSpace()) return keep;
  for (auto& [id, peer] : peers_) {
    if (!peer.needs_from) continue;
    uint64_t match = 0;
    if (!raft_shim_match_index(core_, id.value(), &match) || !Reachable(id)) {
      peer.needs_from = {};
      continue;
    }
    if (peer.transfer == Peer::Transfer::kNone) {
      peer.needs_from = std::max(peer.needs_from, LogIndex(match));
      if (peer.needs_from + options_.trailing_entries > cut) peer.needs_from = {};
    }
    if (!peer.needs_from || peer.needs_from >= cut) continue;
    const uint64_t behind = cut.value() - peer.needs_from.value() + 1;
    if (behind <= kHeldEntries) keep = std::max(keep, static_cast<uint32_t>(behind));
  }
  return keep;
}

void Driver::SnapshotFailed(NodeId to) {
  if (core_ == nullptr || !Leads() || !peers_.contains(to)) return;
  PeerOf(to).transfer = Peer::Transfer::kNone;
  PeerOf(to).needs_from = {};
}

void Driver::OnSnapshotReceived(std::unique_ptr<StagedSnapshot> snapshot) {
  if (core_ == nullptr) return;
  staged_ = std::move(snapshot);
  staged_ms_ = static_cast<int64_t>(Now());
}

void Driver::DropStaleSnapshot() {
  if (staged_ != nullptr && static_cast<int64_t>(now_ms_) - staged_ms_ > kStagedMs) staged_.reset();
}

void Driver::ReceiveInstall(const PeerMessage& from, const InstallSnapshot& install) {
  if (IsStaleLeader(install.term, CurrentTerm())) {
    SendBody(from.from, from.from_address,
             StaleLeaderAnswer(CurrentTerm(), parts_.log->HasSpace()));
    return;
  }
  REGISTRYD_CHECK(install.term > CurrentTerm() || !Leads(), "two leaders in one term");
  // Nothing is staged after a restart, say. The leader will send it again.
  if (staged_ == nullptr || staged_->record().index != install.last_index ||
      staged_->record().term != install.last_term) {
    return;
  }
  Install(from, install.term, std::exchange(staged_, nullptr));
}

void Driver::Install(const PeerMessage& from, Term term, std::unique_ptr<StagedSnapshot> snapshot) {
  const SnapshotRecord record = snapshot->record();
  const ShimConfiguration configuration(record.configuration);
  const RaftShimSnapshot shim{record.index.value(), record.term.value(), configuration.get(),
                              record.configuration_index.value()};
  RaftShimUpdate update;
  const int received = raft_shim_receive_snapshot(
      core_, Now(), from.from.value(), from.from_address.c_str(), term.value(), &shim, &update);
  const bool install = update.snapshot;
  leader_term_ = term;
  heard_leader_ms_ = static_cast<int64_t>(now_ms_);
  Handle(received, update, {});
  if (!install) return;  // the log has it all already, and the core has answered so

  REGISTRYD_CHECK(record.index > handed_, "a snapshot is older than what was applied");
  // From here to the end nothing else happens on this thread, so the core never sees a log that is
  // half replaced. One sync; a crash before it leaves the old log and state, after it the new ones.
  parts_.log->Install(record, snapshot->generation());
  cache_.Clear();
  writes_.ForgetAll();
  configurations_.Truncate(LogIndex());
  configurations_.Add(record.configuration_index, record.configuration);
  // Committed while this node led, and now within the snapshot.
  for (ProposeDone& done : pending_.TakeAfter(LogIndex())) {
    std::move(done)(absl::AbortedError("a snapshot overtook it; the outcome is unknown"));
  }
  handed_ = applied_ = record.index;
  unapplied_.clear();
  unapplied_entries_ = unapplied_bytes_ = 0;
  parts_.machine->Install(std::move(snapshot));
  const int persisted = raft_shim_persisted_snapshot(core_, Now(), &update);
  Handle(persisted, update, {});
  log::Info("installed a snapshot", {{"index", record.index}, {"from", from.from}});
  NoteMembership(record.configuration);
}

}  // namespace registryd::consensus
