// A RocksDB as registryd opens it: checked before use, small in memory, consistent over its column
// families.
//
//   DatabaseOptions options{.dir = dir, .families = {{"log", 16 << 20}, {"meta", 1 << 20}}};
//   ASSIGN_OR_RETURN(auto database, Database::Open(options));
//   database->MustSucceed(database->db().Write(write_options, &batch), "writing to");
//
// Only storage's .cc files include this. Threads: any, as RocksDB.
//
// Errors of Open: DATA_LOSS names the damaged file; FAILED_PRECONDITION: another process has it, or
// a newer registryd wrote it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/db.h"

namespace registryd::storage {

inline std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

struct FamilySpec {
  std::string name;
  size_t memtable_bytes;
  // Read only at the start and by whoever walks all of it: what was written last lies unsorted in
  // memory until it is flushed. Writing costs a fraction of a sorted insert, and a Get or a short
  // scan would sort the whole memtable first.
  bool seldom_read = false;
};

// What to do about a WAL that is damaged or has a hole.
enum class WalDamage {
  kRefuse,    // nothing may be missing: DATA_LOSS. A torn last record is no damage: it was never
              // acknowledged
  kStopThere  // open at the state before it: somebody else can replay the rest
};

struct DatabaseOptions {
  std::string dir;
  std::vector<FamilySpec> families;
  WalDamage wal_damage = WalDamage::kRefuse;
  size_t block_cache_bytes = 8u << 20;
  size_t max_wal_bytes = 64u << 20;
};

class SequenceCheck;

class Database {
 public:
  // Opens or creates; the checksums of all table files are verified, which reads each once.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const DatabaseOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* family(size_t i) {
    return handles_[i];
  }  // in DatabaseOptions' order
  size_t family_count() const { return handles_.size() - 1; }
  const std::string& dir() const { return dir_; }
  // Its directory goes with it. For a state that another one replaced.
  void RemoveWhenClosed() { remove_when_closed_ = true; }

  // Stops the process unless `status` is OK: after a storage error nothing may be acknowledged any
  // more.
  void MustSucceed(const rocksdb::Status& status, std::string_view doing) const;
  // DATA_LOSS with the directory, `what` and what to do.
  absl::Status Damaged(std::string_view what) const;

 private:
  Database(std::string dir, std::unique_ptr<SequenceCheck> sequence,
           std::unique_ptr<rocksdb::DB> db, std::vector<rocksdb::ColumnFamilyHandle*> handles);
  const std::string dir_;
  std::atomic<bool> remove_when_closed_{false};
  const std::unique_ptr<SequenceCheck> sequence_;  // the options in db_ point to it
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;  // one more than the specs: "default", unused
};

}  // namespace registryd::storage
