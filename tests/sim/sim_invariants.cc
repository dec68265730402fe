#include "tests/sim/sim_invariants.h"

#include "registryd/base/text.h"

namespace registryd::sim {

using consensus::LogEntry;

void Invariants::Fail(const std::string& what) {
  if (!failure_.empty()) return;
  failure_ = Text(what, " (at ", world_->now_us(), " us, step ", world_->steps(), ")");
  world_->Stop();
}

bool Invariants::OnDisk(NodeId node, LogIndex index, Term term) const {
  const testing::MemoryLog& disk = disks_.at(node)->durable();
  if (disk.Contains(index)) return disk.at(index).term == term;
  return disk.snapshot.has_value() && disk.snapshot->index >= index;
}

void Invariants::OnLeader(NodeId node, Term term) {
  const auto [leader, first] = leaders_.emplace(term, node);
  if (leader->second != node) {
    Fail(Text("two leaders in term ", term, ": ", leader->second, " and ", node));
  }
  if (!first) return;
  const testing::MemoryLog& log = disks_.at(node)->view();
  for (LogIndex index = log.first; index.value() <= committed_.size(); ++index) {
    // A node that was paused may win an old term after others have gone on.
    if (committed_in_[index.value() - 1] >= term) continue;
    if (!log.Contains(index) || log.at(index).term != committed_[index.value() - 1].term) {
      Fail(Text("leader ", node, " of term ", term, " lacks the committed entry ", index));
      return;
    }
  }
}

void Invariants::OnCommit(NodeId node, Term term, const consensus::Configuration& members,
                          LogIndex from, LogIndex to) {
  const testing::MemoryLog& log = disks_.at(node)->view();
  for (LogIndex index = from + 1; index <= to; ++index) {
    if (!log.Contains(index)) {
      Fail(Text("node ", node, " commits entry ", index, ", which it does not have"));
      return;
    }
    const LogEntry& entry = log.at(index);
    if (index.value() <= committed_.size()) {
      const LogEntry& known = committed_[index.value() - 1];
      if (known.term != entry.term || *known.payload != *entry.payload) {
        Fail(Text("node ", node, " commits another entry ", index));
        return;
      }
      continue;
    }
    size_t copies = 0, voters = 0;
    for (const consensus::Server& server : members) {
      if (server.suffrage != consensus::Suffrage::kVoter) continue;
      ++voters;
      copies += OnDisk(server.id, index, entry.term) ? 1 : 0;
    }
    if (copies <= voters / 2) {
      Fail(Text("entry ", index, " is committed with ", copies, " copies on disk"));
      return;
    }
    committed_.push_back(entry);
    committed_in_.push_back(term);
  }
}

void Invariants::OnAppend(NodeId node, LogIndex first, const std::vector<LogEntry>& entries) {
  const testing::MemoryLog& log = disks_.at(node)->view();
  for (LogIndex index = first; index <= log.last(); ++index) {
    if (index.value() <= committed_.size() &&
        log.at(index).term == committed_[index.value() - 1].term) {
      Fail(Text("node ", node, " removes the committed entry ", index));
      return;
    }
  }
  Term previous;
  if (log.Contains(first - 1)) {
    previous = log.at(first - 1).term;
  } else if (log.snapshot.has_value() && log.snapshot->index == first - 1) {
    previous = log.snapshot->term;
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    const LogEntry& entry = entries[i];
    const auto [known, first_time] =
        entries_.try_emplace({first + i, entry.term}, Entry{*entry.payload, previous});
    if (!first_time &&
        (known->second.payload != *entry.payload || known->second.previous_term != previous)) {
      Fail(Text("logs differ at entry ", first + i, " of term ", entry.term));
    }
    previous = entry.term;
  }
}

void Invariants::OnApply(NodeId node, LogIndex index, const LogEntry& entry) {
  if (index.value() > committed_.size()) {
    Fail(Text("node ", node, " applies entry ", index, ", which is not committed"));
    return;
  }
  const LogEntry& known = committed_[index.value() - 1];
  if (known.term != entry.term || *known.payload != *entry.payload) {
    Fail(Text("node ", node, " applies another entry ", index));
  }
}

void Invariants::OnHandOver(NodeId node, LogIndex index, const LogEntry& entry) {
  if (!OnDisk(node, index, entry.term)) {
    Fail(Text("node ", node, " applies entry ", index, ", which its disk does not have"));
  }
}

void Invariants::OnSend(NodeId to, const consensus::PeerMessage& message) {
  const testing::MemoryLog& disk = disks_.at(message.from)->durable();
  const auto check_term = [&](Term term) {
    if (term > disk.term)
      Fail(Text("node ", message.from, " speaks in a term that it did not save"));
  };
  if (const auto* vote = std::get_if<consensus::RequestVote>(&message.body)) {
    if (!vote->pre_vote) check_term(vote->term);
  } else if (const auto* granted = std::get_if<consensus::RequestVoteResult>(&message.body)) {
    if (granted->pre_vote) return;
    check_term(granted->term);
    if (granted->granted && disk.voted_for != to) {
      Fail(Text("node ", message.from, " grants a vote that it did not save"));
    }
  } else if (const auto* append = std::get_if<consensus::AppendEntries>(&message.body)) {
    check_term(append->term);
    for (size_t i = 1; i < append->entries.size(); ++i) {
      if (append->entries[i].type == consensus::EntryType::kConfiguration) {
        Fail("a configuration is not the first entry of its message");
      }
    }
  } else if (const auto* result = std::get_if<consensus::AppendEntriesResult>(&message.body)) {
    check_term(result->term);
    if (!result->rejected && result->last_log_index > disk.last()) {
      Fail(Text("node ", message.from, " acknowledges entry ", result->last_log_index,
                ", which its disk does not have"));
    }
  }
}

}  // namespace registryd::sim
