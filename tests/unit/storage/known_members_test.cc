// Members are remembered by their data, over restarts.

#include "registryd/storage/known_members.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace registryd::storage {
namespace {

class KnownMembersTest : public ::testing::Test {
 protected:
  KnownMembersTest() {
    std::string pattern = ::testing::TempDir() + "/known_XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~KnownMembersTest() override { std::filesystem::remove_all(dir_); }
  std::unique_ptr<KnownMembers> Open(uint64_t cluster = 5) {
    auto known = KnownMembers::Open(dir_ + "/members", ClusterId(cluster));
    EXPECT_TRUE(known.ok()) << known.status();
    return *std::move(known);
  }
  std::string dir_;
};

TEST_F(KnownMembersTest, AMemberWithOtherDataIsRefusedByNameAlsoAfterARestart) {
  auto known = Open();
  EXPECT_TRUE(known->Meet(NodeId(2), "b", 11).ok());
  EXPECT_TRUE(known->Meet(NodeId(2), "b", 11).ok());
  EXPECT_TRUE(known->Meet(NodeId(3), "a name", 12).ok());
  for (int life = 0; life < 2; ++life) {
    const absl::Status refused = known->Meet(NodeId(2), "b", 99);
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(std::string(refused.message()).find("\"b\""), std::string::npos) << refused;
    EXPECT_TRUE(known->Meet(NodeId(2), "b", 11).ok());
    EXPECT_EQ(known->NameOf(NodeId(3)), "a name");
    EXPECT_EQ(known->NameOf(NodeId(4)), "");
    known = Open();
  }
}

TEST_F(KnownMembersTest, ANodeKeepsItsName) {
  auto known = Open(5);
  known->Name(NodeId(2), "b");
  EXPECT_EQ(known->Meet(NodeId(2), "c", 11).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(known->Meet(NodeId(2), "b", 11).ok());
  EXPECT_EQ(known->Meet(NodeId(2), "c", 11).code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(KnownMembersTest, ANameAloneIsNoMeeting) {
  auto known = Open();
  known->Name(NodeId(2), "b");
  EXPECT_EQ(known->NameOf(NodeId(2)), "b");
  EXPECT_TRUE(known->Meet(NodeId(2), "b", 11).ok());
  known->Name(NodeId(2), "other");
  EXPECT_EQ(known->NameOf(NodeId(2)), "b");
}

TEST_F(KnownMembersTest, AnotherClusterIsAnotherLife) {
  EXPECT_TRUE(Open(5)->Meet(NodeId(2), "b", 11).ok());
  EXPECT_TRUE(Open(6)->Meet(NodeId(2), "b", 12).ok());
}

TEST_F(KnownMembersTest, ADamagedFileIsNamed) {
  for (const std::string bytes : {"", "nonsense\n", "cluster 5\nx y z\n"}) {
    std::ofstream(dir_ + "/members", std::ios::trunc) << bytes;
    const auto known = KnownMembers::Open(dir_ + "/members", ClusterId(5));
    EXPECT_EQ(known.status().code(), absl::StatusCode::kDataLoss) << bytes;
    EXPECT_NE(std::string(known.status().message()).find(dir_ + "/members"), std::string::npos);
  }
}

}  // namespace
}  // namespace registryd::storage
