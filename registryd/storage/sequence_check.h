// Sees that no write is missing between the WAL records that RocksDB replays.
//
// Each record says the number of its first write and how many it holds, so the next one's number is
// known. RocksDB does not compare them (7.8): when an older WAL file lost its end at a record's
// border, it goes on with the next file and the state has a hole. Install it as
// rocksdb::DBOptions::wal_filter for one Open. Threads: the one that opens.
#pragma once

#include <cstdint>
#include <string>

#include "registryd/storage/rocks_database.h"
#include "rocksdb/wal_filter.h"

namespace registryd::storage {

class SequenceCheck final : public rocksdb::WalFilter {
 public:
  explicit SequenceCheck(WalDamage on_hole) : on_hole_(on_hole) {}

  const char* Name() const override { return "registryd.SequenceCheck"; }
  WalProcessingOption LogRecordFound(unsigned long long number, const std::string& file,
                                     const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch* replaced, bool* changed) override;
  // "writes 17 to 20 are missing before /x/000012.log"; empty when nothing is.
  const std::string& hole() const { return hole_; }

 private:
  const WalDamage on_hole_;
  uint64_t next_ = 0;  // 0: no record seen yet
  std::string hole_;
};

}  // namespace registryd::storage
