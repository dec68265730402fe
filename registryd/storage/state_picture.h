// What the state's RocksDB held at one moment, family by family: what a snapshot is made of.
//
//   std::shared_ptr<const StatePicture> picture = store->Pin();      // writes go on meanwhile
//   ASSIGN_OR_RETURN(const auto head, picture->ReadHead());
//   for (auto cursor = picture->Scan(family); cursor->Valid(); cursor->Next()) ...
//
// It outlives the store and keeps its files open, so let it go soon. Only storage's .cc files
// include this. Threads: one at a time. Errors: DATA_LOSS names the place.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "registryd/consensus/types.h"
#include "registryd/storage/rocks_database.h"
#include "registryd/wire/record_codec.h"

namespace registryd::storage {

class StatePicture {
 public:
  explicit StatePicture(std::shared_ptr<Database> database);
  ~StatePicture();
  StatePicture(const StatePicture&) = delete;
  StatePicture& operator=(const StatePicture&) = delete;

  struct Head {
    wire::StoredState state;
    consensus::SnapshotRecord record;
  };
  // FAILED_PRECONDITION: nothing was applied yet.
  absl::StatusOr<Head> ReadHead() const;
  // In the keys' order.
  std::unique_ptr<rocksdb::Iterator> Scan(size_t family) const;
  Database& database() const { return *database_; }

 private:
  absl::StatusOr<std::string> ReadConfiguration() const;
  const std::shared_ptr<Database> database_;
  const rocksdb::Snapshot* const snapshot_;
};

// The record of the state: "state" in the family "meta". Absent: nothing was applied yet.
// FAILED_PRECONDITION: a newer registryd wrote it. DATA_LOSS: it is damaged.
absl::StatusOr<std::optional<wire::StoredState>> ReadStoredState(
    Database& database, const rocksdb::ReadOptions& options);

// The record of the members as of the applied index: "configuration" in the family "meta".
std::string EncodeStoredConfiguration(LogIndex index, std::string_view configuration);

}  // namespace registryd::storage
