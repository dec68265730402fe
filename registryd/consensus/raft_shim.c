#include "registryd/consensus/raft_shim.h"

#include <raft.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(RAFT_VERSION_NUMBER == 2201,
               "the ownership rules below are those of libraft 0.22.1");
_Static_assert((int)RAFT_SHIM_BAD_ID == (int)RAFT_BADID, "");
_Static_assert((int)RAFT_SHIM_NOT_LEADER == (int)RAFT_NOTLEADER, "");
_Static_assert((int)RAFT_SHIM_CANT_CHANGE == (int)RAFT_CANTCHANGE, "");
_Static_assert((int)RAFT_SHIM_NOT_FOUND == (int)RAFT_NOTFOUND, "");
_Static_assert((int)RAFT_SHIM_APPEND_ENTRIES == (int)RAFT_APPEND_ENTRIES, "");
_Static_assert((int)RAFT_SHIM_TIMEOUT_NOW == (int)RAFT_TIMEOUT_NOW, "");
_Static_assert((int)RAFT_SHIM_LEADER == (int)RAFT_LEADER, "");
_Static_assert((int)RAFT_SHIM_CONFIGURATION == (int)RAFT_CHANGE, "");

// Message versions that 0.22.1 itself sends. Pre-votes are told from votes only from version 2 on.
enum { kAppendEntriesVersion = 0, kVoteVersion = 2, kResultVersion = 2, kTimeoutNowVersion = 0 };

// Of the library, not in raft.h; the library is linked statically and in one version only.
raft_term TrailTermOf(const struct raft_trail* trail, raft_index index);

struct RaftShim {
  struct raft raft;
  struct raft_entry* entries;  // reused for every event that carries entries
  size_t entries_capacity;
  struct RaftShimMessage* messages;
  size_t messages_capacity;
  struct raft_snapshot_metadata installing;  // ours between receive_ and persisted_snapshot
  bool is_installing;
};

static bool Reserve(void** array, size_t* capacity, size_t n, size_t size) {
  if (n <= *capacity) return true;
  size_t wanted = *capacity == 0 ? 16 : *capacity;
  while (wanted < n) wanted *= 2;
  void* grown = realloc(*array, wanted * size);
  if (grown == NULL) return false;
  *array = grown;
  *capacity = wanted;
  return true;
}

struct RaftShim* raft_shim_create(const struct RaftShimOptions* options) {
  if (raft_version_number() != 2201) return NULL;
  struct RaftShim* shim = calloc(1, sizeof *shim);
  if (shim == NULL) return NULL;
  if (raft_init(&shim->raft, NULL, NULL, options->id, options->address) != 0) {
    free(shim);
    return NULL;
  }
  // The default tracer formats a line at every step into a buffer that all instances share.
  shim->raft.tracer = NULL;
  raft_seed(&shim->raft, options->seed);
  raft_set_heartbeat_timeout(&shim->raft, options->heartbeat_ms);
  raft_set_election_timeout(&shim->raft, options->election_timeout_ms);
  raft_set_max_inflight_entries(&shim->raft, options->max_inflight_entries);
  raft_set_pre_vote(&shim->raft, true);
  // The driver knows whether a transfer is under way, and ignores a wish too many. One too few would
  // leave a peer behind: when the log is cut during a transfer that fails, the core takes the peer's
  // rejections for stale ones, and only this timeout makes it ask again (F8).
  raft_set_install_snapshot_timeout(&shim->raft, options->election_timeout_ms);
  return shim;
}

void raft_shim_destroy(struct RaftShim* shim) {
  if (shim == NULL) return;
  if (shim->is_installing) raft_configuration_close(&shim->installing.configuration);
  raft_close(&shim->raft, NULL);
  free(shim->entries);
  free(shim->messages);
  free(shim);
}

static int MakeConfiguration(const struct RaftShimConfiguration* from,
                             struct raft_configuration* to) {
  raft_configuration_init(to);
  for (size_t i = 0; i < from->n; i++) {
    const struct RaftShimServer* server = &from->servers[i];
    const int rv = raft_configuration_add(to, server->id, server->address, server->role);
    if (rv != 0) {
      raft_configuration_close(to);
      return rv;
    }
  }
  return 0;
}

