// Outgoing messages.
#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/consensus/driver.h"
#include "registryd/consensus/raft_shim.h"

namespace registryd::consensus {

Driver::Peer& Driver::PeerOf(NodeId id) {
  const auto found = peers_.find(id);
  if (found != peers_.end()) return found->second;
  Peer& peer = peers_.emplace(id, Peer(options_.max_peer_window_bytes)).first->second;
  peer.heard_ms = static_cast<int64_t>(now_ms_);  // in doubt it is there
  return peer;
}

void Driver::SendBody(NodeId to, const std::string& address, decltype(PeerMessage::body) body) {
  parts_.transport->Send(to, address, {options_.id, options_.address, std::move(body)});
}

void Driver::Send(const RaftShimMessage& message) {
  const Server to{NodeId(message.server), message.address, Suffrage::kVoter};
  switch (message.type) {
    case RAFT_SHIM_REQUEST_VOTE: {
      const RaftShimRequestVote& vote = message.as.request_vote;
      SendBody(to.id, to.address,
               RequestVote{Term(vote.term), NodeId(vote.candidate), LogIndex(vote.last_log_index),
                           Term(vote.last_log_term), vote.disrupt_leader, vote.pre_vote});
      return;
    }
    case RAFT_SHIM_REQUEST_VOTE_RESULT: {
      const RaftShimRequestVoteResult& result = message.as.request_vote_result;
      // Whoever may count on this vote gets the time to ask for it. Standing meanwhile would split
      // the votes.
      if (result.granted && result.pre_vote) raft_shim_restart_timer(core_, Now());
      SendBody(to.id, to.address,
               RequestVoteResult{Term(result.term), result.granted, result.pre_vote});
      return;
    }
    case RAFT_SHIM_APPEND_ENTRIES: {
      const RaftShimAppendEntries& append = message.as.append_entries;
      if (raft_shim_role(core_) != RAFT_SHIM_LEADER || Term(append.term) != CurrentTerm()) return;
      SendWanted(to, LogIndex(append.prev_log_index), Term(append.prev_log_term), append.n);
      return;
    }
    case RAFT_SHIM_APPEND_ENTRIES_RESULT: {
      const RaftShimAppendEntriesResult& result = message.as.append_entries_result;
      SendBody(to.id, to.address,
               AppendEntriesResult{Term(result.term), LogIndex(result.rejected),
                                   LogIndex(result.last_log_index), parts_.log->HasSpace()});
      return;
    }
    case RAFT_SHIM_INSTALL_SNAPSHOT:
      SendSnapshot(to);
      return;
    case RAFT_SHIM_TIMEOUT_NOW: {
      const RaftShimTimeoutNow& timeout = message.as.timeout_now;
      SendBody(to.id, to.address,
               TimeoutNow{Term(timeout.term), LogIndex(timeout.last_log_index),
                          Term(timeout.last_log_term)});
      return;
    }
  }
  REGISTRYD_CHECK(false, "the core sends a message of no known type");
}

void Driver::SendWanted(const Server& to, LogIndex prev, Term prev_term, size_t n) {
  Peer& peer = PeerOf(to.id);
  // A peer that is silent gets heartbeats only: nothing is read from the disk for it.
  if (!Reachable(to.id)) n = 0;
  peer.window.Want(prev, n);
  if (n > 0) {
    FillWindow(to);
    return;
  }
  const LogIndex anchor = peer.window.sent();
  const Term anchor_term = TermOf(anchor);
  if (anchor != prev && anchor_term) {
    SendAppend(to, anchor, anchor_term, {});
  } else {
    SendAppend(to, prev, prev_term, {});
  }
}

void Driver::FillWindow(const Server& to) {
  ReplicationWindow& window = PeerOf(to.id).window;
  while (window.MaySend()) {
    const LogIndex prev = window.sent();
    const Term prev_term = TermOf(prev);
    if (prev + 1 < LogIndex(raft_shim_first_index(core_)) || (prev && !prev_term)) {
      window.Drop();  // the log was cut meanwhile
      return;
    }
    std::vector<LogEntry> entries =
        ReadLog(prev + 1, window.end(), options_.max_message_entries, options_.max_message_bytes);
    // F2: a configuration is the first entry of its message.
    const auto end = std::find_if(entries.begin() + 1, entries.end(), [](const LogEntry& entry) {
      return entry.type == EntryType::kConfiguration;
    });
    entries.erase(end, entries.end());
    size_t bytes = 0;
    for (const LogEntry& entry : entries) bytes += EntryBytes(entry);
    window.OnSent(prev + entries.size(), bytes);
    SendAppend(to, prev, prev_term, std::move(entries));
  }
}

void Driver::SendAppend(const Server& to, LogIndex prev, Term prev_term,
                        std::vector<LogEntry> entries) {
  Peer& peer = PeerOf(to.id);
  peer.told = std::max(peer.told, std::min(Commit(), prev + entries.size()));
  SendBody(to.id, to.address,
           AppendEntries{CurrentTerm(), prev, prev_term, Commit(), std::move(entries)});
}

void Driver::EndRound() {
  if (core_ == nullptr) return;
  if (level_ms_ != level_told_ms_) parts_.machine->OnLevel(level_told_ms_ = level_ms_);
  if (!Leads()) return;
  const auto [index, newest] = configurations_.Newest();
  for (const Server& server : *newest) {
    uint64_t match = 0;
    if (server.id == options_.id || server.suffrage == Suffrage::kSpare ||
        !raft_shim_match_index(core_, server.id.value(), &match)) {
      continue;
    }
    // Anchored at what the peer has acknowledged, so it cannot be rejected.
    const LogIndex known = std::min(Commit(), LogIndex(match));
    const Term term = TermOf(LogIndex(match));
    if (known > PeerOf(server.id).told && term) SendAppend(server, LogIndex(match), term, {});
  }
}

}  // namespace registryd::consensus
