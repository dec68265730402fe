// libraft 0.22.1's core behind an opaque handle and plain structs.
//
// raft.h does not compile as C++ and its ownership rules change with every release, so this C file
// is the only one that includes it, and it refuses any other version at compile time and at run
// time. Events go in, an update comes out; the caller (driver.cc) handles the update in the order
// that the core's contract asks for.
//
//   struct RaftShim* core = raft_shim_create(&options);
//   struct RaftShimUpdate update;
//   int rv = raft_shim_timeout(core, now_ms, &update);     // 0 or a RAFT_... code
//   if (update.term_or_vote) ...save both, synced...
//   raft_shim_destroy(core);
//
// Threads: one. Memory: nothing that is passed in is kept, and what an update points to (messages
// and their strings) is valid until the next event. `now_ms` must never go back. Errors: the codes
// below; every other code means that the process must stop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct RaftShim;

// The codes that a caller can do something about; values as in raft.h.
enum {
  RAFT_SHIM_BAD_ID = 2,
  RAFT_SHIM_NOT_LEADER = 7,
  RAFT_SHIM_CANT_CHANGE = 11,
  RAFT_SHIM_NOT_FOUND = 19,
};

enum RaftShimMessageType {
  RAFT_SHIM_APPEND_ENTRIES = 1,
  RAFT_SHIM_APPEND_ENTRIES_RESULT,
  RAFT_SHIM_REQUEST_VOTE,
  RAFT_SHIM_REQUEST_VOTE_RESULT,
  RAFT_SHIM_INSTALL_SNAPSHOT,
  RAFT_SHIM_TIMEOUT_NOW,
};

enum { RAFT_SHIM_FOLLOWER = 1, RAFT_SHIM_CANDIDATE, RAFT_SHIM_LEADER };
enum { RAFT_SHIM_COMMAND = 1, RAFT_SHIM_BARRIER, RAFT_SHIM_CONFIGURATION };

struct RaftShimOptions {
  uint64_t id;
  const char* address;
  unsigned election_timeout_ms;
  unsigned heartbeat_ms;
  unsigned max_inflight_entries;
  unsigned seed;  // real entropy; a fixed number only in a simulation
};

struct RaftShimServer {
  uint64_t id;
  const char* address;
  int role;  // RAFT_STANDBY 0, RAFT_VOTER 1, RAFT_SPARE 2
};

struct RaftShimConfiguration {
  const struct RaftShimServer* servers;
  size_t n;
};

// The core looks only at term and type, and at the bytes of configurations.
struct RaftShimEntry {
  uint64_t term;
  int type;
  const void* data;  // configurations only, else NULL
  size_t size;
};

struct RaftShimSnapshot {
  uint64_t index;
  uint64_t term;
  struct RaftShimConfiguration configuration;
  uint64_t configuration_index;
};

struct RaftShimStart {
  uint64_t term;
  uint64_t voted_for;
  const struct RaftShimSnapshot* snapshot;  // NULL: none
  uint64_t start_index;                     // of entries[0], or of the next entry
  const struct RaftShimEntry* entries;
  size_t n;
};

struct RaftShimRequestVote {
  uint64_t term;
  uint64_t candidate;
  uint64_t last_log_index;
  uint64_t last_log_term;
  bool disrupt_leader;
  bool pre_vote;
};

struct RaftShimRequestVoteResult {
  uint64_t term;
  bool granted;
  bool pre_vote;
};

// Outgoing: `n` entries after prev_log_index are to be loaded by the caller. Incoming: the entries
// are an argument.
struct RaftShimAppendEntries {
  uint64_t term;
  uint64_t prev_log_index;
  uint64_t prev_log_term;
  uint64_t leader_commit;
  size_t n;
};

struct RaftShimAppendEntriesResult {
  uint64_t term;
  uint64_t rejected;  // 0: accepted
  uint64_t last_log_index;
};

// Outgoing only: the peer needs a snapshot at `last_index` or newer.
struct RaftShimInstallSnapshot {
  uint64_t term;
  uint64_t last_index;
  uint64_t last_term;
};

struct RaftShimTimeoutNow {
  uint64_t term;
  uint64_t last_log_index;
  uint64_t last_log_term;
};

struct RaftShimMessage {
  enum RaftShimMessageType type;
  uint64_t server;      // receiver of an outgoing message, sender of an incoming one
  const char* address;  // its address
  union RaftShimMessageBody {
    struct RaftShimRequestVote request_vote;
    struct RaftShimRequestVoteResult request_vote_result;
    struct RaftShimAppendEntries append_entries;
    struct RaftShimAppendEntriesResult append_entries_result;
    struct RaftShimInstallSnapshot install_snapshot;
    struct RaftShimTimeoutNow timeout_now;
  } as;
};

struct RaftShimUpdate {
  bool term_or_vote;  // save both, synced, before anything else of this update
  bool state;         // the role changed
  bool commit_index;  // it advanced
  bool entries;       // write [entries_index, +entries_n), removing what is there and after it
  bool own_barrier;   // the entries are one barrier that the core made itself
  bool snapshot;      // install what receive_snapshot was given, then call persisted_snapshot
  uint64_t entries_index;
  size_t entries_offset;  // of the first of them in the array that was submitted or received
  size_t entries_n;
  const struct RaftShimMessage* messages;
  size_t messages_n;
};

