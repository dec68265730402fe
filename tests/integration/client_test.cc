// The client library against real daemons: a drain that waits for callers on all members, and clients
// that live through the stop and the death of the node that they are connected to.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "registry/client.h"
#include "registry/picker.h"
#include "registry/v1/operator.grpc.pb.h"
#include "tests/support/cluster.h"
#include "tests/support/secured_daemon.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

using registry::Health;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(30);

registry::InstanceSpec Web(const std::string& id) {
  registry::InstanceSpec spec;
  spec.service = "web";
  spec.id = id;
  spec.endpoints = {{.host = "10.0.0.7", .port = 8080}};
  return spec;
}

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cluster_.Start()) << cluster_.Log(); }

  // Prefers this member, and knows the others.
  std::unique_ptr<registry::Client> NewClient(size_t member, const std::string& name) {
    std::vector<std::string> servers = cluster_.apis();
    std::swap(servers[0], servers[member]);
    auto client = registry::Client::Create({.servers = servers, .timeout = kLong, .name = name});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  Cluster cluster_{3};
};

TEST_F(ClientTest, G7ARegistrationIsDrainedWhenTheCallersOfAllMembersKnow) {
  const auto owner = NewClient(0, "web");
  auto registration = owner->KeepRegistered({Web("a"), Web("b")});
  ASSERT_TRUE(registration.ok()) << registration.status();
  std::promise<void> busy;
  std::shared_future<void> over = busy.get_future().share();
  registry::SubscriptionOptions slow;
  slow.on_change = [&](const registry::ViewChange& change) {
    for (const auto& instance : change.changed) {
      if (instance->health == Health::kDraining) over.wait();
    }
  };
  std::vector<std::unique_ptr<registry::Client>> callers;
  std::vector<std::unique_ptr<registry::Subscription>> subscriptions;
  std::vector<std::unique_ptr<registry::Picker>> pickers;
  for (size_t i = 0; i < 3; ++i) {
    callers.push_back(NewClient(i, "caller-" + std::to_string(i)));
    auto subscription = callers.back()->Subscribe({.service = "web"},
                                                  i == 2 ? slow : registry::SubscriptionOptions());
    ASSERT_TRUE(subscription.ok()) << subscription.status();
    ASSERT_TRUE((*subscription)->WaitReady(kLong).ok());
    subscriptions.push_back(*std::move(subscription));
    pickers.push_back(std::make_unique<registry::Picker>(*subscriptions.back()));
  }
  // One has not applied it: he is named, and nothing is claimed.
  const absl::Status late = (*registration)->Drain(absl::Milliseconds(500), "deploy");
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_THAT(std::string(late.message()), HasSubstr("caller-2"));
  busy.set_value();
  const absl::Status drained = (*registration)->Drain(kLong, "deploy");
  ASSERT_TRUE(drained.ok()) << drained;
  // At once, and not some time later: nobody picks it any more.
  for (const auto& picker : pickers) EXPECT_FALSE(picker->Pick());
  EXPECT_TRUE((*registration)->Deregister().ok());
}

TEST_F(ClientTest, ADrainBelowMinHealthyIsRefusedUnlessItIsForced) {
  const auto operators = registry::v1::Operator::NewStub(
      grpc::CreateChannel(cluster_.api(0), grpc::InsecureChannelCredentials()));
  registry::v1::SetServiceRequest keep_one;
  keep_one.set_service("web");
  keep_one.set_min_healthy(1);
  registry::v1::SetServiceResponse settings;
  grpc::ClientContext context;
  ASSERT_TRUE(operators->SetService(&context, keep_one, &settings).ok());
  const auto owner = NewClient(0, "web");
  auto registration = owner->KeepRegistered({Web("a")});
  ASSERT_TRUE(registration.ok()) << registration.status();
  const absl::Status refused = (*registration)->Drain(kLong, "deploy");
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::IsFailedPrecondition((*registration)->SetHealth(Health::kDraining)));
  const absl::Status forced = (*registration)->Drain(kLong, "deploy", /*force=*/true);
  ASSERT_TRUE(forced.ok()) << forced;
  const auto found = owner->Lookup({.service = "web",
                                    .health = {Health::kDraining},
                                    .read = {.consistency = registry::Consistency::kLinearizable}});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->instances.size(), 1u);
}

