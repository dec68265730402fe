#include "registryd/storage/log_records.h"

#include <gtest/gtest.h>

namespace registryd::storage {
namespace {

using consensus::EntryType;
using consensus::Suffrage;

// The bytes are a format on disk: they must not change.
TEST(LogRecords, BytesAreFixed) {
  EXPECT_EQ(EncodeLogKey(LogIndex(0x0102030405060708)), "\x01\x02\x03\x04\x05\x06\x07\x08");
  EXPECT_EQ(EncodeEntryHeader({Term(0x0102), EntryType::kBarrier}),
            std::string("\x02\x01\0\0\0\0\0\0\x02", 9));
  EXPECT_EQ(EncodeFormat(1), std::string("\x01\0\0\0", 4));
  EXPECT_EQ(EncodeIdentity({ClusterId(5), NodeId(6), "ab", 7}),
            std::string("\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0ab", 26));
  EXPECT_EQ(EncodeVote({Term(3), NodeId(4)}),
            std::string("\x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(
      EncodeSnapshot({{LogIndex(1), Term(2), {{NodeId(4), "h:1", Suffrage::kVoter}}, LogIndex(3)},
                      LogIndex(5)}),
      std::string(
          "\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x01\0\0\0"
          "\x04\0\0\0\0\0\0\0\x01\x03\0\0\0h:1",
          52));
}

TEST(LogRecords, KeysSortAsTheLogDoes) {
  EXPECT_LT(EncodeLogKey(LogIndex(255)), EncodeLogKey(LogIndex(256)));
  EXPECT_EQ(DecodeLogKey(EncodeLogKey(LogIndex(UINT64_MAX))), LogIndex(UINT64_MAX));
}

TEST(LogRecords, RefuseBytesThatAreShortLongOrOutOfRange) {
  EXPECT_FALSE(DecodeLogKey("1234567"));
  EXPECT_FALSE(DecodeEntryHeader(std::string("\x01\0\0\0\0\0\0\0", 8)));
  EXPECT_FALSE(DecodeEntryHeader(std::string("\x01\0\0\0\0\0\0\0\0", 9)));
  EXPECT_FALSE(DecodeEntryHeader(std::string("\x01\0\0\0\0\0\0\0\x04", 9)));
  EXPECT_TRUE(DecodeEntryHeader(std::string("\x01\0\0\0\0\0\0\0\x03", 9)));
  EXPECT_FALSE(DecodeFormat("12345"));
  EXPECT_FALSE(DecodeIdentity(std::string(23, 'x')));
  EXPECT_FALSE(DecodeVote(std::string(17, 'x')));

  const std::string whole =
      EncodeSnapshot({{LogIndex(9),
                       Term(2),
                       {{NodeId(4), "h:1", Suffrage::kVoter}, {NodeId(5), "", Suffrage::kSpare}},
                       LogIndex(3)},
                      LogIndex(5)});
  const auto snapshot = DecodeSnapshot(whole);
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(EncodeSnapshot(*snapshot), whole);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(DecodeSnapshot(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(DecodeSnapshot(whole + "x"));
  // A count of servers that was never written must not be believed.
  std::string many = whole;
  many.replace(32, 4, "\xff\xff\xff\xff");
  EXPECT_FALSE(DecodeSnapshot(many));
}

}  // namespace
}  // namespace registryd::storage