static int MakeMetadata(const struct RaftShimSnapshot* from, struct raft_snapshot_metadata* to) {
  to->index = from->index;
  to->term = from->term;
  to->configuration_index = from->configuration_index;
  return MakeConfiguration(&from->configuration, &to->configuration);
}

// Fills shim->entries. The core wants all payloads of a message in one raft_malloc block, and looks
// only into configurations; so the block holds nothing else.
static int MakeEntries(struct RaftShim* shim, const struct RaftShimEntry* entries, size_t n,
                       void** block) {
  *block = NULL;
  if (!Reserve((void**)&shim->entries, &shim->entries_capacity, n, sizeof *shim->entries)) {
    return RAFT_NOMEM;
  }
  size_t bytes = 1;
  for (size_t i = 0; i < n; i++) {
    if (entries[i].type == RAFT_CHANGE) bytes += entries[i].size;
  }
  char* cursor = raft_malloc(bytes);
  if (cursor == NULL) return RAFT_NOMEM;
  *block = cursor;
  for (size_t i = 0; i < n; i++) {
    struct raft_entry* entry = &shim->entries[i];
    const size_t size = entries[i].type == RAFT_CHANGE ? entries[i].size : 0;
    entry->term = entries[i].term;
    entry->type = (enum raft_entry_type)entries[i].type;
    entry->buf.base = cursor;
    entry->buf.len = size;
    entry->batch = *block;
    if (size > 0) memcpy(cursor, entries[i].data, size);
    cursor += size;
  }
  return 0;
}

static bool TranslateMessage(const struct raft_message* from, struct RaftShimMessage* to) {
  to->type = (enum RaftShimMessageType)from->type;
  to->server = from->server_id;
  to->address = from->server_address;
  switch (from->type) {
    case RAFT_REQUEST_VOTE:
      to->as.request_vote =
          (struct RaftShimRequestVote){.term = from->request_vote.term,
                                       .candidate = from->request_vote.candidate_id,
                                       .last_log_index = from->request_vote.last_log_index,
                                       .last_log_term = from->request_vote.last_log_term,
                                       .disrupt_leader = from->request_vote.disrupt_leader,
                                       .pre_vote = from->request_vote.pre_vote};
      return true;
    case RAFT_REQUEST_VOTE_RESULT:
      to->as.request_vote_result =
          (struct RaftShimRequestVoteResult){.term = from->request_vote_result.term,
                                             .granted = from->request_vote_result.vote_granted,
                                             .pre_vote = from->request_vote_result.pre_vote};
      return true;
    case RAFT_APPEND_ENTRIES:
      to->as.append_entries =
          (struct RaftShimAppendEntries){.term = from->append_entries.term,
                                         .prev_log_index = from->append_entries.prev_log_index,
                                         .prev_log_term = from->append_entries.prev_log_term,
                                         .leader_commit = from->append_entries.leader_commit,
                                         .n = from->append_entries.n_entries};
      return true;
    case RAFT_APPEND_ENTRIES_RESULT:
      to->as.append_entries_result = (struct RaftShimAppendEntriesResult){
          .term = from->append_entries_result.term,
          .rejected = from->append_entries_result.rejected,
          .last_log_index = from->append_entries_result.last_log_index};
      return true;
    case RAFT_INSTALL_SNAPSHOT:
      to->as.install_snapshot =
          (struct RaftShimInstallSnapshot){.term = from->install_snapshot.term,
                                           .last_index = from->install_snapshot.last_index,
                                           .last_term = from->install_snapshot.last_term};
      return true;
    case RAFT_TIMEOUT_NOW:
      to->as.timeout_now =
          (struct RaftShimTimeoutNow){.term = from->timeout_now.term,
                                      .last_log_index = from->timeout_now.last_log_index,
                                      .last_log_term = from->timeout_now.last_log_term};
      return true;
  }
  return false;
}

