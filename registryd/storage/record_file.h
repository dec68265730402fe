// Finds the damage in RocksDB's record files (WAL and MANIFEST) that RocksDB itself takes for a
// torn tail.
//
// A process that dies while it writes leaves a part of its last record, and that part was never
// acknowledged. RocksDB skips it silently, and so it must be. But it takes three kinds of damage
// for the same thing, and drops whole, acknowledged records without a word (7.8, db/log_reader.cc):
//   - a damaged length in the last 32 KiB of a file: the record seems to reach beyond the end;
//   - a zeroed header: the rest of its 32 KiB block is skipped;
//   - a file that ends too soon, when a later one goes on.
// CheckRecordFile finds the first two: it asks whether a record that was written whole stands at or
// behind the place where the chain of records breaks. SequenceCheck finds the third, and every
// other hole between records.
//
// Threads: any. Cost: one sequential read of the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace registryd::storage {

// DATA_LOSS "<path> is damaged at byte N". OK for whole files, torn tails and absent files.
absl::Status CheckRecordFile(const std::string& path);

// CRC-32C as in RocksDB's files. `crc` is what a former part gave, or 0.
uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes);

}  // namespace registryd::storage
