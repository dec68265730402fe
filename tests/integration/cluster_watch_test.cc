// Watching and draining on several members: a subscription goes on elsewhere, and a drain asks all.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/cluster.h"
#include "tests/support/random_writer.h"
#include "tests/support/wait_for.h"
#include "tests/support/watch_client.h"

namespace registryd::testing {
namespace {

using ::testing::IsEmpty;

class ClusterWatchTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cluster_.Start()) << cluster_.Log(); }

  // Until it is answered or known not to be: members come and go.
  [[nodiscard]] bool Write(RandomWriter& writer, size_t member) {
    const uint64_t before = writer.revision();
    return WaitFor([&] {
      if (writer.Write(cluster_.stubs(member))) return true;
      return writer.Settle(cluster_.stubs(member)) && writer.revision() > before;
    });
  }
  registry::v1::DrainResponse Drain(size_t member, const std::string& id, int64_t wait_ms) {
    registry::v1::DrainRequest request;
    request.mutable_instance()->set_service("web");
    request.mutable_instance()->set_id(id);
    request.set_wait_ms(wait_ms);
    registry::v1::DrainResponse response;
    const grpc::Status status = cluster_.stubs(member).Drain(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message() << cluster_.Log();
    return response;
  }
  std::unique_ptr<WatchClient> Client(size_t member, const std::string& id, bool acknowledge) {
    registry::v1::Hello hello;
    hello.set_client_id(id);
    auto client =
        std::make_unique<WatchClient>(WatchClient::Options{.address = cluster_.api(member),
                                                           .subscribe = ServiceScope("web"),
                                                           .hello = hello,
                                                           .acknowledge = acknowledge});
    client->Connect();
    EXPECT_TRUE(client->WaitUntilWhole());
    return client;
  }

  Cluster cluster_{3};
};

TEST_F(ClusterWatchTest, G3ASubscriptionGoesOnWithoutAGapOnOtherMembers) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  RandomWriter writer(seed);
  std::vector<std::unique_ptr<WatchClient>> clients;
  for (size_t i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<WatchClient>(
        WatchClient::Options{.address = cluster_.api(i % 3), .subscribe = PrefixScope("")}));
    clients.back()->Connect();
  }
  // A member that is not the leader dies and comes back, then the leader does; the writer's stays.
  const size_t leader = cluster_.WaitForLeader().value_or(0);
  const size_t writes_at = (leader + 1) % 3;
  const size_t other = (leader + 2) % 3;
  for (int round = 0; round < 300; ++round) {
    ASSERT_TRUE(Write(writer, writes_at)) << cluster_.Log();
    if (round == 80) cluster_[other].Kill9();
    if (round == 140) {
      ASSERT_TRUE(cluster_[other].Start()) << cluster_.Log();
    }
    if (round == 180) cluster_[leader].Kill9();
    if (round == 240) {
      ASSERT_TRUE(cluster_[leader].Start()) << cluster_.Log();
    }
    if (random() % 10 == 0) {
      WatchClient& client = *clients[random() % clients.size()];
      client.Cut();
      client.MoveTo(cluster_.api(random() % 3));
    }
    if (random() % 4 == 0) {
      for (auto& client : clients) client->Connect();
    }
  }
  for (auto& client : clients) {
    ASSERT_TRUE(WaitFor([&] {
      client->Connect();
      return client->Look([&](const WatchChecker& checker) {
        return checker.whole() && checker.revision() >= writer.revision();
      });
    })) << cluster_.Log();
    client->Cut();
    WatchChecker& checker = client->checker();
    checker.CheckAgainst(writer.truth(),
                         [](const std::string& name) { return name.rfind("default/", 0) == 0; });
    EXPECT_THAT(checker.errors(), IsEmpty()) << cluster_.Log();
    EXPECT_EQ(checker.counts().resyncs, 0) << checker.last_resync();
    EXPECT_EQ(checker.counts().snapshots, 1);
  }
}

TEST_F(ClusterWatchTest, G7ADrainAsksTheSubscribersOfAllMembers) {
  for (const std::string id : {"i-1", "i-2"}) {
    registry::v1::RegisterRequest request;
    *request.add_instances() = Spec("web", id);
    registry::v1::RegisterResponse response;
    ASSERT_TRUE(cluster_.stubs(0).Register(request, &response).ok());
  }
  ASSERT_TRUE(cluster_.WaitUntilEqual());
  const size_t leader = cluster_.WaitForLeader().value_or(0);
  const size_t near = (leader + 1) % 3;
  const size_t far = (leader + 2) % 3;
  const auto good = Client(leader, "checkout-1", true);
  const auto slow = Client(far, "cart-7", false);
  // Asked on a member that neither leads nor has the slow one.
  // Again until all members have answered and the good one has acknowledged.
  registry::v1::DrainResponse late;
  ASSERT_TRUE(WaitFor([&] {
    late = Drain(near, "i-1", 500);
    EXPECT_FALSE(late.drained());
    return late.waiting_for_size() == 1 && late.unreachable_nodes().empty();
  })) << late.ShortDebugString();
  EXPECT_EQ(late.waiting_for(0).client_id(), "cart-7");
  EXPECT_EQ(late.waiting_for(0).node(), cluster_.name(far));
  slow->Acknowledge(late.revision());
  EXPECT_TRUE(Drain(near, "i-1", 30'000).drained());

  // Nobody can speak for the subscribers of a member that does not answer.
  cluster_[far].Kill9();
  registry::v1::DrainResponse blind;
  ASSERT_TRUE(WaitFor([&] {
    blind = Drain(leader, "i-2", 3'000);
    EXPECT_FALSE(blind.drained());
    return blind.unreachable_nodes_size() == 1;
  })) << blind.ShortDebugString();
  EXPECT_EQ(blind.unreachable_nodes(0), cluster_.name(far));
}

}  // namespace
}  // namespace registryd::testing
