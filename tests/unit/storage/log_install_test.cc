// A snapshot replaces the log; a backup and a forced recovery begin one.
#include <gtest/gtest.h>

#include "registryd/consensus/configuration_codec.h"
#include "tests/unit/storage/log_fixture.h"

namespace registryd::storage {
namespace {

consensus::LogEntry Members(uint64_t term, const consensus::Configuration& members) {
  return {Term(term), consensus::EntryType::kConfiguration,
          *consensus::EncodeConfiguration(members)};
}

class LogInstallTest : public ::testing::Test {
 protected:
  std::unique_ptr<RocksLogStore> Open() {
    auto store = RocksLogStore::Open({.dir = dir_ / "log"});
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  // Entries 1 to 10.
  std::unique_ptr<RocksLogStore> OpenWithTen() {
    auto store = Open();
    EXPECT_TRUE(
        store->Bootstrap(identity_, Members(1, {{NodeId(2), "a:1"}, {NodeId(3), "b:1"}})).ok());
    EXPECT_TRUE(store->Load().ok());
    std::vector<consensus::LogEntry> entries(9, Entry(1, "x"));
    Signal written;
    store->Append(LogIndex(2), entries, [&written] { written.Set(); });
    EXPECT_TRUE(written.Wait());
    return store;
  }
  const consensus::SnapshotRecord record_{
      LogIndex(50), Term(4), {{NodeId(2), "a:1"}, {NodeId(3), "b:1"}}, LogIndex(40)};
  const NodeIdentity identity_{ClusterId(1), NodeId(2), "a"};
  TempDir dir_;
};

TEST_F(LogInstallTest, TheLogGoesOnBehindTheSnapshot) {
  {
    auto store = OpenWithTen();
    HeldWriter held(*store, LogIndex(10));
    store->SaveTermAndVote(Term(4), NodeId(3));
    store->Append(LogIndex(11), {Entry(4, "waits")}, nullptr);
    held.Release();
    store->Install(record_, 6);
    store->Append(LogIndex(51), {Entry(4, "after")}, nullptr);
    EXPECT_EQ(*store->Read(LogIndex(51), LogIndex(51), 100)[0].payload, "after");
  }
  auto store = Open();
  EXPECT_EQ(*store->LoadGeneration(), 6u);
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->snapshot, record_);
  EXPECT_EQ(loaded->first_index, LogIndex(51));
  ASSERT_EQ(loaded->entries.size(), 1u);
  EXPECT_EQ(loaded->term, Term(4));
}

// Until it returns the old log counts, from then on the new one: at each point in time the
// directory is copied and opened.
TEST_F(LogInstallTest, ACrashLeavesTheOldOrTheNewLog) {
  auto store = OpenWithTen();
  const auto check = [this](bool installed) {
    CopyTree(dir_ / "log", dir_ / "crashed");
    auto crashed = RocksLogStore::Open({.dir = dir_ / "crashed"});
    ASSERT_TRUE(crashed.ok()) << crashed.status();
    EXPECT_EQ(*(*crashed)->LoadGeneration(), installed ? 6u : 0u);
    const auto loaded = (*crashed)->Load();
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->snapshot.has_value(), installed);
    EXPECT_EQ(loaded->entries.size(), installed ? 0u : 10u);
  };
  store->SaveTermAndVote(Term(4), NodeId(3));
  check(false);
  store->Install(record_, 6);
  check(true);
}

TEST_F(LogInstallTest, ARestoredNodeStartsBehindItsBackup) {
  const consensus::SnapshotRecord record{LogIndex(50), Term(4), {{NodeId(9), "n:1"}}, LogIndex(50)};
  {
    auto store = Open();
    ASSERT_TRUE(store->Restore({ClusterId(8), NodeId(9), "n"}, record, 1).ok());
    EXPECT_TRUE(
        absl::IsFailedPrecondition(store->Restore({ClusterId(8), NodeId(9), "n"}, record, 1)));
  }
  auto store = Open();
  EXPECT_EQ((*store->LoadIdentity())->cluster, ClusterId(8));
  EXPECT_EQ(*store->LoadGeneration(), 1u);
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->snapshot, record);
  EXPECT_EQ(loaded->term, Term(4));
}

TEST_F(LogInstallTest, AForcedClusterKeepsTheLogAndForgetsTheOthers) {
  OpenWithTen().reset();
  {
    auto store = Open();
    EXPECT_EQ(store->NewestConfiguration()->size(), 2u);
    const consensus::Configuration alone = {{NodeId(2), "a:1"}};
    ASSERT_TRUE(store
                    ->ForceNewCluster({ClusterId(77), NodeId(2), "a"},
                                      *consensus::EncodeConfiguration(alone))
                    .ok());
    EXPECT_EQ(*store->NewestConfiguration(), alone);
  }
  auto store = Open();
  EXPECT_EQ((*store->LoadIdentity())->cluster, ClusterId(77));
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->entries.size(), 11u);
  EXPECT_EQ(loaded->term, Term(2));
}

}  // namespace
}  // namespace registryd::storage
