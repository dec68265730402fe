// What stands between a peer's message and the core: malformed messages are refused, and the
// defects of libraft 0.22.1 are kept from ever being reached. F1 to F4 are the names of
// docs/adr/0001.
//
//   RETURN_IF_ERROR(CheckMessage(message, self));
//   if (IsStaleLeader(append.term, current_term)) reply StaleLeaderAnswer(current_term);       //
//   F1 TrimToSnapshot(log, &append); // F3 for (AppendEntries& part :
//   SplitAtConfigurations(std::move(append))) ...                    // F2
//
// Pure functions. Threads: any.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "registryd/consensus/peer_message.h"

namespace registryd::consensus {

// INVALID_ARGUMENT: no correct peer sends this, and the core would trust it. Says nothing about who
// the sender is in the configuration.
absl::Status CheckMessage(const PeerMessage& message, NodeId self);

// F1: the core answers AppendEntries and InstallSnapshot of an older term with an uninitialised
// index, and may call it a success of the current term. Such a message is answered here: an old
// leader steps down, and the same server, elected again, at most falls back to probing.
inline bool IsStaleLeader(Term message_term, Term current_term) {
  return message_term < current_term;
}
AppendEntriesResult StaleLeaderAnswer(Term current_term, bool has_space);

// F2: the core records a configuration under the index of the first new entry of its message. So a
// configuration has to be the first entry of its message. Answers at least one message, in order.
std::vector<AppendEntries> SplitAtConfigurations(AppendEntries message);

// F3: the core rejects entries before the start of its log, although all of them are committed and
// therefore the same here; the leader would walk back one index per round trip, below what it knows
// to match. Entries up to the snapshot are dropped and the message is anchored at the snapshot.
// Only for messages of the current or a later term.
struct LogStart {
  LogIndex first;           // first entry in the log
  LogIndex snapshot_index;  // 0: no snapshot
  Term snapshot_term;
};
void TrimToSnapshot(const LogStart& log, AppendEntries* message);

// F4: while snapshot data is under way, heartbeats are anchored at an index that is not here yet;
// rejecting them makes the leader send the snapshot again. Anchored at 0 they keep the leader alive
// for us and say nothing of our log. The commit index is 0 as well, because the core would take it
// over.
void AnchorAtZero(LogIndex last_index, AppendEntries* message);

}  // namespace registryd::consensus
