#include "registryd/storage/rocks_database.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/text.h"
#include "registryd/storage/directory.h"
#include "registryd/storage/record_file.h"
#include "registryd/storage/sequence_check.h"
#include "rocksdb/cache.h"
#include "rocksdb/file_checksum.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/sst_file_reader.h"
#include "rocksdb/table.h"

namespace registryd::storage {
namespace {

constexpr std::string_view kDamagedAdvice =
    "; registryd does not start on damaged data: remove this member from its cluster, empty the "
    "data "
    "directory and join again, or restore the data directory of a single node from a backup";

absl::Status DamagedIn(std::string_view dir, std::string_view what) {
  return absl::DataLossError(Text("the data in ", dir, " is damaged: ", what, kDamagedAdvice));
}

rocksdb::DBOptions DatabaseWide(const DatabaseOptions& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  // kRefuse: the default mode, point in time, would silently drop acknowledged records behind a
  // damaged one. With recycled WAL files the tolerant mode would do so too.
  db.wal_recovery_mode = options.wal_damage == WalDamage::kRefuse
                             ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                             : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.recycle_log_file_num = 0;
  // What was read back from the WAL may never have been synced (kill -9 before the fsync). Open
  // writes it to synced table files before anybody can act on it.
  db.avoid_flush_during_recovery = false;
  // All families go to table files together, at one point of the WAL. So after the loss of an
  // unsynced WAL tail none of them is ahead of the others; and a family that is seldom written does
  // not keep old WAL files alive.
  db.atomic_flush = true;
  db.max_total_wal_size = options.max_wal_bytes;
  // A background error is final: the next write fails and the process stops, instead of a hidden
  // retry.
  db.max_bgerror_resume_count = 0;
  // Each database has one writer at a time; and memtables of families that are seldom read need it.
  db.allow_concurrent_memtable_write = false;
  // The MANIFEST grows with each flush and is begun anew at this size.
  db.max_manifest_file_size = 4u << 20;
  db.manifest_preallocation_size = 64u << 10;
  db.bytes_per_sync = 1 << 20;
  db.max_background_jobs = 2;
  db.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.max_log_file_size = 1 << 20;
  db.keep_log_file_num = 3;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

rocksdb::ColumnFamilyOptions ForFamily(const FamilySpec& spec,
                                       const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = spec.memtable_bytes;
  if (spec.seldom_read) family.memtable_factory = std::make_shared<rocksdb::VectorRepFactory>();
  family.max_write_buffer_number = 3;
  family.compression = rocksdb::kNoCompression;
  family.bottommost_compression = rocksdb::kDisableCompressionOption;
  family.target_file_size_base = 32u << 20;
  // Writers wait for a compaction that lags behind, so that the disk stays bounded.
  family.level0_slowdown_writes_trigger = 12;
  family.level0_stop_writes_trigger = 20;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.format_version = 5;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

// RocksDB makes a new, empty database where CURRENT is missing, and deletes what it finds there.
absl::Status CheckCurrent(const std::string& dir) {
  struct stat info;
  if (::stat((dir + "/CURRENT").c_str(), &info) == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<std::string> tables, ListFiles(dir, ".sst"));
  ASSIGN_OR_RETURN(const std::vector<std::string> wals, ListFiles(dir, ".log"));
  if (tables.empty() && wals.empty()) return absl::OkStatus();
  return DamagedIn(dir, Text("the file ", dir, "/CURRENT is missing"));
}

absl::Status CheckManifest(const std::string& dir) {
  std::ifstream current(dir + "/CURRENT");
  std::string manifest;
  if (!std::getline(current, manifest)) return absl::OkStatus();  // new, or RocksDB will name it
  if (absl::Status status = CheckRecordFile(Text(dir, "/", manifest)); !status.ok()) {
    return DamagedIn(dir, std::string(status.message()));
  }
  return absl::OkStatus();
}

absl::Status CheckWals(const DatabaseOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFiles(options.dir, ".log"));
  for (const std::string& name : names) {
    const std::string path = Text(options.dir, "/", name);
    // Recovery turns the WAL into table files, family by family, and records them in the MANIFEST.
    // A power loss in between must find the same WAL again, so its unsynced part is made durable
    // first.
    RETURN_IF_ERROR(SyncPath(path));
    const absl::Status status = CheckRecordFile(path);
    if (status.ok()) continue;
    if (options.wal_damage == WalDamage::kRefuse || !absl::IsDataLoss(status)) {
      return DamagedIn(options.dir, std::string(status.message()));
    }
    log::Warning(
        "a write-ahead file is damaged; the writes behind the damage come again from the log",
        {{"error", status}});
  }
  return absl::OkStatus();
}

// Every byte of every table file, by the checksums of whole files in the MANIFEST. Tables of an older
// registryd have checksums of their blocks only, which leave out a few bytes of no meaning.
rocksdb::Status VerifyTables(rocksdb::DB& db) {
  rocksdb::ReadOptions read;
  read.readahead_size = 2u << 20;
  rocksdb::Status status = db.VerifyFileChecksums(read);
  if (!status.ok()) return status;
  std::vector<rocksdb::LiveFileMetaData> tables;
  db.GetLiveFilesMetaData(&tables);
  const bool older = std::any_of(tables.begin(), tables.end(), [](const auto& table) {
    return table.file_checksum_func_name == rocksdb::kUnknownFileChecksumFuncName;
  });
  return older ? db.VerifyChecksum(read) : status;
}

// Some damage of a table file is reported with the MANIFEST's name only.
std::string FindDamagedTable(const std::string& dir) {
  const auto tables = ListFiles(dir, ".sst");
  if (!tables.ok()) return "";
  for (const std::string& name : *tables) {
    rocksdb::SstFileReader reader{rocksdb::Options()};
    const std::string path = Text(dir, "/", name);
    rocksdb::Status status = reader.Open(path);
    if (status.ok()) status = reader.VerifyChecksum();
    if (!status.ok()) return Text(path, ": ", status.ToString(), "; ");
  }
  return "";
}

// A missing table file is named as very old databases did.
std::string WithTodaysNames(std::string error) {
  for (size_t at = 0; (at = error.find(".ldb", at)) != std::string::npos;)
    error.replace(at, 4, ".sst");
  return error;
}

absl::Status OpenError(const std::string& dir, const rocksdb::Status& status) {
  const std::string error = WithTodaysNames(status.ToString());
  if (status.IsCorruption() || status.IsPathNotFound()) {
    return DamagedIn(dir, FindDamagedTable(dir) + error);
  }
  if (status.IsNoSpace()) {
    return absl::ResourceExhaustedError(
        Text("opening ", dir, ": ", error, "; free space on that file system"));
  }
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return absl::FailedPreconditionError(
        Text("opening ", dir, ": ", error,
             "; it was probably written by a newer registryd: start that version"));
  }
  return absl::FailedPreconditionError(
      Text("opening ", dir, ": ", error,
           "; see that no other process uses it and that registryd may read and write it"));
}

}  // namespace

Database::Database(std::string dir, std::unique_ptr<SequenceCheck> sequence,
                   std::unique_ptr<rocksdb::DB> db,
                   std::vector<rocksdb::ColumnFamilyHandle*> handles)
    : dir_(std::move(dir)),
      sequence_(std::move(sequence)),
      db_(std::move(db)),
      handles_(std::move(handles)) {}

Database::~Database() {
  for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  // What Close cannot write any more is in the WAL.
  if (const rocksdb::Status status = db_->Close(); !status.ok()) {
    log::Warning("closing a database failed", {{"dir", dir_}, {"error", status.ToString()}});
  }
  if (!remove_when_closed_) return;
  db_.reset();
  std::error_code error;
  std::filesystem::remove_all(dir_, error);
  // The next start tries again.
  if (error)
    log::Warning("removing a directory failed", {{"dir", dir_}, {"error", error.message()}});
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const DatabaseOptions& options) {
  RETURN_IF_ERROR(MakeDirectories(options.dir));
  RETURN_IF_ERROR(CheckCurrent(options.dir));
  RETURN_IF_ERROR(CheckManifest(options.dir));
  RETURN_IF_ERROR(CheckWals(options));

  auto sequence = std::make_unique<SequenceCheck>(options.wal_damage);
  rocksdb::DBOptions wide = DatabaseWide(options);
  wide.wal_filter = sequence.get();
  const std::shared_ptr<rocksdb::Cache> cache =
      rocksdb::NewLRUCache(options.block_cache_bytes, /*num_shard_bits=*/2);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const FamilySpec& spec : options.families) {
    descriptors.emplace_back(spec.name, ForFamily(spec, cache));
  }
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName,
                           ForFamily({rocksdb::kDefaultColumnFamilyName, 64u << 10}, cache));

  rocksdb::DB* opened = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::Status status = rocksdb::DB::Open(wide, options.dir, descriptors, &handles, &opened);
  if (!sequence->hole().empty()) {
    if (!status.ok()) return DamagedIn(options.dir, sequence->hole());
    log::Warning("a write-ahead file has a hole; the writes behind it come again from the log",
                 {{"hole", sequence->hole()}});
  }
  if (!status.ok()) return OpenError(options.dir, status);
  std::unique_ptr<Database> database(new Database(
      options.dir, std::move(sequence), std::unique_ptr<rocksdb::DB>(opened), std::move(handles)));

  if (status = VerifyTables(*opened); !status.ok()) return OpenError(options.dir, status);
  return database;
}

void Database::MustSucceed(const rocksdb::Status& status, std::string_view doing) const {
  REGISTRYD_CHECK(status.ok(), Text(doing, " ", dir_, " failed: ", status.ToString(),
                                    "; nothing that was acknowledged is lost. Free space on the "
                                    "disk, or replace it, and start "
                                    "registryd again"));
}

absl::Status Database::Damaged(std::string_view what) const { return DamagedIn(dir_, what); }

}  // namespace registryd::storage
