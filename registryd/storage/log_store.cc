#include "registryd/storage/log_store.h"

#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/clock.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/storage/disk_space.h"
#include "registryd/storage/log_records.h"
#include "registryd/storage/log_writer.h"
#include "registryd/storage/rocks_database.h"

namespace registryd::storage {
namespace {

using consensus::EntryType;
using consensus::LogEntry;

// Reads [first, end) in order. Entries before `first` may still be in the files; they were cut.
class LogScan {
 public:
  LogScan(Database& database, LogIndex first, LogIndex end, size_t readahead)
      : upper_(EncodeLogKey(end)), upper_slice_(upper_) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &upper_slice_;
    options.readahead_size = readahead;
    options.fill_cache = readahead == 0;
    iterator_.reset(database.db().NewIterator(options, database.family(kLogFamily)));
    iterator_->Seek(EncodeLogKey(first));
  }
  bool Valid() const { return iterator_->Valid(); }
  void Next() { iterator_->Next(); }
  std::optional<LogIndex> index() const { return DecodeLogKey(View(iterator_->key())); }
  std::string_view value() const { return View(iterator_->value()); }
  rocksdb::Status status() const { return iterator_->status(); }

 private:
  const std::string upper_;
  const rocksdb::Slice upper_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

consensus::Payload PayloadOf(std::string_view value) {
  return std::make_shared<const std::string>(value.substr(kEntryHeaderSize));
}

}  // namespace

struct RocksLogStore::Impl {
  explicit Impl(const LogStoreOptions& opened_with, std::unique_ptr<Database> opened)
      : options(opened_with),
        database(std::move(opened)),
        space(options.reserve_bytes, clock, [dir = options.dir] { return FreeBytes(dir); }),
        writer(*database, space, options.max_queued_bytes) {}

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) {
    std::string value;
    const rocksdb::Status status = database->db().Get(
        {}, database->family(kMetaFamily), rocksdb::Slice(key.data(), key.size()), &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return database->Damaged(status.ToString());
    return std::optional(std::move(value));
  }
  // A decoded record, or nullopt when it is absent.
  template <class T>
  absl::StatusOr<std::optional<T>> GetRecord(std::string_view key,
                                             std::optional<T> (*decode)(std::string_view)) {
    ASSIGN_OR_RETURN(const std::optional<std::string> value, Get(key));
    if (!value) return std::optional<T>();
    std::optional<T> record = decode(*value);
    if (!record) return database->Damaged(Text("record \"", key, "\" cannot be read"));
    return record;
  }
  void PutMeta(rocksdb::WriteBatch& batch, std::string_view key, const std::string& value) {
    database->MustSucceed(
        batch.Put(database->family(kMetaFamily), rocksdb::Slice(key.data(), key.size()), value),
        "preparing a write to");
  }

  absl::Status CheckFormat();
  absl::Status CheckNew();
  absl::Status LoadEntries(Loaded* loaded);
  absl::Status CheckSnapshot(const Loaded& loaded, LogIndex first_kept);

  const LogStoreOptions options;
  const SystemClock clock;
  std::unique_ptr<Database> database;
  DiskSpace space;
  LogWriter writer;  // before the database it writes to goes
};

// A new store gets its format at once, so that whatever is found without one is damaged.
absl::Status RocksLogStore::Impl::CheckFormat() {
  ASSIGN_OR_RETURN(const std::optional<uint32_t> format, GetRecord(kFormatKey, &DecodeFormat));
  if (format == kLogFormat) return absl::OkStatus();
  if (format) {
    return absl::FailedPreconditionError(Text("the log in ", options.dir, " has format ", *format,
                                              ", this registryd knows format ", kLogFormat,
                                              "; start the version that wrote it"));
  }
  for (const size_t family : {kLogFamily, kMetaFamily}) {
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database->db().NewIterator({}, database->family(family)));
    iterator->SeekToFirst();
    if (iterator->Valid()) return database->Damaged("the record of its format is missing");
  }
  rocksdb::WriteBatch batch;
  PutMeta(batch, kFormatKey, EncodeFormat(kLogFormat));
  writer.WriteSynced(batch);
  return absl::OkStatus();
}

absl::Status RocksLogStore::Impl::CheckNew() {
  ASSIGN_OR_RETURN(const std::optional<NodeIdentity> identity,
                   GetRecord(kIdentityKey, &DecodeIdentity));
  if (!identity) return absl::OkStatus();
  return absl::FailedPreconditionError(
      Text("the data in ", options.dir, " belongs to node '", identity->name, "' (id ",
           identity->node, ", cluster ", identity->cluster,
           "); start it without bootstrap or join, or give --data-dir an empty directory"));
}

