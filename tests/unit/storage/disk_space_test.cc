#include "registryd/storage/disk_space.h"

#include <gtest/gtest.h>

#include "tests/unit/storage/test_files.h"

namespace registryd::storage {
namespace {

class DiskSpaceTest : public testing::Test {
 protected:
  FakeClock clock_;
  absl::StatusOr<uint64_t> free_ = 1'000;
  int asked_ = 0;
  DiskSpace space_{1'000, clock_, [this] {
                     ++asked_;
                     return free_;
                   }};
};

TEST_F(DiskSpaceTest, AsksAtMostOnceASecond) {
  EXPECT_TRUE(space_.Enough());
  free_ = 999;
  clock_.Advance(DiskSpace::kSampleMs - 1);
  EXPECT_TRUE(space_.Enough());
  EXPECT_EQ(asked_, 1);
  clock_.Advance(1);
  EXPECT_FALSE(space_.Enough());
  EXPECT_FALSE(space_.Enough());
  EXPECT_EQ(asked_, 2);
  free_ = 1'000;
  clock_.Advance(DiskSpace::kSampleMs);
  EXPECT_TRUE(space_.Enough());
}

TEST_F(DiskSpaceTest, AsksEarlierAfterMuchWasWritten) {
  free_ = 0;
  space_.Written(DiskSpace::kSampleBytes - 1);
  EXPECT_TRUE(space_.Enough());
  space_.Written(1);
  EXPECT_FALSE(space_.Enough());
  EXPECT_EQ(asked_, 2);
}

TEST_F(DiskSpaceTest, RefusesWhenTheFileSystemCannotSay) {
  free_ = absl::NotFoundError("gone");
  clock_.Advance(DiskSpace::kSampleMs);
  EXPECT_FALSE(space_.Enough());
}

TEST(FreeBytes, AnswersForADirectoryAndNamesAMissingOne) {
  TempDir dir;
  const auto free = FreeBytes(dir.path());
  ASSERT_TRUE(free.ok()) << free.status();
  EXPECT_GT(*free, 0u);
  const auto missing = FreeBytes(dir / "missing");
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_NE(std::string(missing.status().message()).find(dir / "missing"), std::string::npos);
}

}  // namespace
}  // namespace registryd::storage
