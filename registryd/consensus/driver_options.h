// The numbers of the consensus layer, with their defaults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "registryd/base/ids.h"

namespace registryd::consensus {

struct DriverOptions {
  NodeId id;
  std::string address;  // host:port for peers; what the configuration says of this node
  uint32_t seed = 0;    // of the election timers; real entropy, a fixed number only in a simulation

  // A follower that hears nothing for one to two times this long stands for election; a leader
  // without a majority for this long steps down.
  int election_timeout_ms = 500;
  int heartbeat_ms = 75;
  // A member that its leader has not heard for so long is reported: longer than most restarts.
  int silent_member_ms = 10'000;

  // Of one submission, which becomes one append.
  size_t max_batch_entries = 1024;
  size_t max_batch_bytes = 1 << 20;
  // Of one AppendEntries message. One entry may be larger.
  size_t max_message_entries = 1024;
  size_t max_message_bytes = 256 << 10;
  // Sent to one peer and not acknowledged.
  size_t max_peer_window_bytes = 4 << 20;
  // Handed to the state machine and not reported as applied.
  size_t max_unapplied = 16384;
  size_t max_unapplied_bytes = 64 << 20;
  // Newest entries kept in memory.
  size_t log_cache_bytes = 16 << 20;
  // Entries before the cut that stay in the log, so that a follower that is a little behind needs
  // no snapshot.
  uint32_t trailing_entries = 50'000;
  // Linearizable reads that wait for a round.
  size_t max_waiting_reads = 65536;
};

}  // namespace registryd::consensus
