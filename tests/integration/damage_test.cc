// A node whose files were damaged while it was down. Its log is the truth: damage there is found at
// start and named (promise G10), and only what a crash leaves, a torn end, is no damage. The WAL of
// its state is made again from the log.

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/daemon.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"

namespace registryd::testing {
namespace {

namespace fs = std::filesystem;

// What RocksDB calls a log file is its WAL.
constexpr char kWal[] = ".log";
constexpr char kTable[] = ".sst";

class DamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
    Stubs stubs(daemon_.address());
    for (int i = 0; i < 50; ++i) {
      registry::v1::RegisterRequest request;
      *request.add_instances() = Spec("web", "i-" + std::to_string(i));
      (*request.mutable_instances(0)->mutable_labels())["note"] = std::string(250, 'x');
      registry::v1::RegisterResponse response;
      ASSERT_TRUE(stubs.Register(request, &response).ok()) << daemon_.Log();
      there_.insert("default/web/i-" + std::to_string(i));
    }
  }

  // The files of one of its stores, "log" or "state", whose names end so and that are not empty.
  std::vector<std::string> Files(const std::string& store, const std::string& ending) {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(daemon_.data_dir() + "/" + store)) {
      if (entry.path().extension() == ending && entry.file_size() > 0)
        files.push_back(entry.path());
    }
    return files;
  }

  std::string KillAndFindWal(const std::string& store) {
    daemon_.Kill9();
    const auto wals = Files(store, kWal);
    EXPECT_EQ(wals.size(), 1u);
    return wals.at(0);
  }

  static std::string WithAFlippedByte(std::string bytes, size_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    return bytes;
  }

  // It does not start, and says which file is the reason.
  void ExpectRefused(const std::string& file) {
    SCOPED_TRACE(file);
    const size_t before = daemon_.Log().size();
    daemon_.Launch();
    const auto exit = daemon_.Wait();
    ASSERT_TRUE(exit.has_value()) << "it started on damaged data\n" << daemon_.Log();
    EXPECT_NE(*exit, 0);
    const std::string said = daemon_.Log().substr(before);
    EXPECT_NE(said.find(file), std::string::npos) << said;
  }

  void ExpectStartsWithAll() {
    ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
    std::set<std::string> found;
    for (const auto& [name, instance] : Stubs(daemon_.address()).AllInstances()) {
      found.insert(name);
    }
    EXPECT_EQ(found, there_) << daemon_.Log();
  }

  TempDir dir_;
  Daemon daemon_{dir_.path() + "/data"};
  std::set<std::string> there_;
};

TEST_F(DamageTest, G10AFlippedByteInAnyTableFileIsNamedAndTheDaemonDoesNotStart) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  // A second start and stop turns what was in the WALs into tables.
  ASSERT_EQ(daemon_.Stop(), 0) << daemon_.Log();
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  ASSERT_EQ(daemon_.Stop(), 0) << daemon_.Log();
  for (const std::string store : {"log", "state"}) {
    const auto tables = Files(store, kTable);
    ASSERT_FALSE(tables.empty()) << store;
    for (const std::string& table : tables) {
      const std::string whole = ReadFile(table);
      WriteFile(table, WithAFlippedByte(whole, random() % whole.size()));
      ExpectRefused(table);
      if (HasFailure()) return;
      WriteFile(table, whole);
    }
  }
  ExpectStartsWithAll();
}

TEST_F(DamageTest, G10AFlippedByteInTheMiddleOfTheLogIsNamedAndTheDaemonDoesNotStart) {
  const std::string wal = KillAndFindWal("log");
  const std::string whole = ReadFile(wal);
  for (const size_t at : {whole.size() / 4, whole.size() / 2, whole.size() * 3 / 4}) {
    WriteFile(wal, WithAFlippedByte(whole, at));
    ExpectRefused(wal);
    if (HasFailure()) return;
  }
  WriteFile(wal, whole);
  ExpectStartsWithAll();
}

// A write that the machine's death cut short was acknowledged to nobody.
TEST_F(DamageTest, ATornTailOfTheLogIsToleratedAndLosesNothing) {
  const std::string wal = KillAndFindWal("log");
  const std::string whole = ReadFile(wal);
  WriteFile(wal, whole + whole.substr(0, 20));  // the beginning of a record
  ExpectStartsWithAll();
}

TEST_F(DamageTest, ADamagedWalOfTheStateIsHealedFromTheLog) {
  const std::string wal = KillAndFindWal("state");
  const std::string whole = ReadFile(wal);
  WriteFile(wal, WithAFlippedByte(whole, whole.size() / 3));
  ExpectStartsWithAll();
}

}  // namespace
}  // namespace registryd::testing
