// What a damaged disk may do to the log: every kind must be found, and nothing acknowledged may be
// missing silently.
#include <filesystem>
#include <set>

#include "registryd/base/text.h"
#include "registryd/storage/log_records.h"
#include "registryd/storage/rocks_database.h"
#include "tests/unit/storage/log_fixture.h"

namespace registryd::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kEntries = 40;

// A log of kEntries entries; everything was acknowledged. Left as kill -9 leaves it: the entries
// are in the WAL.
class LogDamage : public testing::Test {
 protected:
  LogDamage() {
    auto store = NewLog({.dir = dir_ / "log"});
    for (uint64_t i = 2; i <= kEntries; ++i) {
      AppendSynced(*store, i, {Entry(1, Text("payload ", i, std::string(i, '.')))});
    }
    store->SaveTermAndVote(Term(5), NodeId(3));
    CopyTree(dir_ / "log", dir_ / "killed");
  }

  // The same, in a table file: opening writes the WAL to one.
  std::string InTableFiles() {
    CopyTree(dir_ / "killed", dir_ / "tables");
    EXPECT_TRUE(OpenAndLoad(dir_ / "tables").ok());
    return dir_ / "tables";
  }

  // A fresh copy to damage.
  std::string Copy(const std::string& of) {
    CopyTree(of, dir_ / "copy");
    return dir_ / "copy";
  }

  static bool IsComplete(const consensus::LogStore::Loaded& loaded) {
    return loaded.entries.size() == kEntries && loaded.term == Term(5) &&
           loaded.voted_for == NodeId(3);
  }

  TempDir dir_;
};

void ExpectDataLoss(const absl::Status& status, const std::string& file) {
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(file), HasSubstr("remove this member")));
}

