// Where a proposal goes, what it waits for, and what its proposer is told.

#include "registryd/consensus/forwarding_proposer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "registryd/base/text.h"
#include "tests/support/fake_peer_calls.h"

namespace registryd::consensus {
namespace {

using ::registryd::testing::FakePeerCalls;

constexpr NodeId kSelf(1);
constexpr NodeId kOther(2);

// This member's Raft in the test's hands.
class FakeRaft final : public Proposer {
 public:
  void Propose(std::string command, ProposeDone done) override {
    commands.push_back(std::move(command));
    dones.push_back(std::move(done));
  }
  void ReadIndex(ReadDone done) override { reads.push_back(std::move(done)); }
  std::vector<std::string> commands;
  std::vector<ProposeDone> dones;
  std::vector<ReadDone> reads;
};

class ForwardingProposerTest : public ::testing::Test {
 protected:
  ForwardingProposerTest() {
    proposer_ = std::make_unique<ForwardingProposer>(ForwardingProposer::Parts{
        .local = &raft_,
        .peers = &peers_,
        .clock = &clock_,
        .self = kSelf,
        .leader = [this] { return leader_; },
        .encode =
            [](const Applied& applied) {
              return Text(applied.index, ":",
                          *static_cast<const std::string*>(applied.reply.get()));
            },
        .decode = [](std::string_view bytes) -> absl::StatusOr<Applied> {
          const size_t colon = bytes.find(':');
          if (colon == std::string_view::npos) return absl::DataLossError("no colon");
          return Applied{LogIndex(std::stoull(std::string(bytes.substr(0, colon)))),
                         std::make_shared<const std::string>(bytes.substr(colon + 1))};
        },
        .wait_applied =
            [this](LogIndex index, int64_t, absl::AnyInvocable<void(absl::Status) &&> ready) {
              waits_.emplace_back(index, std::move(ready));
            },
        .patience_ms = 1'000});
    proposer_->Serve();
  }
  // The answer lands in outcomes_ at the returned place.
  size_t Propose(std::string command) {
    const size_t number = outcomes_.size();
    outcomes_.emplace_back("pending");
    proposer_->Propose(std::move(command), [this, number](absl::StatusOr<Applied> applied) {
      outcomes_[number] = applied.ok()
                              ? *static_cast<const std::string*>(applied->reply.get())
                              : std::string(absl::StatusCodeToString(applied.status().code()));
    });
    return number;
  }
  size_t Read() {
    const size_t number = outcomes_.size();
    outcomes_.emplace_back("pending");
    proposer_->ReadIndex([this, number](absl::StatusOr<LogIndex> index) {
      outcomes_[number] =
          index.ok() ? Text(*index) : std::string(absl::StatusCodeToString(index.status().code()));
    });
    return number;
  }
  void Lead(NodeId leader) {
    leader_ = leader;
    proposer_->OnLeadership();
  }

  FakeClock clock_;
  FakeRaft raft_;
  FakePeerCalls peers_;
  NodeId leader_;
  std::vector<std::string> outcomes_;
  std::vector<std::pair<LogIndex, absl::AnyInvocable<void(absl::Status) &&>>> waits_;
  std::unique_ptr<ForwardingProposer> proposer_;
};

Applied Done(uint64_t index, std::string reply) {
  return {LogIndex(index), std::make_shared<const std::string>(std::move(reply))};
}

TEST_F(ForwardingProposerTest, ALeaderProposesItself) {
  Lead(kSelf);
  const size_t a = Propose("a");
  ASSERT_EQ(raft_.commands, std::vector<std::string>{"a"});
  EXPECT_EQ(outcomes_[a], "pending");
  std::move(raft_.dones[0])(Done(7, "done"));
  EXPECT_EQ(outcomes_[a], "done");
  EXPECT_EQ(peers_.waiting(), 0u);
}

TEST_F(ForwardingProposerTest, AFollowerSendsTheBytesAndWaitsUntilItHasThemItself) {
  Lead(kOther);
  const size_t a = Propose("bytes");
  auto call = peers_.Take("propose");
  EXPECT_EQ(call.to, kOther);
  EXPECT_EQ(call.body, "bytes");
  std::move(call.done)("7:done");
  EXPECT_EQ(outcomes_[a], "pending");
  ASSERT_EQ(waits_.size(), 1u);
  EXPECT_EQ(waits_[0].first, LogIndex(7));
  std::move(waits_[0].second)(absl::OkStatus());
  EXPECT_EQ(outcomes_[a], "done");
  // One that never gets there: the write happened all the same.
  const size_t b = Propose("bytes");
  std::move(peers_.Take("propose").done)("8:done");
  std::move(waits_[1].second)(absl::DeadlineExceededError("far behind"));
  EXPECT_EQ(outcomes_[b], "done");
}

TEST_F(ForwardingProposerTest, TheLeaderAnswersOtherMembers) {
  leader_ = kSelf;
  auto written = peers_.BeginAsk("propose", "bytes");
  ASSERT_EQ(raft_.dones.size(), 1u);
  EXPECT_EQ(raft_.commands[0], "bytes");
  std::move(raft_.dones[0])(Done(9, "done"));
  EXPECT_EQ(*written.get(), "9:done");
  auto read = peers_.BeginAsk("read_index", "");
  ASSERT_EQ(raft_.reads.size(), 1u);
  std::move(raft_.reads[0])(LogIndex(12));
  EXPECT_EQ(*read.get(), "12");
}

TEST_F(ForwardingProposerTest, WithoutALeaderItWaitsForOne) {
  const size_t a = Propose("a");
  const size_t b = Read();
  EXPECT_EQ(peers_.waiting() + raft_.commands.size() + raft_.reads.size(), 0u);
  Lead(kOther);
  EXPECT_EQ(peers_.waiting(), 2u);
  EXPECT_EQ(outcomes_[a], "pending");
  EXPECT_EQ(outcomes_[b], "pending");
}

TEST_F(ForwardingProposerTest, WhoWaitsTooLongIsToldThatNothingHappened) {
  const size_t a = Propose("a");
  const size_t b = Read();
  clock_.Advance(999);
  proposer_->Tick();
  EXPECT_EQ(outcomes_[a], "pending");
  clock_.Advance(1);
  proposer_->Tick();
  EXPECT_EQ(outcomes_[a], "UNAVAILABLE");
  EXPECT_EQ(outcomes_[b], "UNAVAILABLE");
}

TEST_F(ForwardingProposerTest, WhatWasNotTakenIsTriedAgainAndWhatMayHaveBeenIsNot) {
  Lead(kOther);
  const size_t a = Propose("a");
  std::move(peers_.Take("propose").done)(absl::UnavailableError("it does not lead"));
  EXPECT_EQ(outcomes_[a], "pending");
  Lead(kSelf);
  ASSERT_EQ(raft_.commands.size(), 1u);
  std::move(raft_.dones[0])(absl::UnavailableError("hands over"));
  EXPECT_EQ(outcomes_[a], "pending");
  Lead(kOther);
  std::move(peers_.Take("propose").done)(absl::AbortedError("the connection broke"));
  EXPECT_EQ(outcomes_[a], "ABORTED");
  const size_t b = Propose("b");
  std::move(peers_.Take("propose").done)(absl::ResourceExhaustedError("full"));
  EXPECT_EQ(outcomes_[b], "RESOURCE_EXHAUSTED");
  proposer_->Tick();
  EXPECT_EQ(peers_.waiting(), 0u);
}

TEST_F(ForwardingProposerTest, ARefusalThatComesAfterTheNewLeaderIsKnownWaitsForNothing) {
  Lead(kOther);
  Propose("a");
  auto call = peers_.Take("propose");
  Lead(kSelf);
  // The former leader had handed over already when it was asked.
  std::move(call.done)(absl::UnavailableError("does not lead"));
  EXPECT_EQ(raft_.commands, std::vector<std::string>{"a"});
  // One that refuses and still leads is not asked again before something changes.
  std::move(raft_.dones[0])(absl::UnavailableError("hands over"));
  EXPECT_EQ(raft_.commands.size(), 1u);
}

TEST_F(ForwardingProposerTest, ANewLeaderEndsTheWaitForAFormerOne) {
  Lead(kOther);
  const size_t a = Propose("a");
  auto call = peers_.Take("propose");
  Lead(kOther);  // the same: nothing changes
  EXPECT_EQ(outcomes_[a], "pending");
  Lead(NodeId(3));
  // One that handed over still answers.
  clock_.Advance(ForwardingProposer::kFormerLeaderMs - 1);
  proposer_->Tick();
  EXPECT_EQ(outcomes_[a], "pending");
  clock_.Advance(1);
  proposer_->Tick();
  EXPECT_EQ(outcomes_[a], "ABORTED");
  std::move(call.done)("7:done");  // late
  EXPECT_EQ(outcomes_[a], "ABORTED");
}

TEST_F(ForwardingProposerTest, ReadsShareOneQuestionAndLaterOnesGetTheNext) {
  Lead(kOther);
  const size_t a = Read();
  auto first = peers_.Take("read_index");
  const size_t b = Read();
  const size_t c = Read();
  EXPECT_EQ(peers_.waiting(), 0u);
  std::move(first.done)("5");
  EXPECT_EQ(outcomes_[a], "5");
  EXPECT_EQ(outcomes_[b], "pending");
  std::move(peers_.Take("read_index").done)("6");
  EXPECT_EQ(outcomes_[b], "6");
  EXPECT_EQ(outcomes_[c], "6");
  EXPECT_EQ(peers_.waiting(), 0u);
}

TEST_F(ForwardingProposerTest, ALostQuestionIsAskedAgain) {
  Lead(kOther);
  const size_t a = Read();
  std::move(peers_.Take("read_index").done)(absl::AbortedError("the connection broke"));
  EXPECT_EQ(outcomes_[a], "pending");
  proposer_->Tick();
  std::move(peers_.Take("read_index").done)("5");
  EXPECT_EQ(outcomes_[a], "5");
  const size_t b = Read();
  std::move(peers_.Take("read_index").done)("nonsense");
  EXPECT_EQ(outcomes_[b], "DATA_LOSS");
}

TEST_F(ForwardingProposerTest, StopAnswersWhatWaits) {
  const size_t a = Propose("a");
  proposer_->Stop();
  EXPECT_EQ(outcomes_[a], "UNAVAILABLE");
  EXPECT_EQ(outcomes_[Propose("b")], "UNAVAILABLE");
  EXPECT_EQ(outcomes_[Read()], "UNAVAILABLE");
}

TEST_F(ForwardingProposerTest, TooManyThatWaitAreRefused) {
  for (size_t i = 0; i < ForwardingProposer::kWaitingMax; ++i) Propose("a");
  EXPECT_EQ(outcomes_.back(), "pending");
  EXPECT_EQ(outcomes_[Propose("a")], "RESOURCE_EXHAUSTED");
}

}  // namespace
}  // namespace registryd::consensus
