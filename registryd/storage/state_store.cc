#include "registryd/storage/state_store.h"

#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/limits.h"
#include "registryd/storage/rocks_database.h"
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
constexpr size_t kInstances = 0;
constexpr size_t kLeases = 1;
constexpr size_t kRequests = 2;
constexpr size_t kMeta = 3;
constexpr std::string_view kStateKey = "state";

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }
rocksdb::Slice Slice(std::string_view view) { return {view.data(), view.size()}; }

template <size_t size>
std::string BigEndian(uint64_t value) {
  std::string out(size, '\0');
  for (size_t i = size; i-- > 0; value >>= 8) out[i] = static_cast<char>(value & 0xFF);
  return out;
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
  struct InstanceWrite {
    core::InstancePtr instance;
    bool removed;
  };
  std::vector<InstanceWrite> instances;
  std::vector<core::LeaseChange> leases;
  std::vector<core::RequestSlot> requests;
};

StateBatch::StateBatch() : impl_(std::make_unique<Impl>()) {}
StateBatch::~StateBatch() = default;

void StateBatch::Add(const core::Outcome& outcome) {
  for (const core::InstanceChange& change : outcome.instances) {
    const bool removed = change.after == nullptr;
    impl_->instances.push_back({removed ? change.before : change.after, removed});
  }
  impl_->leases.insert(impl_->leases.end(), outcome.leases.begin(), outcome.leases.end());
  if (outcome.request) impl_->requests.push_back(*outcome.request);
}

void StateBatch::Clear() {
  impl_->instances.clear();
  impl_->leases.clear();
  impl_->requests.clear();
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
  absl::Status LoadRecords(core::Registry* registry);

  std::unique_ptr<Database> database;
  rocksdb::WriteBatch writes;  // kept for its memory
  std::string bytes;
};

absl::StatusOr<std::optional<wire::StoredState>> StateStore::Impl::LoadState() {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      database->db().Get({}, database->family(kMeta), Slice(kStateKey), &value);
  if (status.IsNotFound()) {
    for (const size_t family : {kInstances, kLeases, kRequests}) {
      if (!IsEmpty(family)) return database->Damaged("the record of the applied index is missing");
    }
    return std::optional<wire::StoredState>();
  }
  if (!status.ok()) return database->Damaged(status.ToString());
  absl::StatusOr<wire::StoredState> state = wire::DecodeStateRecord(View(value));
  if (absl::IsUnimplemented(state.status())) {
    return absl::FailedPreconditionError(
        Text("the state in ", database->dir(), ": ", std::string(state.status().message())));
  }
  if (!state.ok()) return database->Damaged(std::string(state.status().message()));
  return std::optional(*std::move(state));
}

absl::Status StateStore::Impl::LoadRecords(core::Registry* registry) {
  RETURN_IF_ERROR(
      ForEach(kInstances, "instance", [registry](std::string_view key, std::string_view value) {
        ASSIGN_OR_RETURN(core::InstancePtr instance, wire::DecodeInstanceRecord(value));
        if (instance->name().text() != key) {
          return absl::DataLossError(Text("holds another instance, ", instance->name().text()));
        }
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
StateStore::~StateStore() = default;

absl::StatusOr<std::unique_ptr<StateStore>> StateStore::Open(const std::string& dir) {
  DatabaseOptions options;
  options.dir = dir;
  options.families = {{"instances", 32u << 20, true},
                      {"leases", 8u << 20, true},
                      {"requests", 8u << 20, true},
                      {"meta", 1u << 20}};
  options.wal_damage = WalDamage::kStopThere;
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(options));
  return std::unique_ptr<StateStore>(new StateStore(std::make_unique<Impl>(std::move(database))));
}

absl::StatusOr<StateStore::Position> StateStore::Load(core::Registry* registry) {
  ASSIGN_OR_RETURN(const std::optional<wire::StoredState> state, impl_->LoadState());
  if (!state) return Position();
  RETURN_IF_ERROR(impl_->LoadRecords(registry));
  if (absl::Status status = registry->FinishLoad(state->counters); !status.ok()) {
    return impl_->database->Damaged(std::string(status.message()));
  }
  return Position{state->applied_index, state->applied_term};
}

void StateStore::Commit(StateBatch& batch, const core::Counters& counters, Position position) {
  Database& database = *impl_->database;
  rocksdb::WriteBatch& writes = impl_->writes;
  std::string& bytes = impl_->bytes;
  const auto put = [&](size_t family, std::string_view key) {
    database.MustSucceed(writes.Put(database.family(family), Slice(key), bytes),
                         "preparing a write to");
  };
  const auto remove = [&](size_t family, std::string_view key) {
    database.MustSucceed(writes.Delete(database.family(family), Slice(key)),
                         "preparing a write to");
  };
  writes.Clear();
  for (const auto& [instance, removed] : batch.impl_->instances) {
    if (removed) {
      remove(kInstances, instance->name().text());
      continue;
    }
    wire::EncodeInstanceRecord(*instance, &bytes);
    put(kInstances, instance->name().text());
  }
  for (const core::LeaseChange& change : batch.impl_->leases) {
    const std::string key = BigEndian<8>(change.id.value());
    if (!change.after) {
      remove(kLeases, key);
      continue;
    }
    wire::EncodeLeaseRecord(*change.after, &bytes);
    put(kLeases, key);
  }
  for (const core::RequestSlot& request : batch.impl_->requests) {
    wire::EncodeRequestRecord(request, &bytes);
    put(kRequests, BigEndian<4>(request.slot));
  }
  wire::EncodeStateRecord({counters, position.index, position.term}, &bytes);
  put(kMeta, kStateKey);
  database.MustSucceed(database.db().Write({}, &writes), "writing to");
}

void StateStore::Sync() {
  impl_->database->MustSucceed(impl_->database->db().SyncWAL(), "syncing");
}

}  // namespace registryd::storage