absl::Status RocksLogStore::Impl::LoadEntries(Loaded* loaded) {
  LogIndex expected = loaded->first_index;
  Term last_term;
  for (LogScan scan(*database, expected, LogIndex(UINT64_MAX), 2u << 20);; scan.Next()) {
    if (!scan.Valid()) {
      return scan.status().ok() ? absl::OkStatus() : database->Damaged(scan.status().ToString());
    }
    const std::optional<LogIndex> index = scan.index();
    const std::optional<EntryHeader> header = DecodeEntryHeader(scan.value());
    if (!index || !header) {
      return database->Damaged(Text("the log's entry at or behind ", expected, " cannot be read"));
    }
    if (*index != expected) {
      return database->Damaged(
          Text("the log's entries ", expected, " to ", *index - 1, " are missing"));
    }
    if (header->term < last_term || header->term > loaded->term) {
      return database->Damaged(Text("the log's entry ", *index, " has term ", header->term,
                                    " between ", last_term, " and ", loaded->term));
    }
    last_term = header->term;
    const bool keep = header->type == EntryType::kConfiguration;
    loaded->entries.push_back(
        {header->term, header->type, keep ? PayloadOf(scan.value()) : nullptr});
    ++expected;
  }
}

absl::Status RocksLogStore::Impl::CheckSnapshot(const Loaded& loaded, LogIndex first_kept) {
  const consensus::SnapshotRecord& snapshot = *loaded.snapshot;
  const LogIndex end = first_kept + loaded.entries.size();
  if (first_kept > snapshot.index + 1 || end <= snapshot.index) {
    return database->Damaged(Text("the log [", first_kept, ", ", end - 1,
                                  "] does not reach the snapshot at ", snapshot.index));
  }
  if (snapshot.index < first_kept) return absl::OkStatus();
  const Term term = loaded.entries[snapshot.index - first_kept].term;
  if (term == snapshot.term) return absl::OkStatus();
  return database->Damaged(Text("the log's entry ", snapshot.index, " has term ", term,
                                ", the snapshot there has term ", snapshot.term));
}

RocksLogStore::RocksLogStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksLogStore::~RocksLogStore() = default;

absl::StatusOr<std::unique_ptr<RocksLogStore>> RocksLogStore::Open(const LogStoreOptions& options) {
  DatabaseOptions database_options;
  database_options.dir = options.dir;
  database_options.families = {{"log", options.memtable_bytes}, {"meta", 1u << 20}};
  database_options.wal_damage = WalDamage::kRefuse;
  database_options.max_wal_bytes = 4 * options.memtable_bytes;
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(database_options));
  auto impl = std::make_unique<Impl>(options, std::move(database));
  RETURN_IF_ERROR(impl->CheckFormat());
  return std::unique_ptr<RocksLogStore>(new RocksLogStore(std::move(impl)));
}

absl::StatusOr<std::optional<NodeIdentity>> RocksLogStore::LoadIdentity() {
  return impl_->GetRecord(kIdentityKey, &DecodeIdentity);
}

absl::Status RocksLogStore::Bootstrap(const NodeIdentity& identity, const LogEntry& configuration) {
  RETURN_IF_ERROR(impl_->CheckNew());
  REGISTRYD_CHECK(configuration.type == EntryType::kConfiguration && configuration.term == Term(1),
                  "the first entry is a configuration of term 1");
  rocksdb::WriteBatch batch;
  impl_->PutMeta(batch, kIdentityKey, EncodeIdentity(identity));
  impl_->PutMeta(batch, kVoteKey, EncodeVote({Term(1), NodeId()}));
  impl_->database->MustSucceed(
      batch.Put(
          impl_->database->family(kLogFamily), EncodeLogKey(LogIndex(1)),
          EncodeEntryHeader({configuration.term, configuration.type}) + *configuration.payload),
      "preparing a write to");
  impl_->writer.WriteSynced(batch);
  return absl::OkStatus();
}

