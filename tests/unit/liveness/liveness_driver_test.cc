#include "registryd/liveness/liveness_driver.h"

#include <gtest/gtest.h>

#include <future>

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
                {.remove_after_ms = 20'000, .frames_max = 4}) {
    node_.replica().AddObserver(&driver_);
    node_.Start();
    node_.Lead();
    Pass(0);
  }

  void Tick() {
    node_.OnLoop([this] {
      kLoop.AssertHeld();
      driver_.Tick();
    });
    // What the tick proposed is applied, and its outcome has come back, when these have run.
    for (int i = 0; i < 4; ++i) node_.OnLoop([] {});
  }
  void Pass(int64_t ms) {
    for (int64_t passed = 0; passed < ms; passed += LivenessDriver::kTickMs) {
      node_.OnLoop([this] { clock_.Advance(LivenessDriver::kTickMs); });
      Tick();
    }
    Tick();
  }
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
