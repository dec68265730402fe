// Promise G7 with the real daemon: a drain returns when the callers know, and names those who do
// not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "tests/support/daemon.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"
#include "tests/support/watch_client.h"

namespace registryd::testing {
namespace {

using registry::v1::DrainResponse;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DrainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
    stubs_ = std::make_unique<Stubs>(daemon_.address());
    registry::v1::RegisterRequest request;
    for (const std::string id : {"i-1", "i-2"}) *request.add_instances() = Spec("web", id);
    registry::v1::RegisterResponse response;
    ASSERT_TRUE(stubs_->Register(request, &response).ok());
  }

  std::unique_ptr<WatchClient> Client(const std::string& id, bool acknowledge,
                                      const registry::v1::Subscribe& scope) {
    registry::v1::Hello hello;
    hello.set_client_id(id);
    hello.set_client_name(id.substr(0, id.find('-')));
    auto client = std::make_unique<WatchClient>(WatchClient::Options{.address = daemon_.address(),
                                                                     .subscribe = scope,
                                                                     .hello = hello,
                                                                     .acknowledge = acknowledge});
    client->Connect();
    EXPECT_TRUE(client->WaitUntilWhole());
    return client;
  }
  DrainResponse Drain(const std::string& id, int64_t wait_ms) {
    registry::v1::DrainRequest request;
    request.mutable_instance()->set_service("web");
    request.mutable_instance()->set_id(id);
    request.set_wait_ms(wait_ms);
    DrainResponse response;
    const grpc::Status status = stubs_->Drain(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  static bool Knows(WatchClient& client, const std::string& name) {
    return client.Look([&](const WatchChecker& checker) {
      const auto found = checker.picture().find(name);
      return found != checker.picture().end() &&
             found->second.health() == registry::v1::HEALTH_DRAINING;
    });
  }

  TempDir dir_;
  Daemon daemon_{dir_.path() + "/data"};
  std::unique_ptr<Stubs> stubs_;
};

TEST_F(DrainTest, G7ADrainReturnsWhenEverySubscriberHasAcknowledged) {
  const auto one = Client("checkout-1", true, ServiceScope("web"));
  const auto all = Client("gateway-1", true, PrefixScope(""));
  const auto other = Client("billing-1", false, ServiceScope("db"));  // not of this service
  const DrainResponse drained = Drain("i-1", 30'000);
  EXPECT_TRUE(drained.drained()) << drained.ShortDebugString();
  EXPECT_THAT(drained.waiting_for(), IsEmpty());
  EXPECT_EQ(drained.instance().health(), registry::v1::HEALTH_DRAINING);
  // Whoever acknowledged has it: nothing is acknowledged before it is applied.
  EXPECT_TRUE(Knows(*one, "default/web/i-1"));
  EXPECT_TRUE(Knows(*all, "default/web/i-1"));
  // Drained again, nothing has to be waited for.
  EXPECT_TRUE(Drain("i-1", 30'000).drained());
}

TEST_F(DrainTest, G7WhoHasNotAcknowledgedIsNamedAndTheDrainWaitsForHim) {
  const auto good = Client("checkout-1", true, ServiceScope("web"));
  const auto slow = Client("cart-7", false, ServiceScope("web"));
  // Asked again until the good one has acknowledged.
  DrainResponse late;
  ASSERT_TRUE(WaitFor([&] {
    late = Drain("i-1", 200);
    EXPECT_FALSE(late.drained());
    return late.waiting_for_size() == 1;
  })) << late.ShortDebugString();
  EXPECT_EQ(late.waiting_for(0).client_id(), "cart-7");
  EXPECT_EQ(late.waiting_for(0).client_name(), "cart");
  EXPECT_EQ(late.waiting_for(0).watches(), "default/web");
  EXPECT_THAT(late.waiting_for(0).address(), HasSubstr("127.0.0.1"));
  EXPECT_GT(late.waiting_for(0).behind(), 0u);

  std::future<DrainResponse> waiting =
      std::async(std::launch::async, [&] { return Drain("i-1", 60'000); });
  slow->Acknowledge(late.revision() - 1);  // not enough
  EXPECT_NE(waiting.wait_for(std::chrono::milliseconds(100)), std::future_status::ready);
  slow->Acknowledge(late.revision());
  ASSERT_EQ(waiting.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(waiting.get().drained());
}

TEST_F(DrainTest, G7AClientThatIsCutOffIsWaitedForAndOneThatSaidGoodbyeIsNot) {
  const auto cut = Client("cart-7", false, ServiceScope("web"));
  cut->Cut();
  // Asked again until the daemon has seen the cut.
  DrainResponse late;
  ASSERT_TRUE(WaitFor([&] {
    late = Drain("i-1", 100);
    EXPECT_FALSE(late.drained()) << "it may still call what it was told last";
    EXPECT_EQ(late.waiting_for_size(), 1) << late.ShortDebugString();
    return HasFailure() || !late.waiting_for(0).connected();
  })) << late.ShortDebugString();
  ASSERT_FALSE(HasFailure());
  // Back on a new stream, it speaks for itself.
  cut->Connect();
  ASSERT_TRUE(WaitFor([&] { return Knows(*cut, "default/web/i-1"); }));
  cut->Acknowledge(late.revision());
  EXPECT_TRUE(Drain("i-1", 30'000).drained());
  cut->SayGoodbye();

  const auto finished = Client("cart-8", false, ServiceScope("web"));
  finished->SayGoodbye();
  EXPECT_TRUE(Drain("i-2", 30'000).drained());
  // And one that never comes back is let go after its grace.
  const auto lost = Client("cart-9", false, ServiceScope("web"));
  lost->Cut();
  EXPECT_TRUE(Drain("i-2", 60'000).drained());
}

TEST_F(DrainTest, TheCommandLineDrainsAndShowsWhoWatches) {
  const auto good = Client("checkout-1", true, ServiceScope("web"));
  Finished drained = daemon_.Cli({"drain", "web/i-1", "--wait", "30s"});
  EXPECT_EQ(drained.exit, 0) << drained.err;
  EXPECT_THAT(drained.out, HasSubstr("web/i-1 is drained"));
  const auto slow = Client("cart-7", false, PrefixScope("we"));
  Finished late = daemon_.Cli({"drain", "web/i-2", "--wait", "100ms"});
  EXPECT_EQ(late.exit, 4) << late.err;
  EXPECT_THAT(late.out, HasSubstr("cart-7"));
  Finished watching = daemon_.Cli({"subscribers", "web", "-o", "wide"});
  EXPECT_EQ(watching.exit, 0) << watching.err;
  EXPECT_THAT(watching.out, ::testing::AllOf(HasSubstr("checkout-1"), HasSubstr("cart-7"),
                                             HasSubstr("default/we*"), HasSubstr("never")));
  EXPECT_THAT(daemon_.Cli({"consumers", "web"}).out, HasSubstr("checkout-1"));
  EXPECT_THAT(daemon_.Cli({"dependencies", "cart"}).out, HasSubstr("default/we*"));
  Finished absent = daemon_.Cli({"drain", "web/none"});
  EXPECT_EQ(absent.exit, 3) << absent.err;
}

}  // namespace
}  // namespace registryd::testing