// One step. `block` is what MakeEntries made for this event; `core_frees` says whether the core
// frees it unless it returns the entries (RECEIVE), or never does (SUBMIT).
static int Step(struct RaftShim* shim, struct raft_event* event, uint64_t now_ms, void* block,
                bool core_frees, struct RaftShimUpdate* update) {
  struct raft_update done;
  memset(update, 0, sizeof *update);
  memset(&done, 0, sizeof done);
  event->time = now_ms;
  event->unused = 0;
  event->capacity = 0;
  memset(event->reserved, 0, sizeof event->reserved);
  const int rv = raft_step(&shim->raft, event, &done);
  const bool entries = rv == 0 && (done.flags & (RAFT_UPDATE_ENTRIES)) != 0;
  const bool own_barrier = entries && done.entries.batch == &shim->raft.barrier;
  if (block != NULL && (!core_frees || (entries && !own_barrier))) raft_free(block);
  if (rv != 0) return rv;
  update->term_or_vote = (done.flags & ((RAFT_UPDATE_CURRENT_TERM) | (RAFT_UPDATE_VOTED_FOR))) != 0;
  update->state = (done.flags & (RAFT_UPDATE_STATE)) != 0;
  update->commit_index = (done.flags & (RAFT_UPDATE_COMMIT_INDEX)) != 0;
  if (entries) {
    update->entries = true;
    update->own_barrier = own_barrier;
    update->entries_index = done.entries.index;
    update->entries_n = done.entries.n;
    if (own_barrier) {
      raft_free(shim->raft.barrier.buf.base);
    } else {
      update->entries_offset = (size_t)(done.entries.batch - shim->entries);
    }
  }
  if ((done.flags & (RAFT_UPDATE_SNAPSHOT)) != 0) {
    if (event->type != RAFT_RECEIVE || shim->is_installing) return RAFT_INVALID;
    shim->installing = done.snapshot.metadata;
    shim->is_installing = true;
    update->snapshot = true;
  }
  if ((done.flags & (RAFT_UPDATE_MESSAGES)) != 0) {
    if (!Reserve((void**)&shim->messages, &shim->messages_capacity, done.messages.n,
                 sizeof *shim->messages)) {
      return RAFT_NOMEM;
    }
    for (unsigned i = 0; i < done.messages.n; i++) {
      if (!TranslateMessage(&done.messages.batch[i], &shim->messages[i])) return RAFT_INVALID;
    }
    update->messages = shim->messages;
    update->messages_n = done.messages.n;
  }
  return 0;
}

int raft_shim_start(struct RaftShim* shim, uint64_t now_ms, const struct RaftShimStart* start,
                    struct RaftShimUpdate* update) {
  struct raft_event event = {.type = RAFT_START};
  struct raft_snapshot_metadata metadata;
  memset(update, 0, sizeof *update);
  void* block = NULL;
  int rv = MakeEntries(shim, start->entries, start->n, &block);
  if (rv != 0) return rv;
  event.start.term = start->term;
  event.start.voted_for = start->voted_for;
  event.start.metadata = NULL;
  if (start->snapshot != NULL) {
    rv = MakeMetadata(start->snapshot, &metadata);
    if (rv != 0) {
      raft_free(block);
      return rv;
    }
    event.start.metadata = &metadata;
  }
  event.start.start_index = start->start_index;
  event.start.entries = shim->entries;
  event.start.n_entries = (unsigned)start->n;
  // The entries stay ours. (On an error the core frees them; the process stops then.)
  return Step(shim, &event, now_ms, block, false, update);
}

void raft_shim_forget_leader(struct RaftShim* shim) {
  if (shim->raft.state != RAFT_FOLLOWER) return;
  shim->raft.follower_state.current_leader.id = 0;
  raft_free(shim->raft.follower_state.current_leader.address);
  shim->raft.follower_state.current_leader.address = NULL;
}

void raft_shim_restart_timer(struct RaftShim* shim, uint64_t now_ms) {
  if (shim->raft.state != RAFT_LEADER) shim->raft.election_timer_start = now_ms;
}

static bool IsVoter(const struct RaftShim* shim) {
  const struct raft_configuration* members = &shim->raft.configuration;
  for (unsigned i = 0; i < members->n; i++) {
    if (members->servers[i].id == shim->raft.id) return members->servers[i].role == RAFT_VOTER;
  }
  return false;
}

