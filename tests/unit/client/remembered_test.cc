// What a Registration says of itself, over lost leases and registries that are away; and fork().
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "client/src/renewal_entry.h"
#include "client/src/request_ids.h"
#include "registry/client.h"
#include "tests/support/fake_registry_server.h"
#include "tests/support/wait_for.h"

namespace registry {
namespace {

using ::registryd::testing::FakeRegistryServer;
using ::registryd::testing::WaitFor;

std::unique_ptr<Client> NewClient(const FakeRegistryServer& server,
                                  absl::Duration timeout = absl::Seconds(30)) {
  auto client = Client::Create({.servers = {server.address()}, .timeout = timeout});
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

std::unique_ptr<Registration> Keep(Client& client, const RegistrationOptions& options = {}) {
  InstanceSpec spec;
  spec.service = "web";
  spec.id = "a";
  spec.endpoints = {{.host = "10.0.0.7", .port = 8080}};
  InstanceSpec other = spec;
  other.id = "b";
  auto registration = client.KeepRegistered({spec, other}, options);
  EXPECT_TRUE(registration.ok()) << registration.status();
  return registration.ok() ? *std::move(registration) : nullptr;
}

// The instance as the registry has it.
v1::Instance Held(FakeRegistryServer& server, const std::string& id) {
  return server.Seen([&](auto& seen) {
    const auto found = seen.instances.find("default/web/" + id);
    return found == seen.instances.end() ? v1::Instance() : found->second;
  });
}

TEST(RememberedTest, AnUpdateAndAHealthOutliveALostLease) {
  FakeRegistryServer server;
  const auto client = NewClient(server);
  const auto registration = Keep(*client);
  ASSERT_TRUE(registration->Update({.labels = {{{"env", "prod"}}}, .weight = 7}, 1).ok());
  ASSERT_TRUE(registration->SetHealth(Health::kDraining, "deploy").ok());
  EXPECT_EQ(Held(server, "b").spec().weight(), 7u);
  EXPECT_EQ(Held(server, "a").spec().weight(), 1u);
  EXPECT_EQ(Held(server, "a").health(), v1::HEALTH_DRAINING);
  EXPECT_EQ(registration->specs()[1].weight, 7u);
  server.LoseLeases();
  ASSERT_TRUE(WaitFor([&] { return registration->status().lost == 1; }));
  EXPECT_TRUE(WaitFor([&] {
    return Held(server, "a").health() == v1::HEALTH_DRAINING &&
           Held(server, "b").health() == v1::HEALTH_DRAINING;
  }));
  EXPECT_EQ(Held(server, "b").spec().weight(), 7u);
  EXPECT_EQ(Held(server, "b").spec().labels().at("env"), "prod");
  EXPECT_EQ(Held(server, "b").health_message(), "deploy");
}

TEST(RememberedTest, ARefusedUpdateChangesNothing) {
  FakeRegistryServer server;
  const auto client = NewClient(server);
  const auto registration = Keep(*client);
  EXPECT_TRUE(absl::IsInvalidArgument(registration->Update({.weight = 2}, 9)));
  EXPECT_TRUE(absl::IsInvalidArgument(registration->SetHealth(Health::kSuspect)));
  server.FailNext("Update", grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(absl::IsInvalidArgument(registration->Update({.weight = 70'000})));
  EXPECT_EQ(registration->specs()[0].weight, 1u);
}

TEST(RememberedTest, WhatTheRegistryDidNotHearIsToldAgain) {
  FakeRegistryServer server;
  const auto client = NewClient(server, absl::Milliseconds(200));
  const auto registration = Keep(*client);
  server.Stop();
  EXPECT_FALSE(registration->Update({.weight = 9}).ok());
  EXPECT_FALSE(registration->SetHealth(Health::kCritical, "disk").ok());
  server.Start();
  EXPECT_TRUE(WaitFor([&] {
    return Held(server, "a").spec().weight() == 9 &&
           Held(server, "a").health() == v1::HEALTH_CRITICAL &&
           Held(server, "b").health() == v1::HEALTH_CRITICAL;
  }));
}

// A registration whose labels the registry has not heard, for as long as "Register" fails.
std::unique_ptr<Registration> KeepWithUntoldLabels(FakeRegistryServer& server, Client& client) {
  auto registration = Keep(client);
  server.FailNext("Register", grpc::StatusCode::UNAVAILABLE,
                  1'000);  // what tells in the background
  server.FailNext("Update", grpc::StatusCode::UNAVAILABLE, 1'000);
  EXPECT_TRUE(absl::IsUnavailable(registration->Update({.labels = {{{"env", "prod"}}}})));
  server.FailNext("Update", grpc::StatusCode::OK, 0);
  return registration;
}

TEST(RememberedTest, AnUpdateThatIsTakenLeavesAnEarlierOneUntold) {
  FakeRegistryServer server;
  const auto client = NewClient(server, absl::Milliseconds(200));
  const auto registration = KeepWithUntoldLabels(server, *client);
  EXPECT_TRUE(registration->Update({.weight = 9}).ok());
  EXPECT_EQ(Held(server, "a").spec().labels().count("env"), 0u);
  server.FailNext("Register", grpc::StatusCode::OK, 0);
  EXPECT_TRUE(WaitFor([&] { return Held(server, "a").spec().labels().count("env") == 1; }));
  EXPECT_EQ(Held(server, "a").spec().weight(), 9u);
}

TEST(RememberedTest, AnUpdateThatIsRefusedLeavesAnEarlierOneUntold) {
  FakeRegistryServer server;
  const auto client = NewClient(server, absl::Milliseconds(200));
  const auto registration = KeepWithUntoldLabels(server, *client);
  server.FailNext("Update", grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(absl::IsInvalidArgument(registration->Update({.weight = 70'000})));
  EXPECT_EQ(registration->specs()[0].weight, 1u);
  server.FailNext("Register", grpc::StatusCode::OK, 0);
  EXPECT_TRUE(WaitFor([&] { return Held(server, "a").spec().labels().count("env") == 1; }));
  EXPECT_EQ(Held(server, "a").spec().weight(), 1u);
}

TEST(RememberedTest, ARefusalTakesBackNothingThatAnotherUpdateHasSaid) {
  InstanceSpec spec;
  spec.service = "web";
  spec.id = "a";
  RenewalEntry entry({spec}, {});
  const RenewalEntry::Change refused = entry.Merge(0, {.weight = 70'000, .zone = "mars"});
  const RenewalEntry::Change taken = entry.Merge(0, {.version = "2", .zone = "eu-1"});
  entry.Answered(taken, RenewalEntry::Answer::kTaken);
  entry.Answered(refused, RenewalEntry::Answer::kRefused);
  const InstanceSpec after = entry.specs()[0];
  EXPECT_EQ(after.weight, spec.weight);
  EXPECT_EQ(after.version, "2");
  EXPECT_EQ(after.zone, "eu-1");
}

TEST(RememberedTest, AHealthWhoseAnswerWasOvertakenIsToldAgain) {
  RenewalEntry entry({InstanceSpec{.service = "web", .id = "a"}}, {});
  RequestIds ids;
  entry.Request(ids);
  entry.Granted({.instances = {{.id = "a"}}, .lease = Lease{.id = 1}}, Clock::now());
  ASSERT_FALSE(entry.untold());
  const uint64_t first = entry.Say(Health::kCritical, "disk");
  const uint64_t second = entry.Say(Health::kPassing, "");
  entry.Answered(second, /*taken=*/true);
  EXPECT_FALSE(entry.untold());
  entry.Answered(first, /*taken=*/true);
  EXPECT_TRUE(entry.untold()) << "the registry may have heard CRITICAL last";
}

TEST(RememberedTest, TheHealthCallbackIsAskedAndItsChangesAreTold) {
  FakeRegistryServer server;
  const auto client = NewClient(server);
  std::atomic<bool> well{true};
  RegistrationOptions options;
  options.health_every = absl::Milliseconds(20);
  options.health_check = [&] {
    return well ? HealthReport{} : HealthReport{Health::kCritical, "no database"};
  };
  auto registration = Keep(*client, options);
  well = false;
  EXPECT_TRUE(WaitFor([&] { return Held(server, "b").health() == v1::HEALTH_CRITICAL; }));
  EXPECT_EQ(Held(server, "a").health_message(), "no database");
  well = true;
  EXPECT_TRUE(WaitFor([&] { return Held(server, "b").health() == v1::HEALTH_PASSING; }));
  EXPECT_EQ(server.Seen([](auto& seen) { return seen.health_reports.size(); }), 4u)
      << "only changes are told, each of two instances";
  registration.reset();
  EXPECT_TRUE(server.Seen([](auto& seen) { return seen.instances.empty(); }));
}

TEST(ForkTest, AChildLeavesTheParentsThingsAlone) {
  FakeRegistryServer server;
  auto client = NewClient(server);
  auto registration = Keep(*client);
  auto web = client->Subscribe({.service = "web"});
  ASSERT_TRUE(web.ok());
  ASSERT_TRUE((*web)->WaitReady(absl::Seconds(30)).ok());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Whatever the child does with what it has inherited: no hang, no word to the registry.
    alarm(20);
    const bool refused = absl::IsFailedPrecondition(client->Lookup({.service = "web"}).status()) &&
                         absl::IsFailedPrecondition(registration->SetHealth(Health::kDraining)) &&
                         absl::IsFailedPrecondition(client->Subscribe({.service = "web"}).status());
    registration.reset();
    web->reset();
    client.reset();
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(server.Seen([](auto& seen) { return seen.instances.size(); }), 2u);
  const uint64_t renewals = registration->status().renewals;
  EXPECT_TRUE(WaitFor([&] { return registration->status().renewals > renewals + 2; }));
  EXPECT_TRUE((*web)->WaitRevision(server.Put("web", "c"), absl::Seconds(30)).ok());
}

}  // namespace
}  // namespace registry
