#include "registryd/liveness/liveness_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <string>
#include <vector>

#include "registryd/base/text.h"
#include "tests/support/test_replica.h"

namespace registryd::liveness {
namespace {

using testing::Spec;
using testing::TestReplica;

constexpr int64_t kTtlMs = 6'000;

// A real replica on a clock that the test moves; time passes only by Pass, which also runs the
// ticks.
class LivenessDriverTest : public ::testing::Test {
 protected:
  LivenessDriverTest()
      : node_(&clock_),
        driver_({.replica = &node_.replica(),
                 .proposer = &node_.proposer(),
                 .loop = &node_.loop(),
                 .clock = &clock_},
                {.remove_after_ms = 20'000, .intake_pause_ms = 20'000, .frames_max = 4}) {
    node_.replica().AddObserver(&driver_);
    node_.Start();
    node_.Lead();
    Pass(0);
  }

  void Tick() { node_.Tick(driver_); }
  void Pass(int64_t ms) { node_.Pass(driver_, clock_, ms); }
  core::LeaseRef RegisterWithLease(std::string_view id, LeaseId lease, int64_t ttl_ms = kTtlMs) {
    const core::Reply reply =
        node_.Apply(core::Register{{Spec("web", id)}, core::LeaseClaim{lease, ttl_ms, ""}});
    EXPECT_TRUE(reply.status.ok()) << reply.status;
    const auto& value = std::get<core::RegisterReply>(reply.value);
    return {value.lease->id, value.lease->epoch};
  }
  RenewalAnswer Renew(std::vector<core::LeaseRef> leases) {
    std::promise<RenewalAnswer> answer;
    EXPECT_TRUE(driver_.Renew(
        {std::move(leases), [&answer](RenewalAnswer a) { answer.set_value(std::move(a)); }}));
    return answer.get_future().get();
  }
  const core::Instance* Find(std::string_view id) {
    const auto view = node_.replica().view();
    const auto* service = view->Find("default/web");
    if (service == nullptr) return nullptr;
    const core::InstancePtr* found = service->instances.Find(id);
    return found == nullptr ? nullptr : found->get();
  }
  bool Serves(std::string_view id) {
    const core::Instance* found = Find(id);
    return found != nullptr && found->health() == core::Health::kPassing;
  }