// F6: the core grants no vote when its own configuration gives it none. But the entry that made it
// a voter may be with the candidate only, who then can never be elected. Whether a vote counts is
// for the candidate's configuration to say (Raft thesis, 4.2.2), so the core is shown one in which
// this server has a vote, for this step only.
static int ReceiveVoteRequest(struct RaftShim* shim, struct raft_event* event, uint64_t now_ms,
                              struct RaftShimUpdate* update) {
  if (shim->raft.state != RAFT_FOLLOWER || IsVoter(shim)) {
    return Step(shim, event, now_ms, NULL, true, update);
  }
  char address[] = "self";
  struct raft_server self = {.id = shim->raft.id, .address = address, .role = RAFT_VOTER};
  const struct raft_configuration members = shim->raft.configuration;
  shim->raft.configuration.servers = &self;
  shim->raft.configuration.n = 1;
  const int rv = Step(shim, event, now_ms, NULL, true, update);
  shim->raft.configuration = members;
  return rv;
}

int raft_shim_receive(struct RaftShim* shim, uint64_t now_ms, const struct RaftShimMessage* from,
                      const struct RaftShimEntry* entries, struct RaftShimUpdate* update) {
  struct raft_message message;
  struct raft_event event = {.type = RAFT_RECEIVE};
  void* block = NULL;
  memset(update, 0, sizeof *update);
  memset(&message, 0, sizeof message);
  message.type = (enum raft_message_type)from->type;
  message.server_id = from->server;
  message.server_address = from->address;
  switch (from->type) {
    case RAFT_SHIM_REQUEST_VOTE:
      message.request_vote.version = kVoteVersion;
      message.request_vote.term = from->as.request_vote.term;
      message.request_vote.candidate_id = from->as.request_vote.candidate;
      message.request_vote.last_log_index = from->as.request_vote.last_log_index;
      message.request_vote.last_log_term = from->as.request_vote.last_log_term;
      message.request_vote.disrupt_leader = from->as.request_vote.disrupt_leader;
      message.request_vote.pre_vote = from->as.request_vote.pre_vote;
      event.receive.message = &message;
      return ReceiveVoteRequest(shim, &event, now_ms, update);
    case RAFT_SHIM_REQUEST_VOTE_RESULT:
      message.request_vote_result.version = kResultVersion;
      message.request_vote_result.term = from->as.request_vote_result.term;
      message.request_vote_result.vote_granted = from->as.request_vote_result.granted;
      message.request_vote_result.pre_vote = from->as.request_vote_result.pre_vote;
      break;
    case RAFT_SHIM_APPEND_ENTRIES:
      message.append_entries.version = kAppendEntriesVersion;
      message.append_entries.term = from->as.append_entries.term;
      message.append_entries.prev_log_index = from->as.append_entries.prev_log_index;
      message.append_entries.prev_log_term = from->as.append_entries.prev_log_term;
      message.append_entries.leader_commit = from->as.append_entries.leader_commit;
      message.append_entries.n_entries = (unsigned)from->as.append_entries.n;
      if (from->as.append_entries.n > 0) {
        const int rv = MakeEntries(shim, entries, from->as.append_entries.n, &block);
        if (rv != 0) return rv;
        message.append_entries.entries = shim->entries;
      }
      break;
    case RAFT_SHIM_APPEND_ENTRIES_RESULT:
      message.append_entries_result.version = kResultVersion;
      message.append_entries_result.term = from->as.append_entries_result.term;
      message.append_entries_result.rejected = from->as.append_entries_result.rejected;
      message.append_entries_result.last_log_index = from->as.append_entries_result.last_log_index;
      break;
    case RAFT_SHIM_TIMEOUT_NOW:
      message.timeout_now.version = kTimeoutNowVersion;
      message.timeout_now.term = from->as.timeout_now.term;
      message.timeout_now.last_log_index = from->as.timeout_now.last_log_index;
      message.timeout_now.last_log_term = from->as.timeout_now.last_log_term;
      break;
    default:
      return RAFT_INVALID;
  }
  event.receive.message = &message;
  return Step(shim, &event, now_ms, block, true, update);
}