TEST_F(LogDamage, KilledProcessLosesNothing) {
  const auto loaded = OpenAndLoad(Copy(dir_ / "killed"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(IsComplete(*loaded));
}

TEST_F(LogDamage, AFlippedByteInATableFileIsNamed) {
  const std::string tables = InTableFiles();
  for (const std::string& original : FilesEndingIn(tables, ".sst")) {
    const uint64_t size = std::filesystem::file_size(original);
    const std::string name = std::filesystem::path(original).filename();
    // Each of the footer's 53, of which RocksDB does not read some, and a sample of the others.
    for (uint64_t at = 0; at < size; at += at + 53 < size ? 1 + size / 60 : 1) {
      SCOPED_TRACE(Text(name, " byte ", at));
      const std::string copy = Copy(tables);
      FlipBits(copy + "/" + name, at, 0x40);
      ExpectDataLoss(OpenAndLoad(copy).status(), copy + "/" + name);
    }
  }
}

TEST_F(LogDamage, AFlippedByteInATableFileOfAnOlderRegistrydIsNamed) {
  CopyTree(dir_ / "killed", dir_ / "older");
  {  // RocksDB alone turns the WAL into a table that has no checksum of the whole
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(
        {}, dir_ / "older", {{"log", {}}, {"meta", {}}, {"default", {}}}, &handles, &db);
    ASSERT_TRUE(status.ok()) << status.ToString();
    for (auto* handle : handles) ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    ASSERT_TRUE(db->Close().ok());
    delete db;
  }
  const auto whole = OpenAndLoad(Copy(dir_ / "older"));
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_TRUE(IsComplete(*whole));
  for (const std::string& original : FilesEndingIn(dir_ / "older", ".sst")) {
    const std::string copy = Copy(dir_ / "older");
    const std::string table = Text(copy, "/", std::filesystem::path(original).filename().string());
    FlipBits(table, std::filesystem::file_size(table) / 4, 0x40);
    ExpectDataLoss(OpenAndLoad(copy).status(), table);
  }
}

TEST_F(LogDamage, AMissingTableFileIsNamed) {
  const std::string copy = Copy(InTableFiles());
  const std::string table = FilesEndingIn(copy, ".sst").front();
  std::filesystem::remove(table);
  ExpectDataLoss(OpenAndLoad(copy).status(), std::filesystem::path(table).filename());
}

TEST_F(LogDamage, AMissingCurrentIsNotANewStore) {
  const std::string copy = Copy(InTableFiles());
  std::filesystem::remove(copy + "/CURRENT");
  ExpectDataLoss(OpenAndLoad(copy).status(), copy + "/CURRENT");
}

// Also in the length of a record near the end, which RocksDB alone takes for a torn tail.
TEST_F(LogDamage, NoFlippedByteOfTheWalLosesAnAcknowledgedEntry) {
  const std::string killed = dir_ / "killed";
  const uint64_t size = std::filesystem::file_size(OnlyFile(killed, ".log"));
  ASSERT_LT(size, 32'768u) << "all of it must be in the WAL's last block";
  size_t found = 0;
  size_t tried = 0;
  for (uint64_t at = 0; at < size; ++at) {
    // All header bytes come by, since the records' sizes grow by one.
    if (at % 7 != 5 && at > 200 && at < size - 100) continue;
    const std::string copy = Copy(killed);
    const std::string wal = OnlyFile(copy, ".log");
    FlipBits(wal, at, static_cast<uint8_t>(1u << (at % 8)));
    ++tried;
    const auto loaded = OpenAndLoad(copy);
    if (loaded.ok()) {
      EXPECT_TRUE(IsComplete(*loaded)) << "byte " << at;
      continue;
    }
    ++found;
    ExpectDataLoss(loaded.status(), wal);
  }
  EXPECT_EQ(found, tried);
}

TEST_F(LogDamage, AZeroedPieceOfTheWalIsFound) {
  const std::string killed = dir_ / "killed";
  const std::string bytes = ReadAll(OnlyFile(killed, ".log"));
  for (const size_t at : {size_t{0}, bytes.size() / 3, bytes.size() / 2}) {
    const std::string copy = Copy(killed);
    std::string zeroed = bytes;
    zeroed.replace(at, 512, std::string(512, '\0'));
    WriteAll(OnlyFile(copy, ".log"), zeroed);
    ExpectDataLoss(OpenAndLoad(copy).status(), OnlyFile(copy, ".log"));
  }
}

TEST_F(LogDamage, ACutTailIsToleratedAndLeavesAPrefix) {
  const std::string killed = dir_ / "killed";
  const uint64_t size = std::filesystem::file_size(OnlyFile(killed, ".log"));
  size_t before = kEntries;
  std::set<size_t> seen;
  for (uint64_t left = size; left > size * 2 / 3; left -= 7) {
    const std::string copy = Copy(killed);
    std::filesystem::resize_file(OnlyFile(copy, ".log"), left);
    const auto loaded = OpenAndLoad(copy);
    ASSERT_TRUE(loaded.ok()) << loaded.status() << " with " << left << " of " << size << " bytes";
    EXPECT_LE(loaded->entries.size(), before);
    before = loaded->entries.size();
    seen.insert(before);
  }
  EXPECT_GT(seen.size(), 5u);
}

TEST_F(LogDamage, AFlippedByteInTheManifestLosesNothing) {
  const std::string tables = InTableFiles();
  std::string manifest_path;
  for (const auto& entry : std::filesystem::directory_iterator(tables)) {
    if (entry.path().filename().string().starts_with("MANIFEST")) manifest_path = entry.path();
  }
  const std::string name = std::filesystem::path(manifest_path).filename();
  const uint64_t size = std::filesystem::file_size(manifest_path);
  size_t found = 0;
  for (uint64_t at = 0; at < size; ++at) {
    const std::string copy = Copy(tables);
    FlipBits(copy + "/" + name, at, 0x10);
    const auto loaded = OpenAndLoad(copy);
    ASSERT_FALSE(loaded.ok()) << "byte " << at;
    ++found;
    ExpectDataLoss(loaded.status(), copy + "/" + name);
  }
  EXPECT_GT(found, 20u);
}

// Changes the store behind its back, as a bug or a half-restored backup would.
class LogContents : public testing::Test {
 protected:
  void Change(const std::function<void(Database&)>& change) {
    auto database =
        Database::Open({.dir = dir_ / "log", .families = {{"log", 1u << 20}, {"meta", 1u << 20}}});
    ASSERT_TRUE(database.ok()) << database.status();
    change(**database);
  }
  void Make() {
    auto store = NewLog({.dir = dir_ / "log"});
    store->SaveTermAndVote(Term(3), NodeId(1));
    AppendSynced(*store, 2, {Entry(1, "b"), Entry(2, "c"), Entry(3, "d")});
  }
  void ExpectDamage(std::string_view what) {
    const auto loaded = OpenAndLoad(dir_ / "log");
    EXPECT_TRUE(absl::IsDataLoss(loaded.status())) << loaded.status();
    EXPECT_THAT(std::string(loaded.status().message()),
                AllOf(HasSubstr(dir_ / "log"), HasSubstr(std::string(what)),
                      HasSubstr("remove this member")));
  }
  TempDir dir_;
};

rocksdb::WriteOptions Synced() {
  rocksdb::WriteOptions options;
  options.sync = true;
  return options;
}

TEST_F(LogContents, AGapIsNamed) {
  Make();
  Change([](Database& database) {
    ASSERT_TRUE(database.db().Delete(Synced(), database.family(0), EncodeLogKey(LogIndex(3))).ok());
  });
  ExpectDamage("the log's entries 3 to 3 are missing");
}

TEST_F(LogContents, AMissingBeginningIsNamed) {
  Make();
  Change([](Database& database) {
    ASSERT_TRUE(database.db().Delete(Synced(), database.family(0), EncodeLogKey(LogIndex(1))).ok());
  });
  ExpectDamage("the log's entries 1 to 1 are missing");
}

TEST_F(LogContents, ASnapshotThatTheLogDoesNotReachIsNamed) {
  Make();
  Change([](Database& database) {
    const std::string record =
        EncodeSnapshot({{LogIndex(9), Term(3), {}, LogIndex(1)}, LogIndex(1)});
    ASSERT_TRUE(database.db().Put(Synced(), database.family(1), "snapshot", record).ok());
  });
  ExpectDamage("the log [1, 4] does not reach the snapshot at 9");
}

TEST_F(LogContents, ASnapshotOfAnotherTermIsNamed) {
  Make();
  Change([](Database& database) {
    const std::string record =
        EncodeSnapshot({{LogIndex(3), Term(1), {}, LogIndex(1)}, LogIndex(1)});
    ASSERT_TRUE(database.db().Put(Synced(), database.family(1), "snapshot", record).ok());
  });
  ExpectDamage("the log's entry 3 has term 2, the snapshot there has term 1");
}

TEST_F(LogContents, ATermBeyondTheSavedOneIsNamed) {
  Make();
  Change([](Database& database) {
    ASSERT_TRUE(database.db()
                    .Put(Synced(), database.family(1), "vote", EncodeVote({Term(2), NodeId(1)}))
                    .ok());
  });
  ExpectDamage("the log's entry 4 has term 3 between 2 and 2");
}

TEST_F(LogContents, UnreadableRecordsAreNamed) {
  Make();
  Change([](Database& database) {
    ASSERT_TRUE(database.db().Put(Synced(), database.family(1), "vote", "xx").ok());
  });
  ExpectDamage("record \"vote\" cannot be read");
  Change([](Database& database) {
    ASSERT_TRUE(database.db().Delete(Synced(), database.family(1), "vote").ok());
    ASSERT_TRUE(
        database.db().Put(Synced(), database.family(0), EncodeLogKey(LogIndex(1)), "xx").ok());
  });
  ExpectDamage("the log's entry at or behind 1 cannot be read");
  Change([](Database& database) {
    ASSERT_TRUE(database.db().Delete(Synced(), database.family(1), "format").ok());
  });
  ExpectDamage("the record of its format is missing");
}

TEST_F(LogContents, ANewerFormatIsRefusedAndNotCalledDamage) {
  Make();
  Change([](Database& database) {
    ASSERT_TRUE(database.db().Put(Synced(), database.family(1), "format", EncodeFormat(2)).ok());
  });
  const auto loaded = OpenAndLoad(dir_ / "log");
  EXPECT_TRUE(absl::IsFailedPrecondition(loaded.status())) << loaded.status();
  EXPECT_THAT(std::string(loaded.status().message()), HasSubstr("has format 2"));
}

TEST_F(LogContents, AnUnknownColumnFamilyIsRefusedAndNotCalledDamage) {
  Make();
  Change([](Database& database) {
    rocksdb::ColumnFamilyHandle* added = nullptr;
    ASSERT_TRUE(database.db().CreateColumnFamily({}, "future", &added).ok());
    ASSERT_TRUE(database.db().DestroyColumnFamilyHandle(added).ok());
  });
  const auto loaded = OpenAndLoad(dir_ / "log");
  EXPECT_TRUE(absl::IsFailedPrecondition(loaded.status())) << loaded.status();
  EXPECT_THAT(std::string(loaded.status().message()), HasSubstr("future"));
}

TEST_F(LogContents, ASecondOpenIsRefused) {
  Make();
  auto store = OpenLog({.dir = dir_ / "log"});
  const auto second = RocksLogStore::Open({.dir = dir_ / "log"});
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
}

}  // namespace
}  // namespace registryd::storage
