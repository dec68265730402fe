#include "registryd/storage/state_store.h"

#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/limits.h"
#include "registryd/storage/history_keys.h"
#include "registryd/storage/history_reader_impl.h"
#include "registryd/storage/rocks_database.h"
#include "registryd/storage/state_families.h"
#include "registryd/storage/state_picture.h"
#include "registryd/wire/history_codec.h"
#include "rocksdb/write_batch.h"

namespace registryd::storage {
namespace {

// Why all families come back from the same commit, although nothing is synced:
//   - A commit is one WriteBatch, so one WAL record: it is replayed whole or not at all, in all
//   families.
//   - Replay stops at the first torn or damaged record (point in time), and at the first hole
//   (SequenceCheck).
//   - A flush might run ahead: a table file is synced when it is written, the WAL is not, so after
//   a power loss one
//     family's table could hold commits that the others' WAL has lost. atomic_flush closes that:
//     the memtables of all families are switched at one commit and their tables enter the MANIFEST
//     as one group.
// So the state is a commit, and its applied index, which is in the same batch, says which.

rocksdb::Slice Slice(std::string_view view) { return {view.data(), view.size()}; }

template <size_t size>
std::string BigEndian(uint64_t value) {
  return BigEndian64(value).substr(8 - size);
}

template <size_t size>
std::optional<uint64_t> FromBigEndian(std::string_view bytes) {
  if (bytes.size() != size) return std::nullopt;
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

// For messages: keys may be binary.
std::string Printable(std::string_view key) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : key.substr(0, 256)) {
    if (c >= ' ' && c <= '~') {
      out.push_back(c);
    } else {
      const auto byte = static_cast<uint8_t>(c);
      out += Text("\\x", kDigits[byte >> 4], kDigits[byte & 15]);
    }
  }
  return out;
}

}  // namespace

struct StateBatch::Impl {
  // Of each command that changed instances: its reply is not held.
  std::vector<core::Outcome> outcomes;
  std::vector<core::LeaseChange> leases;
  std::vector<core::RequestSlot> requests;
  LogIndex configuration_index;  // 0: none
  consensus::Payload configuration;
  std::vector<core::ServiceChange> services;
};

StateBatch::StateBatch() : impl_(std::make_unique<Impl>()) {}
StateBatch::~StateBatch() = default;

void StateBatch::Add(const core::Outcome& outcome) {
  if (!outcome.instances.empty()) {
    core::Outcome& held = impl_->outcomes.emplace_back();
    held.reply.revision = outcome.reply.revision;
    held.instances = outcome.instances;
    held.actor = outcome.actor;
    held.time_ms = outcome.time_ms;
  }
  impl_->leases.insert(impl_->leases.end(), outcome.leases.begin(), outcome.leases.end());
  if (outcome.request) impl_->requests.push_back(*outcome.request);
  impl_->services.insert(impl_->services.end(), outcome.services.begin(), outcome.services.end());
}

void StateBatch::SetConfiguration(LogIndex index, consensus::Payload configuration) {
  impl_->configuration_index = index;
  impl_->configuration = std::move(configuration);
}

void StateBatch::Clear() {
  impl_->configuration_index = LogIndex();
  impl_->configuration = nullptr;
  impl_->outcomes.clear();
  impl_->leases.clear();
  impl_->requests.clear();
  impl_->services.clear();
}

struct StateStore::Impl {
  explicit Impl(std::unique_ptr<Database> opened) : database(std::move(opened)) {}

  // Calls `take(key, value)` for each record of a family, in the keys' order.
  template <class Take>
  absl::Status ForEach(size_t family, std::string_view family_name, Take take) {
    rocksdb::ReadOptions options;
    options.readahead_size = 2u << 20;
    options.fill_cache = false;
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database->db().NewIterator(options, database->family(family)));
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      const absl::Status status = take(View(iterator->key()), View(iterator->value()));
      if (!status.ok()) {
        return database->Damaged(Text(family_name, " record \"", Printable(View(iterator->key())),
                                      "\": ", std::string(status.message())));
      }
    }
    if (!iterator->status().ok()) return database->Damaged(iterator->status().ToString());
    return absl::OkStatus();
  }
  bool IsEmpty(size_t family) {
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database->db().NewIterator({}, database->family(family)));
    iterator->SeekToFirst();
    return !iterator->Valid();
  }
  absl::StatusOr<std::optional<wire::StoredState>> LoadState();
  absl::Status LoadRecords(core::Registry* registry, EachInstance each);
  absl::Status LoadHistoryPosition();
  // The range's changes: the instances as they are now, and the history of each.
  void PutChanges(const core::Outcome& outcome);
  void Put(size_t family, std::string_view key, std::string_view value) {
    database->MustSucceed(writes.Put(database->family(family), Slice(key), Slice(value)),
                          "preparing a write to");
  }
  void Remove(size_t family, std::string_view key) {
    database->MustSucceed(writes.Delete(database->family(family), Slice(key)),
                          "preparing a write to");
  }

  // Shared with the readers of the history and with pictures.
  std::shared_ptr<Database> database;
  rocksdb::WriteBatch writes;  // kept for its memory
  std::string before;
  std::string after;
  wire::HistoryEncoder history;
  uint64_t history_position = 0;  // bytes of history ever written
  Revision dropped_to;            // whoever drops history is alone with this
};

