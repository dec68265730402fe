// The disk as a resource: it stays bounded, and what happens when it is full.
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "tests/unit/storage/log_fixture.h"

namespace registryd::storage {
namespace {

TEST(LogDisk, ManyEntriesAndCutsLeaveABoundedDirectory) {
  TempDir dir(TempDir::kOnDisk);
  constexpr size_t kMemtable = 256u << 10;
  auto store = NewLog({.dir = dir / "log", .memtable_bytes = kMemtable});
  const std::string payload(1'000, 'p');
  constexpr uint64_t kKept = 500;  // half a megabyte
  uint64_t next = 2;
  uint64_t largest = 0;
  for (int round = 0; round < 600; ++round) {
    AppendSynced(*store, next, std::vector<consensus::LogEntry>(50, Entry(1, payload)));
    next += 50;
    if (round % 10 != 9) continue;
    const LogIndex kept(next > kKept ? next - kKept : 1);
    store->Cut({LogIndex(next - 1), Term(1), {}, LogIndex(1)}, kept);
    Drain(*store, LogIndex(next - 1));
    largest = std::max(largest, DiskBytes(dir / "log"));
  }
  // 30 MB went through. At the worst, when compactions do not get to run: 20 table files before
  // writers wait for them (rocks_database.cc), the WALs of 4 memtables, and what is kept.
  EXPECT_GT(store->counters().payload_bytes, 29'000'000u);
  EXPECT_LT(largest, 40 * kMemtable);
  EXPECT_LT(DiskBytes(dir / "log"), 40 * kMemtable);
  EXPECT_EQ(store->Read(LogIndex(next - kKept), LogIndex(next - 1), 1u << 30).size(), kKept);
}

// Votes alone never fill a memtable of the log; they must not keep its old WALs alive either.
TEST(LogDisk, RareMetaWritesDoNotKeepOldWals) {
  TempDir dir(TempDir::kOnDisk);
  auto store = NewLog({.dir = dir / "log", .memtable_bytes = 256u << 10});
  const std::string payload(50'000, 'p');
  for (uint64_t i = 0; i < 100; ++i) {
    if (i % 20 == 0) store->SaveTermAndVote(Term(2 + i), NodeId(1));
    AppendSynced(*store, 2 + i, {Entry(1, payload)});
  }
  EXPECT_LE(FilesEndingIn(dir / "log", ".log").size(), 4u);
  uint64_t wal_bytes = 0;
  for (const auto& wal : FilesEndingIn(dir / "log", ".log"))
    wal_bytes += std::filesystem::file_size(wal);
  EXPECT_LT(wal_bytes, 1'500'000u);
}

TEST(LogDisk, HasSpaceComparesWithTheReserve) {
  TempDir dir;
  EXPECT_TRUE(NewLog({.dir = dir / "a", .reserve_bytes = 1})->HasSpace());
  EXPECT_FALSE(NewLog({.dir = dir / "b", .reserve_bytes = UINT64_MAX})->HasSpace());
}

void AppendUntilItFails(const std::string& dir) {
  auto store = NewLog({.dir = dir});
  for (uint64_t i = 2; i < 1'000; ++i)
    AppendSynced(*store, i, {Entry(1, std::string(100'000, 'x'))});
}

TEST(LogDiskDeathTest, AFailedWriteStopsTheProcessAndSaysWhatToDo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  TempDir dir;
  const auto with_small_files = [&dir] {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit;
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 1u << 20;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    AppendUntilItFails(dir / "log");
  };
  EXPECT_DEATH(with_small_files(),
               "writing to .*/log failed: .*File too large.*Free space on the disk, or replace it, "
               "and start "
               "registryd again");
}

TEST(LogDiskDeathTest, AFullDiskStopsTheProcessAndTheLogOpensAgainWithSpace) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  TempDir dir;
  const std::string mount = dir / "mount";
  // In the death test's own process the directory is there and mounted.
  if (std::filesystem::create_directory(mount) &&
      ::mount("tmpfs", mount.c_str(), "tmpfs", 0, "size=40m") != 0) {
    GTEST_SKIP() << "mounting a small tmpfs is not permitted here";
  }
  EXPECT_DEATH(AppendUntilItFails(mount + "/log"),
               "writing to .*/log failed: .*No space left on device");
  EXPECT_EQ(::mount("tmpfs", mount.c_str(), "tmpfs", MS_REMOUNT, "size=100m"), 0);
  const auto loaded = OpenAndLoad(mount + "/log");
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  if (loaded.ok()) {
    EXPECT_GT(loaded->entries.size(), 5u);
  }
  ::umount2(mount.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace registryd::storage
