// What the consensus layer carries: bytes with an index and a term. It knows nothing of what they
// mean.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "registryd/base/ids.h"

namespace registryd::consensus {

enum class EntryType : uint8_t { kCommand = 1, kBarrier = 2, kConfiguration = 3 };  // as in raft.h
enum class Suffrage : uint8_t { kStandby = 0, kVoter = 1, kSpare = 2 };             // as in raft.h
enum class Role : uint8_t { kFollower = 1, kCandidate = 2, kLeader = 3 };

using Payload = std::shared_ptr<const std::string>;

struct LogEntry {
  Term term;
  EntryType type = EntryType::kCommand;
  Payload payload;  // never null; empty for barriers
};

struct Server {
  NodeId id;
  std::string address;  // host:port for peers
  Suffrage suffrage = Suffrage::kVoter;
  friend bool operator==(const Server&, const Server&) = default;
};
using Configuration = std::vector<Server>;

// A point up to which the log may be cut because the state machine holds it durably.
struct SnapshotRecord {
  LogIndex index;
  Term term;
  Configuration configuration;
  LogIndex configuration_index;
  friend bool operator==(const SnapshotRecord&, const SnapshotRecord&) = default;
};

// Where a proposal ended, as its proposer is told.
struct Applied {
  LogIndex index;
  // What the state machine answered; its type is an agreement between the proposer and the state
  // machine of this process. A proposal that was forwarded to another member brings bytes instead
  // (cluster).
  std::shared_ptr<const void> reply;
};

// OK; UNAVAILABLE: not the leader, nothing happened; ABORTED: leadership was lost, the outcome is
// unknown; RESOURCE_EXHAUSTED: the inbox or the disk is full; INVALID_ARGUMENT: the state machine
// cannot read it.
using ProposeDone = absl::AnyInvocable<void(absl::StatusOr<Applied>) &&>;

// A committed entry on its way to the state machine.
struct Committed {
  LogIndex index;
  LogEntry entry;
  ProposeDone done;  // empty unless it was proposed here
};

}  // namespace registryd::consensus
