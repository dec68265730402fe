// Renewals on a follower: gathered, sent to the leader, answered one by one.

#include "registryd/liveness/renewal_relay.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "tests/support/fake_peer_calls.h"

namespace registryd::liveness {
namespace {

using ::registryd::testing::FakePeerCalls;
using ::registryd::testing::WaitFor;

constexpr NodeId kSelf(1);
constexpr NodeId kOther(2);

// A leader's driver that knows leases with even ids.
class FakeDriver final : public RenewalSink {
 public:
  bool Renew(RenewalFrame&& frame) override {
    if (full) return false;
    RenewalAnswer answer{.accepted = true, .lost = {}, .next_in_ms = 2'000};
    for (const core::LeaseRef& lease : frame.leases) {
      if (lease.id.value() % 2 != 0) answer.lost.push_back(lease.id);
    }
    ++frames;
    std::move(frame.done)(std::move(answer));
    return true;
  }
  bool full = false;
  int frames = 0;
};

class RenewalRelayTest : public ::testing::Test {
 protected:
  RenewalRelayTest()
      : follower_({.driver = &unused_,
                   .peers = &peers_,
                   .self = kSelf,
                   .leader = [this] { return leader_.load(); }}),
        leader_side_({.driver = &driver_, .peers = &leader_peers_, .self = kOther, .leader = [] {
                        return kOther;
                      }}) {
    follower_.Serve();
    leader_side_.Serve();
  }
  struct Outcome {
    std::atomic<bool> answered{false};
    RenewalAnswer answer;
  };
  std::shared_ptr<Outcome> Renew(std::vector<uint64_t> ids) {
    auto outcome = std::make_shared<Outcome>();
    RenewalFrame frame;
    for (const uint64_t id : ids) frame.leases.push_back({LeaseId(id), LeaseEpoch(1)});
    frame.done = [outcome](RenewalAnswer answer) {
      outcome->answer = std::move(answer);
      outcome->answered = true;
    };
    EXPECT_TRUE(follower_.Renew(std::move(frame)));
    return outcome;
  }
  bool Answered(const std::shared_ptr<Outcome>& outcome) {
    return WaitFor([&] { return outcome->answered.load(); });
  }
  // Whatever the follower sends is answered by the leader's side.
  void Pass() {
    auto call = peers_.Take("renew");
    EXPECT_EQ(call.to, kOther);
    std::move(call.done)(leader_peers_.Ask("renew", call.body));
  }

  std::atomic<NodeId> leader_{kOther};
  FakeDriver unused_;
  FakeDriver driver_;
  FakePeerCalls peers_;
  FakePeerCalls leader_peers_;
  RenewalRelay follower_;
  RenewalRelay leader_side_;
};

TEST_F(RenewalRelayTest, FramesTravelToTheLeaderAndEachGetsItsAnswer) {
  const auto a = Renew({2, 4});
  const auto b = Renew({3, 6, 5});
  const auto c = Renew({});
  while (!(a->answered && b->answered && c->answered)) Pass();
  EXPECT_TRUE(a->answer.accepted);
  EXPECT_TRUE(a->answer.lost.empty());
  EXPECT_EQ(a->answer.next_in_ms, 2'000);
  EXPECT_EQ(b->answer.lost, (std::vector<LeaseId>{LeaseId(3), LeaseId(5)}));
  EXPECT_TRUE(c->answer.accepted);
  EXPECT_EQ(driver_.frames, 3);
  EXPECT_EQ(unused_.frames, 0);
}

TEST_F(RenewalRelayTest, WhatArrivesWhileAFrameIsUnderWayTravelsTogether) {
  std::vector<std::shared_ptr<Outcome>> all;
  for (uint64_t i = 0; i < 1'000; ++i) all.push_back(Renew({2 * i}));
  size_t calls = 0;
  for (; !all.back()->answered; ++calls) Pass();
  for (const auto& outcome : all) EXPECT_TRUE(outcome->answered);
  EXPECT_LT(calls, 1'000u);
}

TEST_F(RenewalRelayTest, OnTheLeaderTheyGoToItsDriver) {
  leader_ = kSelf;
  EXPECT_TRUE(Renew({2})->answer.accepted);
  EXPECT_EQ(unused_.frames, 1);
  EXPECT_EQ(peers_.waiting(), 0u);
}

TEST_F(RenewalRelayTest, WhatNobodyTakesIsToldSo) {
  leader_ = NodeId();
  const auto none = Renew({2});
  EXPECT_TRUE(none->answered);
  EXPECT_FALSE(none->answer.accepted);
  EXPECT_GT(none->answer.next_in_ms, 0);
  leader_ = kOther;
  for (absl::StatusOr<std::string> reply :
       {absl::StatusOr<std::string>(absl::AbortedError("lost")),
        absl::StatusOr<std::string>("\xff"), absl::StatusOr<std::string>("")}) {
    const auto lost = Renew({2});
    std::move(peers_.Take("renew").done)(reply);
    ASSERT_TRUE(Answered(lost));
    EXPECT_FALSE(lost->answer.accepted);
    EXPECT_TRUE(lost->answer.lost.empty());
  }
  driver_.full = true;
  const auto full = Renew({2});
  Pass();
  ASSERT_TRUE(Answered(full));
  EXPECT_FALSE(full->answer.accepted);
}

TEST_F(RenewalRelayTest, FramesBeyondTheLimitAreRefused) {
  size_t taken = 0;
  for (; taken <= RenewalRelay::kFramesMax; ++taken) {
    RenewalFrame frame;
    frame.done = [](RenewalAnswer) {};
    if (!follower_.Renew(std::move(frame))) break;
  }
  EXPECT_EQ(taken, RenewalRelay::kFramesMax);
}

TEST_F(RenewalRelayTest, GarbageFromAPeerIsRefused) {
  EXPECT_EQ(leader_peers_.Ask("renew", "\xff").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(leader_peers_.Ask("renew", "").ok());
}

}  // namespace
}  // namespace registryd::liveness
