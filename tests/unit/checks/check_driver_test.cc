#include "registryd/checks/check_driver.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "registryd/base/text.h"
#include "registryd/core/check_owner.h"
#include "tests/support/test_replica.h"

namespace registryd::checks {
namespace {

using testing::Spec;
using testing::TestReplica;

// A real replica on a clock that the test moves, and instances that answer as the test says.
class CheckDriverTest : public ::testing::Test {
 protected:
  CheckDriverTest()
      : node_(&clock_),
        driver_(
            {.replica = &node_.replica(),
             .proposer = &node_.proposer(),
             .loop = &node_.loop(),
             .clock = &clock_},
            NodeId(1),
            [this](const DueCheck& check, CheckDriver::Done done) {
              ++asked_[check.name.text()];
              const auto own = answers_.find(check.name.text());
              done(own == answers_.end() ? answer_ : own->second, "HTTP 200");
            },
            [this] { return members_; }) {
    node_.replica().AddObserver(&driver_);
    node_.Start();
    node_.Lead();
    Pass(0);
  }

  void Tick() { node_.Tick(driver_); }
  void Pass(int64_t ms) { node_.Pass(driver_, clock_, ms); }
  void Register(std::string_view id, std::string path = "/health") {
    core::InstanceSpec spec = Spec("web", id);
    spec.check = core::Boxed<core::CheckSpec>(
        {core::CheckKind::kHttp, "", std::move(path), 2'000, 1'000, 1, 3});
    EXPECT_TRUE(node_.Apply(core::Register{{spec}, {}}).status.ok());
  }
  int Serving(int of) {
    int serving = 0;
    for (int i = 0; i < of; ++i) serving += HealthOf(Text("i-", i)) == core::Health::kPassing;
    return serving;
  }
  core::Health HealthOf(std::string_view id) {
    const auto view = node_.replica().view();
    const auto* service = view->Find("default/web");
    const core::InstancePtr* found = service->instances.Find(id);
    return (*found)->health();
  }

