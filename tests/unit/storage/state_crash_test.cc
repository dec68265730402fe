// kill -9, power loss and damage: the state comes back as it was after one of the commits, in all
// its families.
#include <chrono>
#include <filesystem>
#include <set>

#include "registryd/storage/rocks_database.h"
#include "tests/unit/storage/state_fixture.h"

namespace registryd::storage {
namespace {

using ::testing::HasSubstr;

class StateCrash : public testing::Test {
 protected:
  // Commits random commands, one index each, so that every index has its own state.
  void CommitRandom(StoredRegistry& original, int commits) {
    for (int i = 0; i < commits; ++i) {
      const auto [context, command] = commands_.Next(original.registry());
      original.Apply(context, command);
      original.Commit();
    }
  }
  // Loads a copy and expects the state of one of the commits, which it answers.
  LogIndex ExpectACommit(const StoredRegistry& original, const std::string& dir) {
    core::Registry loaded;
    const auto position = OpenAndLoadState(dir, &loaded);
    EXPECT_TRUE(position.ok()) << position.status();
    if (!position.ok()) return LogIndex(0);
    const auto committed = original.committed().find(position->index);
    EXPECT_NE(committed, original.committed().end()) << position->index;
    if (committed != original.committed().end()) {
      EXPECT_EQ(loaded.counters(), committed->second) << position->index;
    }
    return position->index;
  }
  std::string Wal(const std::string& dir) { return FilesEndingIn(dir, ".log").back(); }

