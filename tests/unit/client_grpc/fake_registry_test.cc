// The client library against the FakeRegistry that its users get for their unit tests.
#include "registry/testing/fake_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "registry/picker.h"
#include "tests/support/wait_for.h"

namespace registry {
namespace {

using ::registryd::testing::WaitFor;
using ::testing::SizeIs;

constexpr absl::Duration kPatience = absl::Seconds(30);

class FakeRegistryTest : public ::testing::Test {
 protected:
  FakeRegistry fake_;
  std::unique_ptr<Client> client_ = *Client::Create(fake_.options());
};

TEST_F(FakeRegistryTest, TheRealRulesAnswer) {
  const auto refused = client_->Register(
      {{.service = "web", .id = "a", .endpoints = {{.host = "10.0.0.1", .port = 70'000}}}});
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  fake_.Put("web", "a", "10.0.0.1", 8080);
  fake_.Put({.service = "web",
             .id = "b",
             .endpoints = {{.host = "10.0.0.2", .port = 80}},
             .labels = {{"env", "prod"}}});
  auto found = client_->Lookup({.service = "web", .selector = "env=prod"});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_THAT(found->instances, SizeIs(1));
  EXPECT_EQ(found->instances[0].spec.id, "b");
  EXPECT_TRUE(client_->Update({.instance = {.service = "web", .id = "a"}, .weight = 5}).ok());
  EXPECT_TRUE(absl::IsNotFound(
      client_->Update({.instance = {.service = "web", .id = "x"}, .weight = 5}).status()));
  EXPECT_THAT(client_->ListServices({})->services, SizeIs(1));
  EXPECT_THAT(client_->ListInstances({})->instances, SizeIs(2));
  EXPECT_EQ(fake_.instances()[0].spec.weight, 5u);
  EXPECT_TRUE(client_->Deregister({{.service = "web", .id = "a"}})->removed[0]);
}

TEST_F(FakeRegistryTest, WatchesFollowAndResumeOverARestart) {
  fake_.Put("web", "a", "10.0.0.1", 80);
  auto web = client_->Subscribe({.service = "web"});
  ASSERT_TRUE(web.ok());
  ASSERT_TRUE((*web)->WaitReady(kPatience).ok());
  fake_.Put("web", "b", "10.0.0.2", 80);
  ASSERT_TRUE((*web)->WaitRevision(fake_.Remove("web", "a"), kPatience).ok());
  ASSERT_THAT((*web)->view()->instances, SizeIs(1));
  EXPECT_EQ((*web)->view()->instances[0]->spec.id, "b");
  fake_.Stop();
  fake_.Start();
  ASSERT_TRUE((*web)->WaitRevision(fake_.Put("web", "c", "10.0.0.3", 80), kPatience).ok());
  EXPECT_EQ((*web)->status().resyncs, 0u);
  EXPECT_TRUE(WaitFor([&] { return (*web)->status().live; }));
}

TEST_F(FakeRegistryTest, ALostLeaseIsRegisteredAgain) {
  auto registration = client_->KeepRegistered(
      {{.service = "web", .id = "a", .endpoints = {{.host = "10.0.0.1", .port = 80}}}});
  ASSERT_TRUE(registration.ok()) << registration.status();
  const uint64_t incarnation = fake_.instances()[0].incarnation;
  fake_.ExpireLeases();
  EXPECT_TRUE(WaitFor([&] {
    const auto all = fake_.instances();
    return all.size() == 1 && all[0].health == Health::kPassing && all[0].incarnation > incarnation;
  }));
  registration->reset();
  EXPECT_THAT(fake_.instances(), SizeIs(0));
}

TEST_F(FakeRegistryTest, ADrainReturnsWhenTheCallersHaveAppliedIt) {
  auto registration = client_->KeepRegistered(
      {{.service = "web", .id = "a", .endpoints = {{.host = "10.0.0.1", .port = 80}}},
       {.service = "web", .id = "b", .endpoints = {{.host = "10.0.0.1", .port = 81}}}});
  ASSERT_TRUE(registration.ok()) << registration.status();
  ClientOptions options = fake_.options();
  options.name = "cart";
  const auto caller = *Client::Create(options);
  // It has applied a change when its callback has returned.
  std::promise<void> busy;
  std::shared_future<void> over = busy.get_future().share();
  SubscriptionOptions callback;
  callback.on_change = [over](const ViewChange& change) {
    for (const InstancePtr& instance : change.changed) {
      if (instance->health == Health::kDraining) over.wait();
    }
  };
  auto web = caller->Subscribe({.service = "web"}, callback);
  ASSERT_TRUE(web.ok() && (*web)->WaitReady(kPatience).ok());
  Picker picker(**web);
  const absl::Status late = (*registration)->Drain(absl::Milliseconds(300), "deploy");
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_THAT(std::string(late.message()), ::testing::HasSubstr("cart"));
  EXPECT_EQ(fake_.instances()[1].message, "deploy");
  auto drain = std::async(std::launch::async, [&] { return (*registration)->Drain(kPatience); });
  busy.set_value();
  EXPECT_TRUE(drain.get().ok());
  EXPECT_FALSE(picker.Pick());
  EXPECT_EQ(fake_.instances()[0].health, Health::kDraining);
  EXPECT_TRUE((*registration)->Deregister().ok());
}

TEST_F(FakeRegistryTest, AHealthCheckDoesNotUndoADrain) {
  std::atomic<int> asked{0};
  RegistrationOptions options;
  options.health_every = absl::Milliseconds(10);
  options.health_check = [&] {
    ++asked;
    return HealthReport{.health = asked > 3 ? Health::kPassing : Health::kCritical};
  };
  auto registration = client_->KeepRegistered(
      {{.service = "web", .id = "a", .endpoints = {{.host = "10.0.0.1", .port = 80}}}}, options);
  ASSERT_TRUE(registration.ok()) << registration.status();
  ASSERT_TRUE(WaitFor([&] { return asked > 4; }));
  ASSERT_TRUE((*registration)->Drain(kPatience).ok());
  const int before = asked;
  const uint64_t renewals = (*registration)->status().renewals;
  EXPECT_TRUE(WaitFor([&] { return (*registration)->status().renewals >= renewals + 3; }));
  EXPECT_EQ(asked, before);
  EXPECT_EQ(fake_.instances()[0].health, Health::kDraining);
}

TEST_F(FakeRegistryTest, ADrainWithoutTheRegistryEndsAtItsLimitAndIsToldLater) {
  auto registration = client_->KeepRegistered(
      {{.service = "web", .id = "a", .endpoints = {{.host = "10.0.0.1", .port = 80}}}});
  ASSERT_TRUE(registration.ok()) << registration.status();
  fake_.Stop();
  EXPECT_FALSE((*registration)->Drain(absl::Milliseconds(100)).ok());
  fake_.Start();
  EXPECT_TRUE(WaitFor([&] { return fake_.instances()[0].health == Health::kDraining; }));
  EXPECT_TRUE((*registration)->Drain(kPatience).ok());
}

}  // namespace
}  // namespace registry
