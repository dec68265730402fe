// What a HistoryReader holds of RocksDB. Only storage's .cc files include this.
#pragma once

#include <memory>

#include "registryd/storage/history_reader.h"
#include "registryd/storage/rocks_database.h"

namespace registryd::storage {

struct HistoryReader::Impl {
  Impl(std::shared_ptr<Database> held, size_t history_family);
  ~Impl();
  rocksdb::ReadOptions options() const;
  // The entry of exactly this revision.
  absl::StatusOr<wire::HistoryEntry> Get(Revision revision, const wire::WantedName& wanted) const;

  const std::shared_ptr<Database> database;
  rocksdb::ColumnFamilyHandle* const family;
  const rocksdb::Snapshot* const snapshot;
};

}  // namespace registryd::storage