  // `count` services of `size` instances, each instance with a lease of its own.
  std::vector<core::LeaseRef> RegisterServices(int count, int size) {
    std::vector<core::LeaseRef> leases;
    for (int s = 0; s < count; ++s) {
      for (int i = 0; i < size; ++i) {
        const LeaseId lease(leases.size() + 1'000);
        const core::Reply reply = node_.Apply(core::Register{{Spec(Text("s-", s), Text("i-", i))},
                                                             core::LeaseClaim{lease, kTtlMs, ""}});
        const auto& value = std::get<core::RegisterReply>(reply.value);
        leases.push_back({value.lease->id, value.lease->epoch});
      }
    }
    return leases;
  }
  // Renews at the advised interval while time passes.
  void PassRenewing(int64_t ms, const std::vector<core::LeaseRef>& leases) {
    for (int64_t passed = 0; passed < ms; passed += kTtlMs / 3) {
      const RenewalAnswer answer = Renew(leases);
      EXPECT_TRUE(answer.accepted);
      EXPECT_TRUE(answer.lost.empty());
      Pass(std::min<int64_t>(kTtlMs / 3, ms - passed));
    }
  }
  uint32_t Count(core::Health health, std::string_view service = "") {
    uint32_t count = 0;
    node_.replica().view()->services.ForEachFrom("", [&](const replica::ServicePtr& s) {
      if (service.empty() || s->name == Text("default/", service)) count += s->Count(health);
      return true;
    });
    return count;
  }

  FakeClock clock_;
  TestReplica node_;
  LivenessDriver driver_;
};

TEST_F(LivenessDriverTest, SilenceIsActedOnWithinTtlPlusOneSecondAndNotBefore) {  // G4
  RegisterWithLease("i-1", LeaseId(7));
  Pass(kTtlMs - 100);
  EXPECT_TRUE(Serves("i-1"));
  Pass(1'000);
  EXPECT_FALSE(Serves("i-1"));
  ASSERT_NE(Find("i-1"), nullptr);
  EXPECT_EQ(Find("i-1")->health(), core::Health::kCritical);
}

TEST_F(LivenessDriverTest, ALeaseThatIsRenewedAtTheAdvisedIntervalIsNeverExpired) {  // G4
  const core::LeaseRef lease = RegisterWithLease("i-1", LeaseId(7));
  for (int i = 0; i < 30; ++i) {
    const RenewalAnswer answer = Renew({lease});
    EXPECT_TRUE(answer.accepted);
    EXPECT_TRUE(answer.lost.empty());
    EXPECT_EQ(answer.next_in_ms, kTtlMs / 3);
    Pass(answer.next_in_ms);
  }
  EXPECT_TRUE(Serves("i-1"));
}

TEST_F(LivenessDriverTest, AnExpiryIsProposedOnceAndTheLeaseIsLost) {
  const core::LeaseRef lease = RegisterWithLease("i-1", LeaseId(7));
  Pass(kTtlMs + 500);
  const uint64_t proposed = node_.proposer().proposed();
  Pass(2'000);
  EXPECT_EQ(node_.proposer().proposed(), proposed);
  EXPECT_EQ(Renew({lease}).lost, std::vector{LeaseId(7)});
}

TEST_F(LivenessDriverTest, AFailedExpiryIsTriedAgainAndARenewalWinsMeanwhile) {
  const core::LeaseRef quiet = RegisterWithLease("i-1", LeaseId(7));
  const core::LeaseRef back = RegisterWithLease("i-2", LeaseId(8));
  node_.proposer().Refuse(absl::ResourceExhaustedError("the disk is full"));
  Pass(kTtlMs + 500);
  EXPECT_TRUE(Serves("i-1"));
  EXPECT_TRUE(Renew({back}).lost.empty());
  node_.proposer().Refuse(absl::OkStatus());
  Pass(500);
  EXPECT_FALSE(Serves("i-1"));
  EXPECT_TRUE(Serves("i-2"));
  EXPECT_EQ(Renew({quiet, back}).lost, std::vector{quiet.id});
}

TEST_F(LivenessDriverTest, ANewLeaderGivesEveryLeaseAFullTtl) {  // G4
  RegisterWithLease("i-1", LeaseId(7));
  Pass(kTtlMs - 200);
  node_.StepDown();
  Pass(10'000);
  EXPECT_TRUE(Serves("i-1")) << "a node that does not lead expires nothing";
  node_.Lead(Term(3));
  Pass(kTtlMs - 200);
  EXPECT_TRUE(Serves("i-1"));
  Pass(1'200);
  EXPECT_FALSE(Serves("i-1"));
}

TEST_F(LivenessDriverTest, AStallOfTheLoopMovesAllDeadlines) {  // G4
  RegisterWithLease("i-1", LeaseId(7));
  Pass(3'000);
  node_.OnLoop([this] { clock_.Advance(60'000); });  // SIGSTOP
  Tick();
  Pass(2'500);
  EXPECT_TRUE(Serves("i-1"));
  Pass(1'500);
  EXPECT_FALSE(Serves("i-1"));
}

TEST_F(LivenessDriverTest, ANodeThatStopsExpiresNothing) {  // G4: it closed the streams that renew
  RegisterWithLease("i-1", LeaseId(7));
  driver_.Stop();
  Pass(3 * kTtlMs);
  EXPECT_TRUE(Serves("i-1"));
}

TEST_F(LivenessDriverTest, AJumpOfTheWallClockIsNobodysSilence) {
  RegisterWithLease("i-1", LeaseId(7));
  node_.OnLoop([this] { clock_.JumpWall(86'400'000); });
  Pass(kTtlMs - 200);
  EXPECT_TRUE(Serves("i-1"));
}

TEST_F(LivenessDriverTest, OneThatDoesNotLeadAcceptsNothing) {
  const core::LeaseRef lease = RegisterWithLease("i-1", LeaseId(7));
  node_.StepDown();
  Pass(0);
  const RenewalAnswer answer = Renew({lease});
  EXPECT_FALSE(answer.accepted);
  EXPECT_TRUE(answer.lost.empty());
}

TEST_F(LivenessDriverTest, CriticalInstancesAreRemovedAfterAWhileUnlessTheyCameBack) {
  RegisterWithLease("i-1", LeaseId(7));
  RegisterWithLease("i-2", LeaseId(8));
  Pass(kTtlMs + 500);
  ASSERT_FALSE(Serves("i-2"));
  const core::LeaseRef again = RegisterWithLease("i-2", LeaseId(9), 3'600'000);
  Pass(19'000);
  EXPECT_NE(Find("i-1"), nullptr);
  Pass(2'000);
  EXPECT_EQ(Find("i-1"), nullptr);
  EXPECT_TRUE(Serves("i-2"));
  EXPECT_TRUE(Renew({again}).lost.empty());
}

TEST_F(LivenessDriverTest, G5AllHeartbeatsOfAServiceStopAtOnce) {
  const auto others = RegisterServices(5, 4);  // so that the node goes on hearing enough
  std::vector<core::LeaseRef> web;
  for (int i = 0; i < 9; ++i) web.push_back(RegisterWithLease(Text("i-", i), LeaseId(1 + i)));
  PassRenewing(kTtlMs + 2'000, others);
  EXPECT_EQ(Count(core::Health::kCritical, "web"), 3u);
  EXPECT_EQ(Count(core::Health::kSuspect, "web"), 6u);
  EXPECT_EQ(Count(core::Health::kPassing), 20u);

  // Nothing more leaves, whoever else is silent.
  PassRenewing(60'000, others);
  EXPECT_EQ(Count(core::Health::kSuspect, "web"), 6u);

  // All of them come back. Who is suspect has never lost its lease; who left is told so.
  RenewalAnswer answer = Renew(web);
  EXPECT_TRUE(answer.accepted);
  EXPECT_EQ(answer.lost.size(), 3u);
  EXPECT_EQ(answer.next_in_ms, kTtlMs / 3);
  Pass(200);
  EXPECT_EQ(Count(core::Health::kSuspect), 0u);
  EXPECT_EQ(Count(core::Health::kPassing, "web"), 6u);
}

TEST_F(LivenessDriverTest, G5HalfOfTheClientsVanishForTwoMinutes) {
  const auto leases = RegisterServices(8, 5);
  std::vector<core::LeaseRef> there;
  std::vector<core::LeaseRef> vanished;
  for (size_t i = 0; i < leases.size(); ++i) (i % 2 == 0 ? there : vanished).push_back(leases[i]);
  PassRenewing(10'000, leases);
  PassRenewing(120'000, there);
  uint32_t gone = 0;
  for (int s = 0; s < 8; ++s) {
    const std::string service = Text("s-", s);
    const uint32_t served =
        Count(core::Health::kPassing, service) + Count(core::Health::kSuspect, service);
    EXPECT_GE(served, 4u) << service;  // of 5, no more than a third
    gone += 5 - served;
  }
  EXPECT_EQ(Count(core::Health::kPassing), 20u);
  EXPECT_EQ(Count(core::Health::kSuspect), 20u - gone);
  EXPECT_FALSE(driver_.intake().paused) << "half is more than a third";

  const RenewalAnswer answer = Renew(leases);
  EXPECT_EQ(answer.lost.size(), gone);  // they register again
  Pass(200);
  EXPECT_EQ(Count(core::Health::kSuspect), 0u);
  EXPECT_EQ(Count(core::Health::kPassing), 40u - gone);
}

TEST_F(LivenessDriverTest, G5ASuspectIsSuspectToTheNextLeaderAndCanBeRenewedThere) {
  std::vector<core::LeaseRef> web;
  for (int i = 0; i < 3; ++i) web.push_back(RegisterWithLease(Text("i-", i), LeaseId(1 + i)));
  Pass(kTtlMs + 1'000);
  ASSERT_EQ(Count(core::Health::kSuspect), 2u);
  node_.StepDown();
  Pass(1'000);
  node_.Lead(Term(3));
  Pass(3 * kTtlMs);
  EXPECT_EQ(Count(core::Health::kSuspect), 2u);
  Renew(web);
  Pass(200);
  EXPECT_EQ(Count(core::Health::kPassing), 2u);
}

TEST_F(LivenessDriverTest, G5ARevivalThatFailedIsTriedAgainAtTheNextRenewal) {
  std::vector<core::LeaseRef> web;
  for (int i = 0; i < 3; ++i) web.push_back(RegisterWithLease(Text("i-", i), LeaseId(1 + i)));
  Pass(kTtlMs + 1'000);
  ASSERT_EQ(Count(core::Health::kSuspect), 2u);
  node_.proposer().Refuse(absl::ResourceExhaustedError("the disk is full"));
  EXPECT_TRUE(Renew(web).accepted);
  Pass(200);
  EXPECT_EQ(Count(core::Health::kSuspect), 2u);
  node_.proposer().Refuse(absl::OkStatus());
  Renew(web);
  Pass(200);
  EXPECT_EQ(Count(core::Health::kSuspect), 0u);
}

TEST_F(LivenessDriverTest, G4ANodeThatHearsTooLittleExpiresNothingUntilItHearsAgain) {
  const auto leases = RegisterServices(30, 1);  // of one instance: no guard of their own
  PassRenewing(12'000, leases);
  const auto paused_before = driver_.intake();
  EXPECT_FALSE(paused_before.paused) << paused_before.heard << " of " << paused_before.leases;
  Pass(15'000);  // nobody is heard
  EXPECT_TRUE(driver_.intake().paused);
  EXPECT_EQ(Count(core::Health::kPassing), 30u);

  // It hears again, but one stays silent: that one leaves within 2 ttl + 1 s of the end.
  const std::vector<core::LeaseRef> back(leases.begin() + 1, leases.end());
  PassRenewing(4'000, back);
  EXPECT_FALSE(driver_.intake().paused);
  EXPECT_EQ(Count(core::Health::kPassing), 30u);
  PassRenewing(kTtlMs + 1'000, back);
  EXPECT_EQ(Count(core::Health::kPassing), 29u);
  EXPECT_EQ(Count(core::Health::kCritical), 1u);
}

TEST_F(LivenessDriverTest, G5ANodeThatStaysDeafMarksSuspectAndRemovesNothing) {
  const auto leases = RegisterServices(30, 1);
  const core::LeaseRef early = RegisterWithLease("i-1", LeaseId(1));
  PassRenewing(kTtlMs + 2'000, leases);
  ASSERT_EQ(Count(core::Health::kCritical), 1u);  // i-1, to be removed after 20 s
  Pass(60'000);
  // Those that are suspect are not expected any more, so the rest is what it should hear; here
  // nothing is left to hear.
  EXPECT_EQ(Count(core::Health::kSuspect), 30u);
  EXPECT_EQ(Renew({early}).lost.size(), 1u);
  Renew(leases);
  Pass(200);
  EXPECT_EQ(Count(core::Health::kPassing), 30u);
}

TEST_F(LivenessDriverTest, MaintenanceEndsByItself) {
  const core::LeaseRef lease = RegisterWithLease("i-1", LeaseId(1));
  node_.Apply(core::SetMaintenance{"default/web/i-1", "ops", "kernel", 10'000, false});
  PassRenewing(8'000, {lease});
  EXPECT_EQ(Count(core::Health::kDraining), 1u);
  PassRenewing(4'000, {lease});
  EXPECT_EQ(Count(core::Health::kPassing), 1u);
}

TEST_F(LivenessDriverTest, G5WhatIsHeldLeavesAfterTheHoldOneShareATtl) {
  const auto others = RegisterServices(5, 4);
  for (int i = 0; i < 9; ++i) RegisterWithLease(Text("i-", i), LeaseId(1 + i));
  PassRenewing(kTtlMs + 2'000, others);
  ASSERT_EQ(Count(core::Health::kSuspect, "web"), 6u);
  clock_.JumpWall(3'600'000);  // the hold counts by the replicated time
  PassRenewing(2'000, others);
  EXPECT_EQ(Count(core::Health::kSuspect, "web"), 4u) << "a third of six";
  PassRenewing(60'000, others);
  EXPECT_EQ(Count(core::Health::kSuspect, "web"), 0u);
}

TEST_F(LivenessDriverTest, FramesBeyondTheLimitAreRefused) {
  const core::LeaseRef lease = RegisterWithLease("i-1", LeaseId(7));
  std::atomic<int> answered{0};
  int taken = 0;
  node_.OnLoop([&] {  // the loop is busy here, so nothing is drained
    for (int i = 0; i < 6; ++i) {
      taken += driver_.Renew({{lease}, [&answered](RenewalAnswer) { ++answered; }});
    }
  });
  EXPECT_EQ(taken, 4);
  node_.OnLoop([] {});
  EXPECT_EQ(answered, 4);
}

}  // namespace
}  // namespace registryd::liveness
