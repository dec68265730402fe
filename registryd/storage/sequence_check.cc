#include "registryd/storage/sequence_check.h"

#include "registryd/base/text.h"
#include "rocksdb/write_batch.h"

namespace registryd::storage {
namespace {

// A WriteBatch begins with the number of its first write, 8 bytes, little endian (write_batch.cc,
// kHeader).
uint64_t FirstWrite(const rocksdb::WriteBatch& batch) {
  const std::string& bytes = batch.Data();
  uint64_t number = 0;
  for (size_t i = 8; i-- > 0;) number = number << 8 | static_cast<uint8_t>(bytes[i]);
  return number;
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
