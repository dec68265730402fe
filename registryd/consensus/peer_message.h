// What members say to each other: Raft's RPCs and the probes of linearizable reads, as plain
// values.
//
//   PeerMessage message{NodeId(1), "10.0.0.1:7002", Probe{term, context}};
//   if (const auto* probe = std::get_if<Probe>(&message.body)) ...
//
// Transport, simulator and codecs see these and never raft.h. A transport carries a message whole
// or not at all, never reorders those of one direction (a reconnect included), and checks that
// `from` is who the connection says it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "registryd/base/ids.h"
#include "registryd/consensus/types.h"

namespace registryd::consensus {

struct RequestVote {
  Term term;
  NodeId candidate;  // the sender
  LogIndex last_log_index;
  Term last_log_term;
  bool disrupt_leader = false;  // after a transfer: voters may forget their leader
  bool pre_vote = false;
};

struct RequestVoteResult {
  Term term;
  bool granted = false;
  bool pre_vote = false;
};

// At most DriverOptions::max_message_entries entries and max_message_bytes bytes (one entry may be
// larger). A configuration is always the first entry of its message.
struct AppendEntries {
  Term term;
  LogIndex prev_log_index;
  Term prev_log_term;
  LogIndex leader_commit;
  std::vector<LogEntry> entries;
};

struct AppendEntriesResult {
  Term term;
  LogIndex rejected;  // 0: accepted
  LogIndex last_log_index;
  bool has_space = true;  // LogStore::HasSpace of the sender
};

// The leader wants the snapshot of this index and term installed; its data is with the receiver
// already (SnapshotSender in interfaces.h).
struct InstallSnapshot {
  Term term;
  LogIndex last_index;
  Term last_term;
};

struct TimeoutNow {
  Term term;
  LogIndex last_log_index;
  Term last_log_term;
};

// "Do you know of a term after mine?" Answered by ProbeAck with the same values, or by silence.
struct Probe {
  Term term;
  uint64_t context = 0;
};

struct ProbeAck {
  Term term;
  uint64_t context = 0;
};

// The answer of a leader that is ready to somebody who asks as a member and is none: the committed
// configuration of this index does not have them. A node whose own configuration is older takes it
// as its removal.
struct NotMember {
  Term term;
  LogIndex configuration_index;
};

struct PeerMessage {
  NodeId from;
  std::string
      from_address;  // where answers go, also when the receiver does not know the sender yet
  std::variant<RequestVote, RequestVoteResult, AppendEntries, AppendEntriesResult, InstallSnapshot,
               TimeoutNow, Probe, ProbeAck, NotMember>
      body;
};

// About what it takes in memory and on the wire; for limits of queues.
inline size_t ApproximateSize(const PeerMessage& message) {
  size_t size = sizeof(PeerMessage);
  if (const auto* append = std::get_if<AppendEntries>(&message.body)) {
    for (const LogEntry& entry : append->entries) size += sizeof(LogEntry) + entry.payload->size();
  }
  return size;
}

}  // namespace registryd::consensus