absl::Status RocksLogStore::Join(const NodeIdentity& identity) {
  RETURN_IF_ERROR(impl_->CheckNew());
  rocksdb::WriteBatch batch;
  impl_->PutMeta(batch, kIdentityKey, EncodeIdentity(identity));
  impl_->writer.WriteSynced(batch);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> RocksLogStore::LoadGeneration() {
  ASSIGN_OR_RETURN(const std::optional<uint64_t> generation,
                   impl_->GetRecord(kGenerationKey, &DecodeGeneration));
  return generation.value_or(0);
}

absl::Status RocksLogStore::Restore(const NodeIdentity& identity,
                                    const consensus::SnapshotRecord& record, uint64_t generation) {
  RETURN_IF_ERROR(impl_->CheckNew());
  rocksdb::WriteBatch batch;
  impl_->PutMeta(batch, kIdentityKey, EncodeIdentity(identity));
  impl_->PutMeta(batch, kVoteKey, EncodeVote({record.term, NodeId()}));
  impl_->PutMeta(batch, kSnapshotKey, EncodeSnapshot({record, record.index + 1}));
  impl_->PutMeta(batch, kGenerationKey, EncodeGeneration(generation));
  impl_->writer.WriteSynced(batch);
  return absl::OkStatus();
}

absl::StatusOr<consensus::Configuration> RocksLogStore::NewestConfiguration() {
  ASSIGN_OR_RETURN(const Loaded loaded, LoadAll());
  for (auto entry = loaded.entries.rbegin(); entry != loaded.entries.rend(); ++entry) {
    if (entry->payload != nullptr) return consensus::DecodeConfiguration(*entry->payload);
  }
  if (loaded.snapshot) return loaded.snapshot->configuration;
  return impl_->database->Damaged("there is no configuration in it");
}

absl::Status RocksLogStore::ForceNewCluster(const NodeIdentity& identity,
                                            const consensus::Payload& configuration) {
  ASSIGN_OR_RETURN(const Loaded loaded, LoadAll());
  const Term term(loaded.term + 1);
  const LogIndex last = loaded.first_index + loaded.entries.size() - 1;
  rocksdb::WriteBatch batch;
  impl_->PutMeta(batch, kIdentityKey, EncodeIdentity(identity));
  impl_->PutMeta(batch, kVoteKey, EncodeVote({term, NodeId()}));
  impl_->database->MustSucceed(
      batch.Put(impl_->database->family(kLogFamily), EncodeLogKey(last + 1),
                EncodeEntryHeader({term, EntryType::kConfiguration}) + *configuration),
      "preparing a write to");
  impl_->writer.WriteSynced(batch);
  return absl::OkStatus();
}

absl::StatusOr<RocksLogStore::Loaded> RocksLogStore::Load() {
  ASSIGN_OR_RETURN(Loaded loaded, LoadAll());
  impl_->writer.Start(loaded.first_index, loaded.first_index + loaded.entries.size() - 1,
                      loaded.snapshot ? loaded.snapshot->index : LogIndex());
  return loaded;
}

absl::StatusOr<RocksLogStore::Loaded> RocksLogStore::LoadAll() {
  ASSIGN_OR_RETURN(const std::optional<Vote> vote, impl_->GetRecord(kVoteKey, &DecodeVote));
  ASSIGN_OR_RETURN(const std::optional<StoredSnapshot> snapshot,
                   impl_->GetRecord(kSnapshotKey, &DecodeSnapshot));
  Loaded loaded;
  if (vote) {
    loaded.term = vote->term;
    loaded.voted_for = vote->voted_for;
  }
  loaded.first_index = LogIndex(1);
  if (snapshot) {
    loaded.snapshot = snapshot->record;
    loaded.first_index = snapshot->first_kept;
  }
  RETURN_IF_ERROR(impl_->LoadEntries(&loaded));
  if (snapshot) RETURN_IF_ERROR(impl_->CheckSnapshot(loaded, snapshot->first_kept));
  return loaded;
}

// Beside the queue: what is queued belongs to this term or an older one, so it may become durable
// after it.
void RocksLogStore::SaveTermAndVote(Term term, NodeId voted_for) {
  rocksdb::WriteBatch batch;
  impl_->PutMeta(batch, kVoteKey, EncodeVote({term, voted_for}));
  impl_->writer.WriteSynced(batch);
}

void RocksLogStore::Append(LogIndex first, std::vector<LogEntry> entries,
                           absl::AnyInvocable<void() &&> done) {
  impl_->writer.Append(first, std::move(entries), std::move(done));
}

std::vector<LogEntry> RocksLogStore::Read(LogIndex first, LogIndex last, size_t max_bytes) {
  // Taken first: what is written meanwhile is then here, and everything before it is in RocksDB
  // already.
  std::vector<LogEntry> unwritten;
  const LogIndex end = impl_->writer.ReadUnwritten(first, last, max_bytes, &unwritten);
  if (end == first) return unwritten;

  std::vector<LogEntry> entries;
  entries.reserve(std::min<uint64_t>(end - first, 1'024) + unwritten.size());
  size_t bytes = 0;
  LogScan scan(*impl_->database, first, end, 0);
  for (LogIndex index = first; index < end; ++index, scan.Next()) {
    impl_->database->MustSucceed(scan.status(), "reading from");
    const bool found = scan.Valid() && scan.index() == index;
    const std::optional<EntryHeader> header =
        found ? DecodeEntryHeader(scan.value()) : std::nullopt;
    REGISTRYD_CHECK(header, Text("entry ", index, " is missing in ", impl_->options.dir,
                                 "; the files were changed while registryd runs"));
    bytes += scan.value().size() - kEntryHeaderSize;
    if (bytes > max_bytes && index != first) return entries;
    entries.push_back({header->term, header->type, PayloadOf(scan.value())});
  }
  for (LogEntry& entry : unwritten) {
    bytes += entry.payload->size();
    if (bytes > max_bytes) break;
    entries.push_back(std::move(entry));
  }
  return entries;
}

void RocksLogStore::Cut(const consensus::SnapshotRecord& record, LogIndex first_kept) {
  impl_->writer.Cut({record, first_kept});
}

void RocksLogStore::Install(const consensus::SnapshotRecord& record, uint64_t generation) {
  impl_->writer.Install(record, generation);
}

bool RocksLogStore::HasSpace() const { return impl_->space.Enough(); }

LogStoreCounters RocksLogStore::counters() const { return impl_->writer.counters(); }

}  // namespace registryd::storage