TEST_F(ClientTest, G4ClientsMoveOffMembersThatStopAndDieAndNothingLeavesTheirViews) {
  const auto owner = NewClient(0, "web");
  registry::RegistrationOptions options;
  options.ttl = absl::Seconds(2);
  auto registration = owner->KeepRegistered({Web("a")}, options);
  ASSERT_TRUE(registration.ok()) << registration.status();
  const auto caller = NewClient(0, "caller");
  std::mutex mutex;
  std::set<std::string> seen;  // states that it was ever in, but for PASSING
  registry::SubscriptionOptions watching;
  watching.on_change = [&](const registry::ViewChange& change) {
    std::lock_guard lock(mutex);
    for (const auto& one : change.changed) {
      if (one->health != Health::kPassing && one->spec.id == "a")
        seen.insert(ToString(one->health));
    }
    for (const auto& one : change.gone) {
      if (one->spec.id == "a") seen.insert("gone");
    }
  };
  auto subscription = caller->Subscribe({.service = "web"}, watching);
  ASSERT_TRUE(subscription.ok() && (*subscription)->WaitReady(kLong).ok());
  registry::Picker picker(**subscription);

  const auto follows = [&](const std::string& id) {
    auto other = owner->Register({Web(id)}, {.permanent = true});
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_TRUE((*subscription)->WaitRevision(other->revision, kLong).ok());
  };
  const auto renewed = [&] {
    const uint64_t before = (*registration)->status().renewals;
    EXPECT_TRUE(WaitFor([&] { return (*registration)->status().renewals >= before + 3; }));
  };
  // The member that both are connected to says goodbye: they go on elsewhere.
  ASSERT_EQ(cluster_[0].Stop(), 0) << cluster_.Log();
  follows("b");
  renewed();
  ASSERT_TRUE(cluster_[0].Start()) << cluster_.Log();
  // And each of the others dies without a word.
  for (const size_t member : {size_t{1}, size_t{2}}) {
    cluster_[member].Kill9();
    follows("c" + std::to_string(member));
    renewed();
    ASSERT_TRUE(cluster_[member].Start()) << cluster_.Log();
  }
  EXPECT_EQ((*registration)->status().lost, 0u);
  EXPECT_EQ((*subscription)->status().resyncs, 0u);
  EXPECT_TRUE(picker.Pick());
  std::lock_guard lock(mutex);
  EXPECT_THAT(seen, ::testing::IsEmpty());
}

TEST(SecuredClientTest, RegistersByItsCertificateAndWatchesByItsToken) {
  SecuredDaemon secured;
  ASSERT_TRUE(secured.Start()) << secured.daemon().Log();
  const ClientFiles files = secured.Files("shop/web");
  const std::string token = secured.tls_dir() + "/token";
  ReplaceFile(token, secured.Token("reader") + "\n");
  const auto client = [&](registry::ClientOptions options) {
    options.servers = {secured.address()};
    options.timeout = kLong;
    return *registry::Client::Create(options);
  };
  const auto owner = client({.tls_ca = files.ca, .tls_cert = files.cert, .tls_key = files.key});
  const auto caller = client({.tls_ca = files.ca, .token_file = token});
  registry::InstanceSpec web = Web("a");
  web.ns = "shop";
  auto registration = owner->KeepRegistered({web}, {.ttl = absl::Seconds(2)});
  ASSERT_TRUE(registration.ok()) << registration.status();
  auto subscription = caller->Subscribe({.ns = "shop", .service = "web"});
  ASSERT_TRUE(subscription.ok() && (*subscription)->WaitReady(kLong).ok());
  registry::Picker picker(**subscription);
  EXPECT_TRUE(picker.Pick());
  // The policy is about both.
  auto vault = caller->Subscribe({.ns = "bank", .service = "vault"});
  ASSERT_TRUE(vault.ok());
  EXPECT_TRUE(absl::IsPermissionDenied((*vault)->WaitReady(kLong)));
  EXPECT_TRUE(absl::IsPermissionDenied(caller->KeepRegistered({web}).status()));

  // Their streams come back after a restart, and the drain hears of the caller.
  ASSERT_EQ(secured.daemon().Stop(), 0);
  ASSERT_TRUE(secured.Start()) << secured.daemon().Log();
  const uint64_t renewals = (*registration)->status().renewals;
  EXPECT_TRUE(WaitFor([&] { return (*registration)->status().renewals > renewals + 1; }));
  EXPECT_TRUE(WaitFor([&] { return (*subscription)->status().live; }));
  const absl::Status drained = (*registration)->Drain(kLong);
  EXPECT_TRUE(drained.ok()) << drained;
  EXPECT_FALSE(picker.Pick());
  EXPECT_EQ((*registration)->status().lost, 0u);
}

}  // namespace
}  // namespace registryd::testing
