// kill -9 and power loss: what was acknowledged is there, and what is there is a prefix of what was
// appended.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include "registryd/base/text.h"
#include "registryd/storage/log_records.h"
#include "registryd/storage/rocks_database.h"
#include "tests/unit/storage/log_fixture.h"

namespace registryd::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kWriterDir = "REGISTRYD_TEST_WRITER_DIR";
constexpr int kWriterPipe = 100;
constexpr size_t kMemtable =
    128u << 10;  // so that flushes and compactions are among what is killed

std::string PayloadAt(uint64_t index) {
  return Text(index, ":", std::string(index * 97 % 3'000, 'x'));
}

// Not a test: the process that AKilledProcess... starts and kills. Says on a pipe which index is on
// disk.
TEST(LogCrash, DISABLED_Writer) {
  auto store = OpenLog({.dir = ::getenv(kWriterDir), .memtable_bytes = kMemtable});
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  uint64_t next = loaded->entries.size() + loaded->first_index.value();
  std::atomic<uint64_t> written{next - 1};
  for (;; ++next) {
    while (next - written > 50) std::this_thread::yield();
    store->Append(LogIndex(next), {Entry(1, PayloadAt(next))}, [&written, at = next] {
      written = at;
      if (::write(kWriterPipe, &at, sizeof(at)) != sizeof(at)) std::abort();
    });
    if (next % 300 == 0) {
      store->Cut({LogIndex(next - 50), Term(1), {}, LogIndex(1)}, LogIndex(next - 150));
    }
  }
}

// Starts the writer, kills it after `acknowledgements`, and answers the last index that it said is
// on disk.
uint64_t RunAndKillWriter(const std::string& dir, uint64_t acknowledgements) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  ::setenv(kWriterDir, dir.c_str(), 1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], kWriterPipe);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execl("/proc/self/exe", "writer", "--gtest_filter=LogCrash.DISABLED_Writer",
            "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr);
    ::_exit(1);
  }
  ::close(ends[1]);
  uint64_t last = 0;
  uint64_t index = 0;
  for (uint64_t count = 0; ::read(ends[0], &index, sizeof(index)) == sizeof(index); last = index) {
    if (++count == acknowledgements) ::kill(child, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  return last;
}

TEST(LogCrash, AKilledProcessKeepsWhatWasAcknowledged) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  TempDir dir;
  NewLog({.dir = dir / "log", .memtable_bytes = kMemtable}).reset();
  for (int round = 0; round < 6; ++round) {
    const uint64_t acknowledged = RunAndKillWriter(dir / "log", 1 + random() % 1'500);
    ASSERT_GT(acknowledged, 1u);
    auto store = OpenLog({.dir = dir / "log", .memtable_bytes = kMemtable});
    const auto loaded = store->Load();
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const LogIndex first = loaded->first_index;
    const LogIndex last = first + loaded->entries.size() - 1;
    ASSERT_GE(last.value(), acknowledged);
    const auto entries = store->Read(first, last, 1u << 30);
    for (LogIndex i = std::max(first, LogIndex(2)); i <= last; ++i) {
      ASSERT_EQ(*entries[i - first].payload, PayloadAt(i.value()));
    }
  }
}

// Everything behind the last sync may be missing, from any byte on.
TEST(LogCrash, PowerLossKeepsEverythingThatWasSynced) {
  TempDir dir;
  auto store = NewLog({.dir = dir / "log"});
  const std::string wal = OnlyFile(dir / "log", ".log");
  AppendSynced(*store, 2, {Entry(1, "synced"), Entry(1, std::string(40'000, 's'))});
  const uint64_t synced = std::filesystem::file_size(wal);
  AppendSynced(*store, 4, {Entry(1, "later"), Entry(1, std::string(70'000, 'l'))});
  store->SaveTermAndVote(Term(2), NodeId(2));
  const uint64_t written = std::filesystem::file_size(wal);
  const std::string name = std::filesystem::path(wal).filename();
  ASSERT_GT(written, synced + 70'000);

  std::vector<uint64_t> sizes{synced,     synced + 1,  synced + 6, synced + 7,
                              synced + 8, written - 1, written};
  for (uint64_t size = synced; size < written; size += 1'999) sizes.push_back(size);
  for (const uint64_t size : sizes) {
    CopyTree(dir / "log", dir / "copy");
    std::filesystem::resize_file(dir / "copy/" + name, size);
    const auto loaded = OpenAndLoad(dir / "copy");
    ASSERT_TRUE(loaded.ok()) << loaded.status() << " at " << size;
    // A batch is there whole or not at all.
    EXPECT_TRUE(loaded->entries.size() == 3 || loaded->entries.size() == 5)
        << loaded->entries.size();
    EXPECT_EQ(loaded->term, size == written ? Term(2) : Term(1));
  }
}

// What was read back after kill -9 counts as stored from then on, so it must not need the WAL's
// unsynced bytes.
TEST(LogCrash, WhatWasRecoveredIsDurableBeforeOpenReturns) {
  TempDir dir;
  auto store = NewLog({.dir = dir / "log"});
  AppendSynced(*store, 2, {Entry(1, "x")});
  CopyTree(dir / "log", dir / "copy");
  auto copy = OpenLog({.dir = dir / "copy"});
  for (const std::string& wal : FilesEndingIn(dir / "copy", ".log")) {
    EXPECT_EQ(std::filesystem::file_size(wal), 0u) << wal;
  }
  EXPECT_FALSE(FilesEndingIn(dir / "copy", ".sst").empty());
}

// An older WAL that lost its end at a record's border looks whole; only the numbers of the writes
// tell.
TEST(LogCrash, AHoleBetweenTwoWalsIsFound) {
  TempDir dir;
  std::vector<uint64_t> sizes;
  std::string first_wal;
  {
    auto store = NewLog({.dir = dir / "log"});
    AppendSynced(*store, 2, {Entry(1, "b")});
  }
  {  // RocksDB itself, so that opening does not write the WAL to table files
    rocksdb::DBOptions options;
    options.avoid_flush_during_recovery = true;
    for (uint64_t round = 0; round < 2; ++round) {
      std::vector<rocksdb::ColumnFamilyHandle*> handles;
      rocksdb::DB* db = nullptr;
      ASSERT_TRUE(rocksdb::DB::Open(options, dir / "log",
                                    {{"log", {}}, {"meta", {}}, {"default", {}}}, &handles, &db)
                      .ok());
      const std::string wal = FilesEndingIn(dir / "log", ".log").back();
      if (round == 0) first_wal = std::filesystem::path(wal).filename();
      for (uint64_t i = 0; i < 3; ++i) {
        const LogIndex index(3 + 3 * round + i);
        if (round == 0) sizes.push_back(std::filesystem::file_size(wal));
        const std::string value = EncodeEntryHeader({Term(1), consensus::EntryType::kCommand});
        ASSERT_TRUE(db->Put({}, handles[1], Text("other", i), "x").ok());
        ASSERT_TRUE(db->Put({}, handles[0], EncodeLogKey(index), value).ok());
      }
      for (auto* handle : handles) ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
      ASSERT_TRUE(db->Close().ok());
      delete db;
    }
  }
  ASSERT_EQ(FilesEndingIn(dir / "log", ".log").size(), 3u);
  CopyTree(dir / "log", dir / "whole");
  const auto whole = OpenAndLoad(dir / "whole");
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->entries.size(), 8u);

  for (const uint64_t size : sizes) {
    CopyTree(dir / "log", dir / "copy");
    std::filesystem::resize_file(dir / "copy/" + first_wal, size);
    const auto loaded = OpenAndLoad(dir / "copy");
    EXPECT_TRUE(absl::IsDataLoss(loaded.status())) << loaded.status();
    EXPECT_THAT(std::string(loaded.status().message()),
                AllOf(HasSubstr("are missing before a record of"), HasSubstr(dir / "copy")));
  }
}

}  // namespace
}  // namespace registryd::storage