  FakeClock clock_;
  TestReplica node_;
  std::map<std::string, int> asked_;  // the loop's
  Answer answer_ = Answer::kPassed;
  std::map<std::string, Answer> answers_;  // of some
  std::vector<NodeId> members_{NodeId(1)};
  CheckDriver driver_;
};

TEST_F(CheckDriverTest, AnInstanceIsServedWhenItsCheckPassesAndWritesNothingMore) {
  Register("i-1");
  EXPECT_EQ(HealthOf("i-1"), core::Health::kCritical) << "it has not been checked yet";
  Pass(1'500);
  EXPECT_EQ(HealthOf("i-1"), core::Health::kPassing);
  const uint64_t proposed = node_.proposer().proposed();
  Pass(30'000);
  EXPECT_GE(asked_["default/web/i-1"], 10);
  EXPECT_EQ(node_.proposer().proposed(), proposed) << "a result that changes nothing is no write";
}

TEST_F(CheckDriverTest, ItLeavesAfterItsFailuresAndComesBack) {
  Register("i-1");
  Pass(1'500);
  node_.OnLoop([this] { answer_ = Answer::kFailed; });
  Pass(3'000);
  EXPECT_EQ(HealthOf("i-1"), core::Health::kPassing) << "one or two failures are not three";
  Pass(6'000);
  EXPECT_EQ(HealthOf("i-1"), core::Health::kCritical);
  node_.OnLoop([this] { answer_ = Answer::kNotAsked; });
  Pass(6'000);
  EXPECT_EQ(HealthOf("i-1"), core::Health::kCritical);
  node_.OnLoop([this] { answer_ = Answer::kPassed; });
  Pass(3'000);
  EXPECT_EQ(HealthOf("i-1"), core::Health::kPassing);
}

TEST_F(CheckDriverTest, ADeadMembersChecksMove) {
  node_.OnLoop([this] { members_ = {NodeId(1), NodeId(2), NodeId(3)}; });
  Pass(1'500);
  for (int i = 0; i < 60; ++i) Register(Text("i-", i));
  Pass(1'500);
  size_t mine = 0;
  for (int i = 0; i < 60; ++i) {
    const core::InstanceName name("default", "web", Text("i-", i));
    const bool own = core::CheckOwner(name, members_) == NodeId(1);
    mine += own;
    EXPECT_EQ(asked_.count(name.text()), own ? 1u : 0u) << name.text();
  }
  EXPECT_GT(mine, 5u);
  EXPECT_LT(mine, 40u);
  node_.OnLoop([this] { members_ = {NodeId(1), NodeId(3)}; });
  Pass(3'000);
  node_.OnLoop([this] { members_ = {NodeId(1)}; });
  Pass(3'000);
  EXPECT_EQ(asked_.size(), 60u);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(HealthOf(Text("i-", i)), core::Health::kPassing);
}

TEST_F(CheckDriverTest, AMemberThatSeesEverythingFailDoubtsItselfAndLetsOthersLook) {
  for (int i = 0; i < 10; ++i) Register(Text("i-", i));
  Pass(3'000);
  ASSERT_EQ(Serving(10), 10);
  node_.OnLoop([this] { answer_ = Answer::kFailed; });
  Pass(20'000);
  EXPECT_TRUE(driver_.doubts());
  EXPECT_EQ(Serving(10), 10) << "it keeps what it sees to itself";

  // Another takes the checks, and sees nothing wrong. Back after its time aside, this member is
  // still cut off and doubts itself anew.
  node_.OnLoop([this] { members_ = {NodeId(2)}; });
  Pass(SelfDoubt::kAsideMs);
  EXPECT_FALSE(driver_.doubts());
  node_.OnLoop([this] { members_ = {NodeId(1)}; });
  Pass(20'000);
  EXPECT_TRUE(driver_.doubts());
  EXPECT_EQ(Serving(10), 10);
}

TEST_F(CheckDriverTest, WhereNobodyElseCanLookItBelievesItselfInTheEnd) {
  for (int i = 0; i < 10; ++i) Register(Text("i-", i));
  Pass(3'000);
  node_.OnLoop([this] { answer_ = Answer::kFailed; });
  Pass(SelfDoubt::kAsideMs - 5'000);
  EXPECT_EQ(Serving(10), 10);
  Pass(20'000);
  EXPECT_FALSE(driver_.doubts());
  EXPECT_EQ(Serving(10), 0);
}

TEST_F(CheckDriverTest, HalfOfTheInstancesMayFailAtOnce) {
  for (int i = 0; i < 10; ++i) Register(Text("i-", i));
  Pass(3'000);
  node_.OnLoop([this] {
    for (int i = 0; i < 5; ++i) answers_[Text("default/web/i-", i)] = Answer::kFailed;
  });
  Pass(10'000);
  EXPECT_FALSE(driver_.doubts());
  EXPECT_EQ(Serving(10), 5);
}

TEST_F(CheckDriverTest, AFewInstancesAreBelievedAtOnce) {
  for (int i = 0; i < 4; ++i) Register(Text("i-", i));
  Pass(3'000);
  node_.OnLoop([this] { answer_ = Answer::kFailed; });
  Pass(10'000);
  EXPECT_EQ(Serving(4), 0);
}

TEST_F(CheckDriverTest, AResultThatCouldNotBeReportedIsReportedLater) {
  Register("i-1");
  node_.proposer().Refuse(absl::UnavailableError("no leader"));
  Pass(5'000);
  EXPECT_EQ(HealthOf("i-1"), core::Health::kCritical);
  node_.proposer().Refuse(absl::OkStatus());
  Pass(3'000);
  EXPECT_EQ(HealthOf("i-1"), core::Health::kPassing);
}

TEST_F(CheckDriverTest, AnInstanceThatIsGoneIsNotAsked) {
  Register("i-1");
  Pass(1'500);
  node_.Apply(core::Deregister{{{core::InstanceName("default", "web", "i-1"), {}}}});
  const int asked = asked_["default/web/i-1"];
  Pass(10'000);
  EXPECT_EQ(asked_["default/web/i-1"], asked);
}

}  // namespace
}  // namespace registryd::checks