int raft_shim_persisted_entries(struct RaftShim* shim, uint64_t now_ms, uint64_t index,
                                struct RaftShimUpdate* update) {
  struct raft_event event = {.type = RAFT_PERSISTED_ENTRIES};
  event.persisted_entries.index = index;
  return Step(shim, &event, now_ms, NULL, false, update);
}

int raft_shim_configuration(struct RaftShim* shim, uint64_t now_ms, uint64_t index,
                            const struct RaftShimConfiguration* configuration,
                            struct RaftShimUpdate* update) {
  struct raft_event event = {.type = RAFT_CONFIGURATION};
  memset(update, 0, sizeof *update);
  event.configuration.index = index;
  const int rv = MakeConfiguration(configuration, &event.configuration.conf);
  if (rv != 0) return rv;
  return Step(shim, &event, now_ms, NULL, false, update);
}

int raft_shim_snapshot(struct RaftShim* shim, uint64_t now_ms,
                       const struct RaftShimSnapshot* snapshot, unsigned trailing,
                       struct RaftShimUpdate* update) {
  struct raft_event event = {.type = RAFT_SNAPSHOT};
  memset(update, 0, sizeof *update);
  const int rv = MakeMetadata(snapshot, &event.snapshot.metadata);
  if (rv != 0) return rv;
  event.snapshot.trailing = trailing;
  return Step(shim, &event, now_ms, NULL, false, update);
}

int raft_shim_receive_snapshot(struct RaftShim* shim, uint64_t now_ms, uint64_t server,
                               const char* address, uint64_t term,
                               const struct RaftShimSnapshot* snapshot,
                               struct RaftShimUpdate* update) {
  struct raft_message message;
  struct raft_event event = {.type = RAFT_RECEIVE};
  memset(update, 0, sizeof *update);
  if (shim->is_installing) return RAFT_INVALID;
  memset(&message, 0, sizeof message);
  message.type = RAFT_INSTALL_SNAPSHOT;
  message.server_id = server;
  message.server_address = address;
  message.install_snapshot.term = term;
  message.install_snapshot.last_index = snapshot->index;
  message.install_snapshot.last_term = snapshot->term;
  message.install_snapshot.conf_index = snapshot->configuration_index;
  // The core closes the configuration or gives it back with the update; there is no data.
  const int rv = MakeConfiguration(&snapshot->configuration, &message.install_snapshot.conf);
  if (rv != 0) return rv;
  event.receive.message = &message;
  return Step(shim, &event, now_ms, NULL, false, update);
}

int raft_shim_persisted_snapshot(struct RaftShim* shim, uint64_t now_ms,
                                 struct RaftShimUpdate* update) {
  struct raft_event event = {.type = RAFT_PERSISTED_SNAPSHOT};
  memset(update, 0, sizeof *update);
  if (!shim->is_installing) return RAFT_INVALID;
  shim->is_installing = false;
  event.persisted_snapshot.metadata = shim->installing;  // the configuration goes to the core
  event.persisted_snapshot.offset = 0;
  event.persisted_snapshot.last = true;
  return Step(shim, &event, now_ms, NULL, false, update);
}

int raft_shim_timeout(struct RaftShim* shim, uint64_t now_ms, struct RaftShimUpdate* update) {
  struct raft_event event = {.type = RAFT_TIMEOUT};
  return Step(shim, &event, now_ms, NULL, false, update);
}

int raft_shim_submit(struct RaftShim* shim, uint64_t now_ms, const struct RaftShimEntry* entries,
                     size_t n, struct RaftShimUpdate* update) {
  struct raft_event event = {.type = RAFT_SUBMIT};
  void* block = NULL;
  memset(update, 0, sizeof *update);
  const int rv = MakeEntries(shim, entries, n, &block);
  if (rv != 0) return rv;
  event.submit.entries = shim->entries;
  event.submit.n = (unsigned)n;
  return Step(shim, &event, now_ms, block, false, update);
}

int raft_shim_transfer(struct RaftShim* shim, uint64_t now_ms, uint64_t server,
                       struct RaftShimUpdate* update) {
  struct raft_event event = {.type = RAFT_TRANSFER};
  event.transfer.server_id = server;
  return Step(shim, &event, now_ms, NULL, false, update);
}