  const uint64_t seed_ = std::random_device{}();
  testing::ScopedTrace trace_{__FILE__, __LINE__, testing::Message() << "seed " << seed_};
  CommandSource commands_{seed_};
  TempDir dir_;
};

TEST_F(StateCrash, AKilledProcessKeepsEveryCommit) {
  StoredRegistry original(dir_ / "state");
  CommitRandom(original, 200);
  CopyTree(dir_ / "state", dir_ / "copy");
  core::Registry loaded;
  const auto position = OpenAndLoadState(dir_ / "copy", &loaded);
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(*position, original.position());
  ExpectEqual(original.registry(), loaded);
}

TEST_F(StateCrash, PowerLossLeavesACommitThatIsNotOlderThanTheSync) {
  StoredRegistry original(dir_ / "state");
  CommitRandom(original, 100);
  original.store().Sync();
  const LogIndex synced = original.position().index;
  const uint64_t synced_size = std::filesystem::file_size(Wal(dir_ / "state"));
  CommitRandom(original, 100);
  CopyTree(dir_ / "state", dir_ / "written");
  const uint64_t size = std::filesystem::file_size(Wal(dir_ / "written"));
  std::set<LogIndex> seen;
  for (uint64_t left = synced_size; left <= size; left += 1 + (size - synced_size) / 12) {
    CopyTree(dir_ / "written", dir_ / "copy");
    std::filesystem::resize_file(Wal(dir_ / "copy"), left);
    const LogIndex index = ExpectACommit(original, dir_ / "copy");
    EXPECT_GE(index, synced);
    seen.insert(index);
  }
  EXPECT_GT(seen.size(), 6u);
}

TEST_F(StateCrash, ADamagedWalGivesAnOlderCommitAndReplayGoesOnFromThere) {
  StoredRegistry original(dir_ / "state");
  CommitRandom(original, 150);
  const uint64_t size = std::filesystem::file_size(Wal(dir_ / "state"));
  std::mt19937_64 random(seed_);
  std::set<LogIndex> seen;
  for (int i = 0; i < 10; ++i) {
    CopyTree(dir_ / "state", dir_ / "copy");
    FlipBits(Wal(dir_ / "copy"), random() % size, static_cast<uint8_t>(1 + random() % 255));
    const LogIndex index = ExpectACommit(original, dir_ / "copy");
    EXPECT_LT(index, original.position().index);
    seen.insert(index);
    // What is committed now stays, and the damaged file does not come back.
    core::Registry replayed;
    {
      auto store = OpenState(dir_ / "copy");
      ASSERT_TRUE(store->Load(&replayed).ok());
      StateBatch batch;
      batch.Add(replayed.Apply({}, core::Register{{Spec(1'000)}, std::nullopt}));
      store->Commit(batch, replayed.counters(), {index + 1, Term(3)});
    }
    core::Registry again;
    const auto position = OpenAndLoadState(dir_ / "copy", &again);
    ASSERT_TRUE(position.ok()) << position.status();
    EXPECT_EQ(position->index, index + 1);
    ExpectEqual(replayed, again);
  }
  EXPECT_GT(seen.size(), 2u);
}

// A flush writes synced table files while the WAL is not synced. After a power loss the families
// must not differ.
TEST_F(StateCrash, TableFilesThatAreNewerThanTheSyncedWalAreOneCommit) {
  StoredRegistry original(dir_ / "state");
  CommitRandom(original, 20);
  uint64_t next = 100;
  const auto commit = [&](size_t filling) {
    core::Context context;
    context.request = {9, next};
    original.Apply(context, core::Register{{Spec(next, filling)},
                                           core::LeaseClaim{LeaseId(next), 6'000, "o"}});
    original.Commit();
    ++next;
  };
  // Large ones until a flush begins, small ones until it is over: then the WAL that it replaces is
  // gone.
  while (FilesEndingIn(dir_ / "state", ".log").size() == 1) {
    ASSERT_LT(next, 10'000u) << "no flush begins";
    for (int i = 0; i < 50; ++i) commit(64);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (FilesEndingIn(dir_ / "state", ".log").size() > 1) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the flush does not end";
    commit(0);
  }
  ASSERT_GE(FilesEndingIn(dir_ / "state", ".sst").size(), 4u);  // instances, leases, requests, meta
  CopyTree(dir_ / "state", dir_ / "written");
  const uint64_t size = std::filesystem::file_size(Wal(dir_ / "written"));
  std::set<LogIndex> seen;
  for (const uint64_t left : {uint64_t{0}, size / 3, size / 2, size}) {
    CopyTree(dir_ / "written", dir_ / "copy");
    std::filesystem::resize_file(Wal(dir_ / "copy"), left);
    const LogIndex index = ExpectACommit(original, dir_ / "copy");
    EXPECT_GT(index, LogIndex(20));
    seen.insert(index);
  }
  EXPECT_TRUE(seen.contains(original.position().index));
}

// The older WAL lost its unsynced end at a record's border, the newer one is there: RocksDB alone
// would go on with it and leave a hole.
TEST_F(StateCrash, AHoleBetweenTwoWalsEndsTheReplay) {
  LogIndex cut_at;
  uint64_t cut_size = 0;
  StoredRegistry original(dir_ / "state");
  CommitRandom(original, 30);
  cut_at = original.position().index;
  const std::string first_wal = std::filesystem::path(Wal(dir_ / "state")).filename();
  cut_size = std::filesystem::file_size(Wal(dir_ / "state"));
  CommitRandom(original, 5);
  CopyTree(dir_ / "state", dir_ / "two");
  {  // RocksDB itself, so that opening does not write the WAL to table files
    rocksdb::DBOptions options;
    options.avoid_flush_during_recovery = true;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, dir_ / "two",
                                  {{"instances", {}},
                                   {"leases", {}},
                                   {"requests", {}},
                                   {"meta", {}},
                                   {"history", {}},
                                   {"services", {}},
                                   {"default", {}}},
                                  &handles, &db)
                    .ok());
    std::string record;
    wire::EncodeStateRecord({original.registry().counters(), LogIndex(1'000), Term(3)}, &record);
    ASSERT_TRUE(db->Put({}, handles[3], "state", record).ok());
    for (auto* handle : handles) ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    ASSERT_TRUE(db->Close().ok());
    delete db;
  }
  CopyTree(dir_ / "two", dir_ / "whole");
  core::Registry loaded;
  const auto whole = OpenAndLoadState(dir_ / "whole", &loaded);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->index, LogIndex(1'000));

  std::filesystem::resize_file(dir_ / ("two/" + first_wal), cut_size);
  EXPECT_EQ(ExpectACommit(original, dir_ / "two"), cut_at);
}

TEST_F(StateCrash, ADamagedTableFileIsNamed) {
  {
    StoredRegistry original(dir_ / "state");
    CommitRandom(original, 300);
  }
  { ASSERT_NE(OpenState(dir_ / "state"), nullptr); }  // writes the WAL to table files
  for (const std::string& original : FilesEndingIn(dir_ / "state", ".sst")) {
    const std::string name = std::filesystem::path(original).filename();
    CopyTree(dir_ / "state", dir_ / "copy");
    FlipBits(dir_ / ("copy/" + name), std::filesystem::file_size(original) / 4, 0x08);
    const absl::Status status = StateStore::Open(dir_ / "copy").status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(dir_ / ("copy/" + name)));
  }
}

}  // namespace
}  // namespace registryd::storage