// NULL when memory is exhausted or the linked library is not 0.22.1.
struct RaftShim* raft_shim_create(const struct RaftShimOptions* options);
void raft_shim_destroy(struct RaftShim* shim);

// Events. Each fills `update` (all zero on an error).
//
// A snapshot is installed in two events with the disk's work in between: receive_snapshot, and when
// its update says `snapshot`, persisted_snapshot once the log on disk goes on behind the snapshot.
int raft_shim_start(struct RaftShim* shim, uint64_t now_ms, const struct RaftShimStart* start,
                    struct RaftShimUpdate* update);
int raft_shim_receive(struct RaftShim* shim, uint64_t now_ms, const struct RaftShimMessage* message,
                      const struct RaftShimEntry* entries, struct RaftShimUpdate* update);
int raft_shim_persisted_entries(struct RaftShim* shim, uint64_t now_ms, uint64_t index,
                                struct RaftShimUpdate* update);
int raft_shim_configuration(struct RaftShim* shim, uint64_t now_ms, uint64_t index,
                            const struct RaftShimConfiguration* configuration,
                            struct RaftShimUpdate* update);
int raft_shim_snapshot(struct RaftShim* shim, uint64_t now_ms,
                       const struct RaftShimSnapshot* snapshot, unsigned trailing,
                       struct RaftShimUpdate* update);
// A follower refuses votes as long as it knows a leader: one that votes until its own, randomised
// timer fires, one that does not for ever.
void raft_shim_forget_leader(struct RaftShim* shim);
// A server that does not lead starts its election timer anew.
void raft_shim_restart_timer(struct RaftShim* shim, uint64_t now_ms);
// The leader `server` wants `snapshot`, whose data is here already, to replace the log.
int raft_shim_receive_snapshot(struct RaftShim* shim, uint64_t now_ms, uint64_t server,
                               const char* address, uint64_t term,
                               const struct RaftShimSnapshot* snapshot,
                               struct RaftShimUpdate* update);
int raft_shim_persisted_snapshot(struct RaftShim* shim, uint64_t now_ms,
                                 struct RaftShimUpdate* update);
int raft_shim_timeout(struct RaftShim* shim, uint64_t now_ms, struct RaftShimUpdate* update);
int raft_shim_submit(struct RaftShim* shim, uint64_t now_ms, const struct RaftShimEntry* entries,
                     size_t n, struct RaftShimUpdate* update);
// `server` 0: any voter.
int raft_shim_transfer(struct RaftShim* shim, uint64_t now_ms, uint64_t server,
                       struct RaftShimUpdate* update);
int raft_shim_catch_up(struct RaftShim* shim, uint64_t now_ms, uint64_t server,
                       struct RaftShimUpdate* update);

// State.
int raft_shim_role(const struct RaftShim* shim);
uint64_t raft_shim_current_term(const struct RaftShim* shim);
uint64_t raft_shim_voted_for(const struct RaftShim* shim);
uint64_t raft_shim_leader(const struct RaftShim* shim);  // 0: unknown
uint64_t raft_shim_commit_index(const struct RaftShim* shim);
uint64_t raft_shim_last_index(const struct RaftShim* shim);
uint64_t raft_shim_last_stored(const struct RaftShim* shim);
uint64_t raft_shim_first_index(
    const struct RaftShim* shim);  // of the log; last index + 1 when it is empty
uint64_t raft_shim_snapshot_index(const struct RaftShim* shim);
uint64_t raft_shim_snapshot_term(const struct RaftShim* shim);
uint64_t raft_shim_term_of(const struct RaftShim* shim, uint64_t index);  // 0: not in the log
uint64_t raft_shim_timeout_at_ms(const struct RaftShim* shim);            // when TIMEOUT is due
uint64_t raft_shim_uncommitted_configuration_index(const struct RaftShim* shim);  // 0: none
// Of the newest configuration. The strings live until the next event.
size_t raft_shim_configuration_size(const struct RaftShim* shim);
struct RaftShimServer raft_shim_configuration_server(const struct RaftShim* shim, size_t i);
// Leader only; false otherwise and for a server outside the configuration.
bool raft_shim_match_index(const struct RaftShim* shim, uint64_t server, uint64_t* index);
bool raft_shim_catch_up_status(const struct RaftShim* shim, uint64_t server, int* status);
uint64_t raft_shim_transferee(const struct RaftShim* shim);  // 0: no transfer under way

void raft_shim_set_election_timeout(struct RaftShim* shim, unsigned ms);
const char* raft_shim_error_text(int code);

// The bytes of a configuration entry, to be released with raft_shim_free. 0 or a code.
int raft_shim_encode_configuration(const struct RaftShimConfiguration* configuration, void** data,
                                   size_t* size);
void raft_shim_free(void* data);

#ifdef __cplusplus
}
#endif
