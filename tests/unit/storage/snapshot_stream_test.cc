#include "registryd/storage/snapshot_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "registryd/consensus/configuration_codec.h"
#include "registryd/storage/state_picture.h"
#include "tests/unit/storage/state_fixture.h"

namespace registryd::storage {
namespace {

using ::testing::HasSubstr;

class SnapshotStreamTest : public ::testing::Test {
 protected:
  SnapshotStreamTest() : original_(dir_ / "state") {
    CommandSource commands(7);
    for (int i = 0; i < 400; ++i) {
      const auto [context, command] = commands.Next(original_.registry());
      original_.Apply(context, command);
      // One record beyond the size of a chunk, too.
      if (i == 100) original_.Apply(core::Register{{Spec(1'000, 20)}, std::nullopt});
    }
    StateBatch members;
    members.SetConfiguration(LogIndex(3), *consensus::EncodeConfiguration({{NodeId(5), "a:1"}}));
    original_.Commit();
    original_.store().Commit(members, original_.registry().counters(), original_.position());
  }
  std::vector<std::string> Chunks() {
    SnapshotWriter writer(original_.store().Pin());
    std::vector<std::string> chunks;
    for (;;) {
      auto chunk = writer.Next();
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (!chunk.ok() || chunk->empty()) return chunks;
      chunks.push_back(*std::move(chunk));
    }
  }
  absl::StatusOr<SnapshotHead> Import(const std::vector<std::string>& chunks) {
    auto import = StateImport::Begin(dir_ / "copy");
    if (!import.ok()) return import.status();
    for (const std::string& chunk : chunks) {
      if (absl::Status status = (*import)->Add(chunk); !status.ok()) return status;
    }
    return (*import)->Finish();
  }
  TempDir dir_;
  StoredRegistry original_;
};

TEST_F(SnapshotStreamTest, TheCopyIsTheOriginal) {
  const auto head = Import(Chunks());
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->cluster, ClusterId(42));
  EXPECT_EQ(head->revision, original_.registry().counters().revision);
  EXPECT_EQ(head->record.index, original_.position().index);
  EXPECT_EQ(head->record.term, original_.position().term);
  EXPECT_EQ(head->record.configuration_index, LogIndex(3));
  ASSERT_EQ(head->record.configuration.size(), 1u);
  EXPECT_EQ(head->record.configuration[0].address, "a:1");
  core::Registry copy;
  const auto position = OpenAndLoadState(dir_ / "copy", &copy);
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(*position, original_.position());
  ExpectEqual(original_.registry(), copy);
}

TEST_F(SnapshotStreamTest, APictureDoesNotChangeWhileWritesGoOn) {
  const auto before = Chunks();
  SnapshotWriter writer(original_.store().Pin());
  std::vector<std::string> chunks;
  for (;;) {
    const auto chunk = writer.Next();
    ASSERT_TRUE(chunk.ok());
    if (chunk->empty()) break;
    chunks.push_back(*chunk);
    original_.Apply(core::Register{{Spec(2'000 + chunks.size())}, std::nullopt});
    original_.Commit();
  }
  EXPECT_EQ(chunks, before);
}

// Every byte that changes, and every chunk that is missing, doubled or moved, is found.
TEST_F(SnapshotStreamTest, DamageIsRefused) {
  const auto chunks = Chunks();
  ASSERT_GE(chunks.size(), 4u);
  for (size_t i = 0; i < chunks.size(); ++i) {
    for (const size_t at : {size_t{0}, size_t{4}, size_t{8}, chunks[i].size() - 1}) {
      auto damaged = chunks;
      damaged[i][at] = static_cast<char>(damaged[i][at] ^ 0x10);
      EXPECT_TRUE(absl::IsDataLoss(Import(damaged).status())) << "chunk " << i << " byte " << at;
    }
    auto missing = chunks;
    missing.erase(missing.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_TRUE(absl::IsDataLoss(Import(missing).status())) << "chunk " << i;
    auto doubled = chunks;
    doubled.insert(doubled.begin() + static_cast<ptrdiff_t>(i), chunks[i]);
    EXPECT_TRUE(absl::IsDataLoss(Import(doubled).status())) << "chunk " << i;
  }
  auto moved = chunks;
  std::swap(moved[1], moved[2]);
  EXPECT_TRUE(absl::IsDataLoss(Import(moved).status()));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "copy"));  // nothing is left of them
}

// The change of a whole service at once is one record of the history.
TEST_F(SnapshotStreamTest, ARecordOfManyMegabytesIsRestored) {
  for (uint64_t i = 0; i < 1'500; ++i) {
    core::InstanceSpec spec = Spec(10'000 + 7 * i, 16);
    spec.name = core::InstanceName("default", "large", Text("i-", i));
    original_.Apply(core::Register{{spec}, std::nullopt});
  }
  original_.Apply(core::SetMaintenance{"default/large", "ops", "a long night", 0});
  original_.Commit();
  const std::string path = dir_ / "file";
  {
    std::ofstream file(path, std::ios::binary);
    for (const std::string& chunk : Chunks()) file << chunk;
  }
  std::vector<std::string> chunks;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  size_t largest = 0;
  for (;;) {
    auto chunk = ReadChunk(file, path);
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    if (chunk->empty()) break;
    largest = std::max(largest, chunk->size());
    chunks.push_back(*std::move(chunk));
  }
  std::fclose(file);
  EXPECT_GT(largest, size_t{8} << 20);
  EXPECT_TRUE(Import(chunks).ok());
}

TEST_F(SnapshotStreamTest, AnEmptyStateHasNoSnapshot) {
  auto empty = StateStore::Open(dir_ / "empty");
  ASSERT_TRUE(empty.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(SnapshotWriter((*empty)->Pin()).Next().status()));
}

TEST_F(SnapshotStreamTest, AFileIsReadChunkByChunk) {
  const auto chunks = Chunks();
  const std::string path = dir_ / "file";
  const auto write = [&path](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  };
  std::string whole;
  for (const std::string& chunk : chunks) whole += chunk;
  write(whole);
  std::FILE* file = std::fopen(path.c_str(), "rb");
  for (const std::string& chunk : chunks) EXPECT_EQ(*ReadChunk(file, path), chunk);
  EXPECT_EQ(*ReadChunk(file, path), "");
  std::fclose(file);
  for (const std::string& bad : {whole.substr(0, whole.size() - 3), std::string("garbage")}) {
    write(bad);
    file = std::fopen(path.c_str(), "rb");
    absl::StatusOr<std::string> chunk;
    do chunk = ReadChunk(file, path);
    while (chunk.ok() && !chunk->empty());
    EXPECT_THAT(std::string(chunk.status().message()), HasSubstr(path));
    std::fclose(file);
  }
}

}  // namespace
}  // namespace registryd::storage
