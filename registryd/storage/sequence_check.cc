#include "registryd/storage/sequence_check.h"

#include "registryd/base/bytes.h"
#include "registryd/base/text.h"
#include "rocksdb/write_batch.h"

namespace registryd::storage {
namespace {

// A WriteBatch begins with the number of its first write, 8 bytes, little endian (write_batch.cc,
// kHeader).
uint64_t FirstWrite(const rocksdb::WriteBatch& batch) {
  return ByteReader(batch.Data()).Take<uint64_t>();
}

}  // namespace

rocksdb::WalFilter::WalProcessingOption SequenceCheck::LogRecordFound(
    unsigned long long /*number*/, const std::string& file, const rocksdb::WriteBatch& batch,
    rocksdb::WriteBatch* /*replaced*/, bool* /*changed*/) {
  const uint64_t first = FirstWrite(batch);
  if (next_ != 0 && first != next_) {
    if (hole_.empty()) {
      hole_ = Text("writes ", next_, " to ", first - 1, " are missing before a record of ", file);
    }
    return on_hole_ == WalDamage::kStopThere ? WalProcessingOption::kStopReplay
                                             : WalProcessingOption::kCorruptedRecord;
  }
  next_ = first + batch.Count();
  return WalProcessingOption::kContinueProcessing;
}

}  // namespace registryd::storage