absl::StatusOr<std::optional<wire::StoredState>> StateStore::Impl::LoadState() {
  ASSIGN_OR_RETURN(std::optional<wire::StoredState> state, ReadStoredState(*database, {}));
  if (state) return state;
  for (const size_t family : {kInstances, kLeases, kRequests, kServices}) {
    if (!IsEmpty(family)) return database->Damaged("the record of the applied index is missing");
  }
  return state;
}

absl::Status StateStore::Impl::LoadRecords(core::Registry* registry, EachInstance each) {
  RETURN_IF_ERROR(ForEach(
      kInstances, "instance", [registry, each](std::string_view key, std::string_view value) {
        ASSIGN_OR_RETURN(core::InstancePtr instance, wire::DecodeInstanceRecord(value));
        if (instance->name().text() != key) {
          return absl::DataLossError(Text("holds another instance, ", instance->name().text()));
        }
        each(instance);
        registry->LoadInstance(std::move(instance));
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(
      ForEach(kLeases, "lease", [registry](std::string_view key, std::string_view value) {
        ASSIGN_OR_RETURN(core::Lease lease, wire::DecodeLeaseRecord(value));
        if (FromBigEndian<8>(key) != lease.id.value()) {
          return absl::DataLossError(Text("holds another lease, ", lease.id));
        }
        registry->LoadLease(std::move(lease));
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(
      ForEach(kServices, "service", [registry](std::string_view key, std::string_view value) {
        ASSIGN_OR_RETURN(core::ServiceRecordPtr service, wire::DecodeServiceRecord(value));
        if (service->name != key) {
          return absl::DataLossError(Text("holds another service, ", service->name));
        }
        registry->LoadService(std::move(service));
        return absl::OkStatus();
      }));
  return ForEach(kRequests, "request", [registry](std::string_view key, std::string_view value) {
    const std::optional<uint64_t> slot = FromBigEndian<4>(key);
    if (!slot || *slot >= core::limits::kRequestWindow) {
      return absl::DataLossError("is not a slot of the window");
    }
    ASSIGN_OR_RETURN(const core::RequestSlot request, wire::DecodeRequestRecord(*slot, value));
    registry->LoadRequest(request);
    return absl::OkStatus();
  });
}

StateStore::StateStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StateStore::StateStore() = default;
StateStore::~StateStore() = default;

absl::StatusOr<std::unique_ptr<StateStore>> StateStore::Open(const std::string& dir) {
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(StateDatabase(dir)));
  return std::unique_ptr<StateStore>(new StateStore(std::make_unique<Impl>(std::move(database))));
}

absl::StatusOr<StateStore::Position> StateStore::Load(core::Registry* registry, EachInstance each) {
  ASSIGN_OR_RETURN(const std::optional<wire::StoredState> state, impl_->LoadState());
  if (!state) return Position();
  RETURN_IF_ERROR(impl_->LoadRecords(registry, each));
  RETURN_IF_ERROR(impl_->LoadHistoryPosition());
  if (absl::Status status = registry->FinishLoad(state->counters); !status.ok()) {
    return impl_->database->Damaged(std::string(status.message()));
  }
  return Position{state->applied_index, state->applied_term};
}

absl::Status StateStore::Impl::LoadHistoryPosition() {
  const std::unique_ptr<rocksdb::Iterator> at(
      database->db().NewIterator({}, database->family(kHistory)));
  at->SeekForPrev(EntryKey(Revision(UINT64_MAX)));
  if (!at->status().ok()) return database->Damaged(at->status().ToString());
  if (!at->Valid() || View(at->key())[0] != kEntryTag) return absl::OkStatus();
  const auto newest =
      wire::DecodeHistoryRecord(View(at->value()), [](std::string_view) { return false; });
  if (!newest.ok()) return database->Damaged(std::string(newest.status().message()));
  history_position = newest->position + at->value().size();
  return absl::OkStatus();
}

void StateStore::Impl::PutChanges(const core::Outcome& outcome) {
  const Revision revision = outcome.reply.revision;
  history.Begin(outcome, history_position);
  std::string_view service;
  for (const core::InstanceChange& change : outcome.instances) {
    before.clear();
    after.clear();
    if (change.before) wire::EncodeInstanceRecord(*change.before, &before);
    if (change.after) {
      wire::EncodeInstanceRecord(*change.after, &after);
      Put(kInstances, change.name().text(), after);
    } else {
      Remove(kInstances, change.name().text());
    }
    history.Add(change, before, after);
    // A call is mostly about one service; writing its key again would do no harm.
    if (change.name().service_name() == service) continue;
    service = change.name().service_name();
    Put(kHistory, ServiceKey(service, revision), {});
  }
  Put(kHistory, EntryKey(revision), history.bytes());
  history_position += history.bytes().size();
}

void StateStore::Commit(StateBatch& batch, const core::Counters& counters, Position position) {
  Database& database = *impl_->database;
  std::string& bytes = impl_->after;
  impl_->writes.Clear();
  for (const core::Outcome& outcome : batch.impl_->outcomes) impl_->PutChanges(outcome);
  for (const core::LeaseChange& change : batch.impl_->leases) {
    const std::string key = BigEndian<8>(change.id.value());
    if (!change.after) {
      impl_->Remove(kLeases, key);
      continue;
    }
    wire::EncodeLeaseRecord(*change.after, &bytes);
    impl_->Put(kLeases, key, bytes);
  }
  for (const core::RequestSlot& request : batch.impl_->requests) {
    wire::EncodeRequestRecord(request, &bytes);
    impl_->Put(kRequests, BigEndian<4>(request.slot), bytes);
  }
  if (batch.impl_->configuration_index) {
    bytes =
        EncodeStoredConfiguration(batch.impl_->configuration_index, *batch.impl_->configuration);
    impl_->Put(kMeta, kConfigurationKey, bytes);
  }
  for (const core::ServiceChange& change : batch.impl_->services) {
    if (!change.after) {
      impl_->Remove(kServices, change.name);
      continue;
    }
    wire::EncodeServiceRecord(*change.after, &bytes);
    impl_->Put(kServices, change.name, bytes);
  }
  wire::EncodeStateRecord({counters, position.index, position.term}, &bytes);
  impl_->Put(kMeta, kStateKey, bytes);
  database.MustSucceed(database.db().Write({}, &impl_->writes), "writing to");
}

absl::StatusOr<std::unique_ptr<HistoryReader>> StateStore::ReadHistory() const {
  auto reader = std::make_unique<HistoryReader::Impl>(impl_->database, kHistory);
  ASSIGN_OR_RETURN(const auto state, ReadStoredState(*impl_->database, reader->options()));
  Revision floor;
  Revision last;
  if (state) {
    last = state->counters.revision;
    floor = state->counters.history_floor;
    // What is trimmed goes bit by bit, and a state may have come without its history.
    const std::unique_ptr<rocksdb::Iterator> at(
        impl_->database->db().NewIterator(reader->options(), reader->family));
    at->Seek(EntryKey(floor + 1));
    if (!at->status().ok()) return impl_->database->Damaged(at->status().ToString());
    const bool there = at->Valid() && View(at->key())[0] == kEntryTag;
    const auto first = there ? RevisionOfKey(View(at->key())) : std::nullopt;
    floor = first ? *first - 1 : last;
  }
  return std::unique_ptr<HistoryReader>(new HistoryReader(std::move(reader), floor, last));
}

absl::StatusOr<size_t> StateStore::DropHistory(size_t entries_max) {
  Database& database = *impl_->database;
  ASSIGN_OR_RETURN(const auto state, ReadStoredState(database, {}));
  if (!state) return 0;
  rocksdb::WriteBatch drop;
  size_t dropped = 0;
  const std::unique_ptr<rocksdb::Iterator> at(
      database.db().NewIterator({}, database.family(kHistory)));
  // Behind what was dropped before, so that its tombstones are not walked over again.
  Revision dropped_to = impl_->dropped_to;
  for (at->Seek(EntryKey(dropped_to + 1)); at->Valid() && dropped < entries_max; at->Next()) {
    const auto revision = RevisionOfKey(View(at->key()));
    if (View(at->key())[0] != kEntryTag || !revision || *revision > state->counters.history_floor) {
      break;
    }
    const auto remove = [&](std::string_view key) {
      database.MustSucceed(drop.Delete(database.family(kHistory), Slice(key)),
                           "preparing a write to");
    };
    ASSIGN_OR_RETURN(const std::vector<std::string> services,
                     wire::ServicesOfHistoryRecord(View(at->value())));
    for (const std::string& service : services) remove(ServiceKey(service, *revision));
    remove(View(at->key()));
    dropped_to = *revision;
    ++dropped;
  }
  if (!at->status().ok()) return database.Damaged(at->status().ToString());
  if (dropped > 0) database.MustSucceed(database.db().Write({}, &drop), "writing to");
  impl_->dropped_to = dropped_to;
  return dropped;
}

void StateStore::Sync() {
  impl_->database->MustSucceed(impl_->database->db().SyncWAL(), "syncing");
}

std::shared_ptr<const StatePicture> StateStore::Pin() const {
  return std::make_shared<const StatePicture>(impl_->database);
}

void StateStore::RemoveWhenClosed() { impl_->database->RemoveWhenClosed(); }

}  // namespace registryd::storage