int raft_shim_catch_up(struct RaftShim* shim, uint64_t now_ms, uint64_t server,
                       struct RaftShimUpdate* update) {
  struct raft_event event = {.type = RAFT_CATCH_UP};
  event.catch_up.server_id = server;
  return Step(shim, &event, now_ms, NULL, false, update);
}

int raft_shim_role(const struct RaftShim* shim) { return shim->raft.state; }

uint64_t raft_shim_current_term(const struct RaftShim* shim) {
  return raft_current_term(&shim->raft);
}

uint64_t raft_shim_voted_for(const struct RaftShim* shim) { return raft_voted_for(&shim->raft); }

uint64_t raft_shim_leader(const struct RaftShim* shim) {
  switch (shim->raft.state) {
    case RAFT_LEADER:
      return shim->raft.id;
    case RAFT_FOLLOWER:
      return shim->raft.follower_state.current_leader.id;
    default:
      return 0;
  }
}

uint64_t raft_shim_commit_index(const struct RaftShim* shim) {
  return raft_commit_index(&shim->raft);
}

// raft_last_index takes a non-const pointer and changes nothing.
uint64_t raft_shim_last_index(const struct RaftShim* shim) {
  return raft_last_index((struct raft*)&shim->raft);
}

uint64_t raft_shim_last_stored(const struct RaftShim* shim) { return shim->raft.last_stored; }

uint64_t raft_shim_first_index(const struct RaftShim* shim) { return shim->raft.trail.offset + 1; }

uint64_t raft_shim_snapshot_index(const struct RaftShim* shim) {
  return shim->raft.trail.snapshot.index;
}

uint64_t raft_shim_snapshot_term(const struct RaftShim* shim) {
  return shim->raft.trail.snapshot.term;
}

uint64_t raft_shim_term_of(const struct RaftShim* shim, uint64_t index) {
  return index == 0 ? 0 : TrailTermOf(&shim->raft.trail, index);
}

uint64_t raft_shim_timeout_at_ms(const struct RaftShim* shim) { return raft_timeout(&shim->raft); }

uint64_t raft_shim_uncommitted_configuration_index(const struct RaftShim* shim) {
  return shim->raft.configuration_uncommitted_index;
}

size_t raft_shim_configuration_size(const struct RaftShim* shim) {
  return shim->raft.configuration.n;
}

struct RaftShimServer raft_shim_configuration_server(const struct RaftShim* shim, size_t i) {
  const struct raft_server* server = &shim->raft.configuration.servers[i];
  return (struct RaftShimServer){
      .id = server->id, .address = server->address, .role = server->role};
}

bool raft_shim_match_index(const struct RaftShim* shim, uint64_t server, uint64_t* index) {
  raft_index match = 0;
  if (raft_match_index(&shim->raft, server, &match) != 0) return false;
  *index = match;
  return true;
}

bool raft_shim_catch_up_status(const struct RaftShim* shim, uint64_t server, int* status) {
  return raft_catch_up(&shim->raft, server, status) == 0;
}

uint64_t raft_shim_transferee(const struct RaftShim* shim) { return raft_transferee(&shim->raft); }

void raft_shim_set_election_timeout(struct RaftShim* shim, unsigned ms) {
  raft_set_election_timeout(&shim->raft, ms);
}

const char* raft_shim_error_text(int code) { return raft_strerror(code); }

int raft_shim_encode_configuration(const struct RaftShimConfiguration* configuration, void** data,
                                   size_t* size) {
  struct raft_configuration encoded;
  struct raft_buffer buffer;
  int rv = MakeConfiguration(configuration, &encoded);
  if (rv != 0) return rv;
  if (encoded.n == 0) {
    raft_configuration_close(&encoded);
    return RAFT_INVALID;
  }
  rv = raft_configuration_encode(&encoded, &buffer);
  raft_configuration_close(&encoded);
  if (rv != 0) return rv;
  *data = buffer.base;
  *size = buffer.len;
  return 0;
}

void raft_shim_free(void* data) { raft_free(data); }
