// A snapshot between two members, with the request channel in the test's hands.
#include "registryd/consensus/snapshot_transfers.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_peer_calls.h"

namespace registryd::consensus {
namespace {

using Chunks = std::vector<std::string>;

class FixedSource final : public SnapshotSource {
 public:
  explicit FixedSource(Chunks chunks) : chunks_(std::move(chunks)) {}
  absl::StatusOr<std::string> Next() override {
    return at_ < chunks_.size() ? chunks_[at_++] : std::string();
  }

 private:
  const Chunks chunks_;
  size_t at_ = 0;
};

class FixedStaged final : public StagedSnapshot {
 public:
  const SnapshotRecord& record() const override { return record_; }
  uint64_t generation() const override { return 1; }

 private:
  const SnapshotRecord record_{LogIndex(70), Term(3), {}, LogIndex(1)};
};

class KeepingSink final : public SnapshotSink {
 public:
  explicit KeepingSink(Chunks* chunks) : chunks_(chunks) { chunks_->clear(); }
  absl::Status Add(std::string_view chunk) override {
    chunks_->emplace_back(chunk);
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<StagedSnapshot>> Finish() override {
    return std::make_unique<FixedStaged>();
  }

 private:
  Chunks* const chunks_;
};

class FakeStore final : public SnapshotStore {
 public:
  absl::StatusOr<std::unique_ptr<SnapshotSource>> Open() override {
    return std::make_unique<FixedSource>(gives);
  }
  absl::StatusOr<std::unique_ptr<SnapshotSink>> Receive() override {
    if (!disk.ok()) return disk;
    return std::make_unique<KeepingSink>(&got);
  }
  Chunks gives;
  Chunks got;
  absl::Status disk;
};

class KeptReports final : public SnapshotReports {
 public:
  void SetReceivingSnapshot(bool now) override { receiving = now; }
  void OnSnapshotReceived(std::unique_ptr<StagedSnapshot> snapshot) override {
    received = std::move(snapshot);
  }
  void SnapshotSent(NodeId, LogIndex index, Term) override { sent = index; }
  void SnapshotFailed(NodeId) override { failed = true; }
  bool receiving = false;
  std::unique_ptr<StagedSnapshot> received;
  LogIndex sent;
  bool failed = false;
};

// One of two members. Its worker is a thread; Settle waits until that has nothing to do.
struct Member {
  Member() {
    transfers.Start(&reports);
    worker.Start();
  }
  ~Member() {
    worker.Stop();
    transfers.Stop();
  }
  void Settle() {
    std::promise<void> ran;
    worker.Post([&ran] { ran.set_value(); });
    ran.get_future().get();
  }
  const SystemClock clock;
  testing::FakePeerCalls calls;
  FakeStore store;
  KeptReports reports;
  Loop worker{"worker"};
  SnapshotTransfers transfers{
      {.calls = &calls, .store = &store, .worker = &worker, .clock = &clock},
      {.bytes_per_second = int64_t{1} << 40}};
};

class SnapshotTransfersTest : public ::testing::Test {
 protected:
  // Carries pieces from one to the other until there are none; the size of the largest.
  size_t Carry(size_t at_most = SIZE_MAX) {
    size_t largest = 0;
    for (from_.Settle(); from_.calls.waiting() != 0 && at_most > 0; from_.Settle(), --at_most) {
      auto call = from_.calls.Take("snapshot");
      largest = std::max(largest, call.body.size());
      std::move(call.done)(to_.calls.Ask("snapshot", std::move(call.body)));
    }
    return largest;
  }
  Member from_, to_;
};

TEST_F(SnapshotTransfersTest, AChunkOfAnySizeArrivesWholeAndTravelsInPieces) {
  const size_t piece = SnapshotTransfers::kPieceBytes;
  from_.store.gives = {"head", std::string(3 * piece + 5, 'x'), std::string(piece, 'y'), "end"};
  from_.transfers.SendSnapshot(NodeId(99), "");
  EXPECT_LE(Carry(), piece + 64);
  EXPECT_EQ(to_.store.got, from_.store.gives);
  ASSERT_NE(to_.reports.received, nullptr);
  EXPECT_EQ(from_.reports.sent, LogIndex(70));
  EXPECT_FALSE(from_.reports.failed);
  EXPECT_FALSE(to_.reports.receiving);
}

// Whoever dropped a transfer for a new one that it cannot take is not receiving any more.
TEST_F(SnapshotTransfersTest, ANewTransferThatFindsNoDiskEndsTheOldOneToo) {
  from_.store.gives = {"head", "records", "end"};
  from_.transfers.SendSnapshot(NodeId(99), "");
  Carry(1);
  EXPECT_TRUE(to_.reports.receiving);
  to_.store.disk = absl::ResourceExhaustedError("no space");
  Member other;
  other.store.gives = from_.store.gives;
  other.transfers.SendSnapshot(NodeId(99), "");
  other.Settle();
  auto call = other.calls.Take("snapshot");
  std::move(call.done)(to_.calls.Ask("snapshot", std::move(call.body)));
  other.Settle();
  EXPECT_TRUE(other.reports.failed);
  EXPECT_FALSE(to_.reports.receiving);
}

}  // namespace
}  // namespace registryd::consensus
