#include "registryd/storage/record_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/storage/test_files.h"

namespace registryd::storage {
namespace {

constexpr size_t kBlock = 32'768;

// Writes records as RocksDB does (db/log_writer.cc).
class RecordWriter {
 public:
  void Add(std::string_view record) {
    bool first = true;
    do {
      const size_t left = kBlock - bytes.size() % kBlock;
      if (left < 7) {
        bytes.append(left, '\0');
        continue;
      }
      const size_t size = std::min(record.size(), left - 7);
      const bool last = size == record.size();
      AddFragment(first ? (last ? 1 : 2) : (last ? 4 : 3), record.substr(0, size));
      record.remove_prefix(size);
      first = false;
      if (last) return;
    } while (true);
  }
  std::string bytes;

 private:
  void AddFragment(int type, std::string_view part) {
    std::string covered(1, static_cast<char>(type));
    covered += part;
    const uint32_t crc = ExtendCrc32c(0, covered);
    const uint32_t masked = (crc >> 15 | crc << 17) + 0xa282ead8u;
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(masked >> (8 * i) & 0xFF));
    bytes.push_back(static_cast<char>(part.size() & 0xFF));
    bytes.push_back(static_cast<char>(part.size() >> 8));
    bytes += covered;
  }
};

class RecordFile : public testing::Test {
 protected:
  absl::Status Check(std::string_view bytes) {
    WriteAll(dir_ / "f", bytes);
    return CheckRecordFile(dir_ / "f");
  }
  TempDir dir_;
};

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(ExtendCrc32c(0, "123456789"), 0xE3069283u);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(ExtendCrc32c(ExtendCrc32c(0, "1234"), "56789"), 0xE3069283u);
}

TEST_F(RecordFile, AnAbsentOrEmptyFileIsWhole) {
  EXPECT_TRUE(CheckRecordFile(dir_ / "absent").ok());
  EXPECT_TRUE(Check("").ok());
}

TEST_F(RecordFile, EveryPrefixIsATornTail) {
  RecordWriter file;
  for (size_t size : {5u, 300u, 32'000u, 70'000u, 453u, 100u}) file.Add(std::string(size, 'x'));
  for (size_t size = 0; size <= file.bytes.size(); size += size < 400 ? 1 : 97) {
    const absl::Status status = Check(file.bytes.substr(0, size));
    EXPECT_TRUE(status.ok()) << size << " " << status;
  }
}

TEST_F(RecordFile, ZeroesAtTheEndAreATornTail) {
  RecordWriter file;
  file.Add(std::string(1'000, 'x'));
  EXPECT_TRUE(Check(file.bytes + std::string(100'000, '\0')).ok());
}

// Parts of one torn write may reach the disk in any order.
TEST_F(RecordFile, LaterPartsOfTheTornRecordAreNoDamage) {
  RecordWriter file;
  file.Add(std::string(100, 'x'));
  const size_t begin = file.bytes.size();
  file.Add(std::string(80'000, 'y'));
  std::string bytes = file.bytes;
  bytes.replace(begin, kBlock - begin, std::string(kBlock - begin, '\0'));
  EXPECT_TRUE(Check(bytes).ok());
}

TEST_F(RecordFile, AnyFlippedBitIsDamage) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  RecordWriter file;
  for (int i = 0; i < 12; ++i) {
    std::string record(random() % 9'000, '\0');
    for (char& c : record) c = static_cast<char>(random());
    file.Add(record);
  }
  int tried = 0;
  while (tried < 400) {
    const size_t at = random() % file.bytes.size();
    const size_t in_block = at % kBlock;
    if (in_block > kBlock - 7) continue;  // may be filling between blocks
    std::string bytes = file.bytes;
    bytes[at] = static_cast<char>(static_cast<uint8_t>(bytes[at]) ^ 1u << random() % 8);
    const absl::Status status = Check(bytes);
    EXPECT_TRUE(absl::IsDataLoss(status)) << "byte " << at << " of " << bytes.size();
    EXPECT_THAT(std::string(status.message()),
                testing::StartsWith((dir_ / "f") + " is damaged at byte "));
    ++tried;
  }
}

TEST_F(RecordFile, AnOverwrittenSectorBeforeWholeRecordsIsDamage) {
  RecordWriter file;
  for (int i = 0; i < 400; ++i) file.Add(std::string(200, 'x'));
  for (const size_t at : {size_t{0}, size_t{512}, size_t{33'000}, file.bytes.size() - 2'000}) {
    for (const char with : {'\0', '\xff', 'z'}) {
      std::string bytes = file.bytes;
      bytes.replace(at, 512, std::string(512, with));
      EXPECT_TRUE(absl::IsDataLoss(Check(bytes))) << at;
    }
  }
}

TEST_F(RecordFile, RecordsBehindAHoleOfAWholeBlockAreDamage) {
  RecordWriter file;
  for (int i = 0; i < 400; ++i) file.Add(std::string(300, 'x'));
  std::string bytes = file.bytes;
  bytes.replace(kBlock, kBlock, std::string(kBlock, '\0'));
  EXPECT_TRUE(absl::IsDataLoss(Check(bytes)));
}

}  // namespace
}  // namespace registryd::storage
