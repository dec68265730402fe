// Members of two builds: the programs are exchanged one after the other while clients go on, and a
// member that meets what it does not know stops instead of making something else of it.
//
// registryd_next is this build with a higher feature level (tests/support/programs).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/cluster.h"
#include "tests/support/linearizability.h"
#include "tests/support/recording_client.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

using ::testing::HasSubstr;

class RollingUpgradeTest : public ::testing::Test {
 protected:
  grpc::Status Register(size_t i, const std::string& id) {
    registry::v1::RegisterRequest request;
    *request.add_instances() = Spec("web", id);
    registry::v1::RegisterResponse response;
    return cluster_.stubs(i).Register(request, &response);
  }
  grpc::Status Deregister(size_t i, const std::string& id) {
    registry::v1::DeregisterRequest request;
    request.add_instances()->set_service("web");
    request.mutable_instances(0)->set_id(id);
    registry::v1::DeregisterResponse response;
    return cluster_.stubs(i).Deregister(request, &response);
  }
  bool LevelIs(size_t i, uint32_t level) {
    const auto status = cluster_.Status(i);
    return status && status->feature_level() == level;
  }
  Cluster cluster_{3};
};

TEST_F(RollingUpgradeTest, G8MembersOfTwoBuildsNeverDiverge) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  RecordingClients clients(cluster_.apis(), {.seed = 51});
  ASSERT_TRUE(Register(0, "i-1").ok());
  ASSERT_TRUE(Register(0, "i-2").ok());
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(clients.WaitForWrites(30)) << cluster_.Log();
    EXPECT_TRUE(LevelIs(i, 1));
    EXPECT_EQ(cluster_[i].Stop(), 0) << cluster_.Log();
    cluster_[i].SetProgram("registryd_next");
    ASSERT_TRUE(cluster_[i].Start()) << cluster_.Log();
    ASSERT_TRUE(WaitFor([&] { return cluster_.Status(i).has_value(); })) << cluster_.Log();
    if (i == 2) break;
    // With a member that does not know it, what is new is refused, by the leader of either build.
    const grpc::Status refused = Deregister(i, "i-1");
    EXPECT_TRUE(refused.error_code() == grpc::StatusCode::FAILED_PRECONDITION ||
                refused.error_code() == grpc::StatusCode::UNIMPLEMENTED)
        << refused.error_message();
    EXPECT_THAT(refused.error_message(), HasSubstr("feature level 2"));
    if (i > 0) continue;
    // An old member says it as before.
    EXPECT_TRUE(Deregister(2, "i-1").ok()) << cluster_.Log();
    ASSERT_TRUE(Register(2, "i-1").ok()) << cluster_.Log();
  }
  // All know it, so it is used.
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(WaitFor([&] { return LevelIs(i, 2); })) << cluster_.Log();
  }
  const grpc::Status done = Deregister(1, "i-1");
  EXPECT_TRUE(done.ok()) << done.error_message();
  ASSERT_TRUE(clients.WaitForWrites(30)) << cluster_.Log();
  const History history = clients.Stop();
  ASSERT_TRUE(cluster_.WaitUntilEqual()) << cluster_.Log();
  EXPECT_EQ(CheckLinearizable(history), std::nullopt) << cluster_.Log();

  // Back to the old program: it does not start with what it would not understand.
  EXPECT_EQ(cluster_[2].Stop(), 0) << cluster_.Log();
  cluster_[2].SetProgram("registryd");
  cluster_[2].Launch();
  EXPECT_EQ(cluster_[2].Wait(), 1) << cluster_.Log();
  EXPECT_THAT(cluster_[2].Log(), HasSubstr("the cluster uses feature level 2"));
  ASSERT_TRUE(Deregister(0, "i-2").ok()) << cluster_.Log();
  cluster_[2].SetProgram("registryd_next");
  ASSERT_TRUE(cluster_[2].Start()) << cluster_.Log();
  ASSERT_TRUE(cluster_.WaitUntilEqual()) << cluster_.Log();
}

TEST_F(RollingUpgradeTest, AMemberThatMeetsACommandItDoesNotKnowStopsAndChangesNothing) {
  for (size_t i = 0; i < 3; ++i) cluster_[i].SetProgram("registryd_next");
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  ASSERT_TRUE(Register(0, "i-1").ok());
  ASSERT_TRUE(WaitFor([&] { return LevelIs(0, 2) && LevelIs(1, 2) && LevelIs(2, 2); }))
      << cluster_.Log();
  ASSERT_TRUE(cluster_.WaitUntilEqual()) << cluster_.Log();
  // One that joins with the old program gets a log that raises the level, and what follows.
  const size_t added = cluster_.Add();
  cluster_[added].Launch();
  ASSERT_TRUE(Deregister(0, "i-1").ok()) << cluster_.Log();
  const auto exit = cluster_[added].Wait();
  ASSERT_TRUE(exit.has_value()) << cluster_.Log();
  EXPECT_NE(*exit, 0);
  EXPECT_THAT(cluster_[added].Log(), HasSubstr("feature level 2"));
  // The others go on.
  EXPECT_TRUE(Register(1, "i-2").ok()) << cluster_.Log();
}

}  // namespace
}  // namespace registryd::testing
