// A member that has made something else of the same commands is found, and told of loudly (G8).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "registryd/base/check.h"
#include "registryd/storage/state_store.h"
#include "tests/support/cluster.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

using ::testing::HasSubstr;

// Changes the state of a stopped member behind the log's back, as a bug in apply would.
absl::Status Spoil(const std::string& dir) {
  ASSIGN_OR_RETURN(auto store, storage::StateStore::Open(dir));
  core::Registry registry;
  ASSIGN_OR_RETURN(const auto position, store->Load(&registry));
  core::Deregister deregister;
  deregister.targets.push_back({core::InstanceName("default/web/i-0"), Revision()});
  const core::Outcome outcome =
      registry.Apply({registry.counters().time_ms, position.term, {}, "nobody"}, deregister);
  RETURN_IF_ERROR(outcome.reply.status);
  storage::StateBatch batch;
  batch.Add(outcome);
  store->Commit(batch, registry.counters(), position);
  store->Sync();
  return absl::OkStatus();
}

TEST(DivergenceTest, G8AMemberWithAnotherStateIsNamedByLogMetricAndStatus) {
  Cluster cluster(3);
  ASSERT_TRUE(cluster.Start()) << cluster.Log();
  for (int i = 0; i < 5; ++i) {
    registry::v1::RegisterRequest request;
    *request.add_instances() = Spec("web", "i-" + std::to_string(i));
    registry::v1::RegisterResponse response;
    ASSERT_TRUE(cluster.stubs(0).Register(request, &response).ok()) << cluster.Log();
  }
  ASSERT_TRUE(cluster.WaitUntilEqual()) << cluster.Log();
  const size_t leader = cluster.WaitForLeader().value();
  const size_t wrong = (leader + 1) % 3;
  EXPECT_EQ(cluster[wrong].Stop(), 0) << cluster.Log();
  const absl::Status spoilt = Spoil(cluster[wrong].data_dir() + "/state");
  ASSERT_TRUE(spoilt.ok()) << spoilt;
  ASSERT_TRUE(cluster[wrong].Start()) << cluster.Log();
  for (const size_t i : {leader, (leader + 2) % 3}) {
    const auto said_of = [&](size_t whom) {
      const auto status = cluster.Status(i);
      for (int m = 0; status && m < status->members_size(); ++m) {
        if (status->members(m).name() == cluster.name(whom)) return status->members(m).divergence();
      }
      return std::string();
    };
    EXPECT_TRUE(WaitFor([&] { return !said_of(wrong).empty(); })) << cluster.Log();
    EXPECT_THAT(said_of(wrong), HasSubstr("digest"));
    EXPECT_EQ(said_of((leader + 2) % 3 == i ? leader : (leader + 2) % 3), "");
    EXPECT_THAT(cluster[i].Log(), HasSubstr("members have diverged"));
    EXPECT_TRUE(WaitFor([&] { return cluster[i].Metric("registryd_members_diverged") == 1; }))
        << cluster[i].Page("/metrics");
  }
  EXPECT_THAT(cluster.Cli({"status"}).out, HasSubstr("digest"));
}

}  // namespace
}  // namespace registryd::testing
