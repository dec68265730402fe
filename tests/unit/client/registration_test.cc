// KeepRegistered against gRPC servers in this process: renewals, breaks, losses, ends.
#include "registry/registration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>

#include "registry/client.h"
#include "tests/support/fake_registry_server.h"
#include "tests/support/wait_for.h"

namespace registry {
namespace {

using ::registryd::testing::FakeRegistryServer;
using ::registryd::testing::WaitFor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Kind = RegistrationEvent::Kind;

std::unique_ptr<Client> NewClient(const std::vector<std::string>& servers,
                                  absl::Duration timeout = absl::Seconds(30)) {
  auto client = Client::Create({.servers = servers, .timeout = timeout, .name = "keeper"});
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

InstanceSpec Spec(const std::string& service, const std::string& id) {
  InstanceSpec spec;
  spec.service = service;
  spec.id = id;
  spec.endpoints = {{.host = "10.0.0.7", .port = 8080}};
  return spec;
}

// What on_event was told. Outlives its registrations.
class Events {
 public:
  RegistrationOptions Options() {
    RegistrationOptions options;
    options.ttl = absl::Seconds(2);
    options.on_event = [this](const RegistrationEvent& event) {
      std::lock_guard lock(mutex_);
      kinds_.push_back(event.kind);
      statuses_.push_back(event.status);
    };
    return options;
  }
  std::vector<Kind> kinds() {
    std::lock_guard lock(mutex_);
    return kinds_;
  }
  std::string message(size_t index) {
    std::lock_guard lock(mutex_);
    return std::string(statuses_.at(index).message());
  }
  size_t Count(Kind kind) {
    std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::count(kinds_.begin(), kinds_.end(), kind));
  }

 private:
  std::mutex mutex_;
  std::vector<Kind> kinds_;
  std::vector<absl::Status> statuses_;
};

std::unique_ptr<Registration> Keep(Client& client, const std::vector<InstanceSpec>& specs,
                                   const RegistrationOptions& options) {
  auto registration = client.KeepRegistered(specs, options);
  EXPECT_TRUE(registration.ok()) << registration.status();
  return registration.ok() ? *std::move(registration) : nullptr;
}

bool AwaitRenewals(const Registration& registration, uint64_t more) {
  const uint64_t wanted = registration.status().renewals + more;
  return WaitFor([&] { return registration.status().renewals >= wanted; });
}

TEST(Registration, RenewsAndDeregisters) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  Events events;
  auto registration = Keep(*client, {Spec("web", ""), Spec("web", "b")}, events.Options());
  ASSERT_NE(registration, nullptr);
  EXPECT_FALSE(registration->specs()[0].id.empty());
  ASSERT_TRUE(AwaitRenewals(*registration, 3));
  const RegistrationStatus status = registration->status();
  EXPECT_TRUE(status.registered);
  EXPECT_TRUE(status.reachable);
  EXPECT_EQ(status.lost, 0u);
  EXPECT_LT(status.since_renewal, absl::Hours(1));
  ASSERT_THAT(status.instances, SizeIs(2));
  EXPECT_EQ(status.instances[0].id, registration->specs()[0].id);
  EXPECT_NE(status.instances[0].incarnation, 0u);
  server.Seen([&](auto& seen) {
    EXPECT_EQ(seen.leases.at(status.lease.id).owner, "keeper");
    EXPECT_EQ(seen.frames.at(0).lease_ids(0), status.lease.id);
    EXPECT_EQ(seen.frames.at(0).epochs(0), status.lease.epoch);
    EXPECT_GT(seen.frames.at(1).frame(), seen.frames.at(0).frame());
    EXPECT_EQ(seen.calls["KeepAlive"], 1);
    return 0;
  });
  EXPECT_TRUE(registration->Deregister().ok());
  EXPECT_FALSE(registration->status().registered);
  EXPECT_TRUE(registration->Deregister().ok());  // the same answer again
  registration.reset();
  server.Seen([](auto& seen) {
    EXPECT_TRUE(seen.instances.empty());
    EXPECT_TRUE(seen.leases.empty());
    EXPECT_EQ(seen.calls["Revoke"], 1);
    return 0;
  });
  EXPECT_THAT(events.kinds(), testing::IsEmpty());
}

TEST(Registration, TheDestructorDeregisters) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  Keep(*client, {Spec("web", "a")}, {}).reset();
  EXPECT_TRUE(server.Seen([](auto& seen) { return seen.instances.empty(); }));
}

TEST(Registration, OutlivesItsClient) {
  FakeRegistryServer server;
  auto client = NewClient({server.address()});
  auto registration = Keep(*client, {Spec("web", "a")}, {});
  client.reset();
  EXPECT_TRUE(AwaitRenewals(*registration, 2));
  registration.reset();
  EXPECT_TRUE(server.Seen([](auto& seen) { return seen.instances.empty(); }));
}

TEST(Registration, OneStreamAndOneFrameCarryAllLeases) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  std::vector<std::unique_ptr<Registration>> registrations;
  std::set<uint64_t> ids;
  for (int i = 0; i < 20; ++i) {
    registrations.push_back(Keep(*client, {Spec("web", std::to_string(i))}, {}));
    ids.insert(registrations.back()->status().lease.id);
  }
  EXPECT_EQ(ids.size(), 20u);
  ASSERT_TRUE(server.Await([&](auto& seen) {
    const auto& last = seen.frames.back();
    return std::set<uint64_t>(last.lease_ids().begin(), last.lease_ids().end()) == ids &&
           last.epochs_size() == 20;
  }));
  EXPECT_EQ(server.Seen([](auto& seen) { return seen.calls["KeepAlive"]; }), 1);

  // One that leaves is not renewed any more; the others are.
  const uint64_t leaver = registrations[7]->status().lease.id;
  registrations[7].reset();
  const size_t frames = server.Seen([](auto& seen) { return seen.frames.size(); });
  ASSERT_TRUE(server.Await([&](auto& seen) { return seen.frames.size() >= frames + 3; }));
  const auto last = server.Seen([](auto& seen) { return seen.frames.back(); });
  EXPECT_EQ(last.lease_ids_size(), 19);
  EXPECT_EQ(std::count(last.lease_ids().begin(), last.lease_ids().end(), leaver), 0);
}

TEST(Registration, TheShortestTtlSetsThePaceWhateverTheAnswerAdvises) {
  FakeRegistryServer server;
  server.SetNextInMs(3'600'000);
  const auto client = NewClient({server.address()});
  RegistrationOptions slow;
  slow.ttl = absl::Hours(1);
  RegistrationOptions fast;
  fast.ttl = absl::Milliseconds(90);
  const auto one = Keep(*client, {Spec("web", "a")}, slow);
  ASSERT_TRUE(AwaitRenewals(*one, 1));
  const auto two = Keep(*client, {Spec("web", "b")}, fast);
  EXPECT_TRUE(AwaitRenewals(*two, 3));
}

TEST(Registration, ARestartOfTheRegistryKeepsTheLease) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  Events events;
  const auto registration = Keep(*client, {Spec("web", "a")}, events.Options());
  ASSERT_TRUE(AwaitRenewals(*registration, 2));
  const RegistrationStatus before = registration->status();
  for (int round = 0; round < 2; ++round) {
    server.Stop();
    ASSERT_TRUE(WaitFor([&] { return !registration->status().reachable; }));
    server.Start();
    ASSERT_TRUE(AwaitRenewals(*registration, 2));
  }
  const RegistrationStatus after = registration->status();
  EXPECT_TRUE(after.registered);
  EXPECT_TRUE(after.reachable);
  EXPECT_EQ(after.lost, 0u);
  EXPECT_EQ(after.lease.id, before.lease.id);
  EXPECT_EQ(after.instances[0].incarnation, before.instances[0].incarnation);
  EXPECT_EQ(server.Seen([](auto& seen) { return seen.registers.size(); }), 1u);
  EXPECT_THAT(events.kinds(), ElementsAre(Kind::kUnreachable, Kind::kReachable, Kind::kUnreachable,
                                          Kind::kReachable));
  EXPECT_THAT(events.message(0), HasSubstr(server.address()));
}

TEST(Registration, ALostLeaseIsRegisteredAgainWithANewOne) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  Events events;
  const auto registration = Keep(*client, {Spec("web", ""), Spec("web", "b")}, events.Options());
  const RegistrationStatus before = registration->status();
  server.LoseLeases();
  ASSERT_TRUE(WaitFor([&] { return events.Count(Kind::kRegistered) == 1; }));
  const RegistrationStatus after = registration->status();
  EXPECT_TRUE(after.registered);
  EXPECT_EQ(after.lost, 1u);
  EXPECT_NE(after.lease.id, before.lease.id);
  EXPECT_EQ(after.instances[0].id, before.instances[0].id);
  EXPECT_GT(after.instances[0].incarnation, before.instances[0].incarnation);
  EXPECT_THAT(events.kinds(), ElementsAre(Kind::kLost, Kind::kRegistered));
  EXPECT_TRUE(AwaitRenewals(*registration, 2));
  server.Seen([&](auto& seen) {
    EXPECT_EQ(seen.instances.size(), 2u);
    EXPECT_EQ(seen.leases.size(), 1u);
    return 0;
  });
}

TEST(Registration, AllTriesForOneLossAreOneRequest) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  Events events;
  const auto registration = Keep(*client, {Spec("web", "a")}, events.Options());
  server.FailNext("Register", grpc::StatusCode::ABORTED, 2, FakeRegistryServer::kAfterApplying);
  server.LoseLeases();
  ASSERT_TRUE(WaitFor([&] { return events.Count(Kind::kRegistered) == 1; }));
  server.Seen([](auto& seen) {
    const auto& ids = seen.request_ids["Register"];
    EXPECT_EQ(ids.size(), 4u);
    EXPECT_NE(ids[1].sequence(), ids[0].sequence());
    EXPECT_EQ(ids[2].sequence(), ids[1].sequence());
    EXPECT_EQ(ids[3].sequence(), ids[1].sequence());
    EXPECT_EQ(seen.applied["Register"], 2);
    EXPECT_EQ(seen.leases.size(), 1u);
    return 0;
  });
}

TEST(Registration, ARefusalIsToldOnceAndTriedAgain) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  Events events;
  const auto registration = Keep(*client, {Spec("web", "a")}, events.Options());
  server.FailNext("Register", grpc::StatusCode::PERMISSION_DENIED, 3);
  server.LoseLeases();
  ASSERT_TRUE(WaitFor([&] { return events.Count(Kind::kRegistered) == 1; }));
  EXPECT_THAT(events.kinds(), ElementsAre(Kind::kLost, Kind::kRefused, Kind::kRegistered));
}

TEST(Registration, MalformedAnswersToRegisteringAgainAreNotBelieved) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  Events events;
  const auto registration = Keep(*client, {Spec("web", "a")}, events.Options());
  server.Tamper("Register", [](google::protobuf::Message* answer) { answer->Clear(); });
  server.LoseLeases();
  ASSERT_TRUE(WaitFor([&] { return events.Count(Kind::kRefused) == 1; }));
  EXPECT_FALSE(registration->status().registered);
  server.Tamper("Register", nullptr);
  EXPECT_TRUE(WaitFor([&] { return registration->status().registered; }));
}

TEST(Registration, TheNextServerTakesOverWhenTheStreamBreaks) {
  FakeRegistryServer one;
  FakeRegistryServer two;
  const auto client = NewClient({one.address(), two.address()});
  Events events;
  const auto registration = Keep(*client, {Spec("web", "a")}, events.Options());
  ASSERT_TRUE(AwaitRenewals(*registration, 2));
  // Both are doors to the same registry.
  const auto lease = *one.Seen([](auto& seen) { return seen.leases; }).begin();
  two.Seen([&](auto& seen) {
    seen.leases.insert(lease);
    return 0;
  });
  one.Stop();
  ASSERT_TRUE(two.Await([](auto& seen) { return seen.frames.size() >= 2; }));
  EXPECT_EQ(registration->status().lost, 0u);
  EXPECT_EQ(registration->status().lease.id, lease.first);
  EXPECT_EQ(events.Count(Kind::kUnreachable), 0u);
}

TEST(Registration, ASilentServerIsLeftForAnother) {
  FakeRegistryServer one;
  FakeRegistryServer two;
  const auto client = NewClient({one.address(), two.address()});
  Events events;
  const auto registration = Keep(*client, {Spec("web", "a")}, events.Options());
  ASSERT_TRUE(AwaitRenewals(*registration, 1));
  two.Seen([&](auto& seen) {
    seen.leases = one.Seen([](auto& other) { return other.leases; });
    return 0;
  });
  one.SetSilent(true);
  ASSERT_TRUE(two.Await([](auto& seen) { return seen.frames.size() >= 2; }));
  EXPECT_EQ(registration->status().lost, 0u);
}

TEST(Registration, AServerWithoutLeaderIsLeftForAnother) {
  FakeRegistryServer one;
  FakeRegistryServer two;
  const auto client = NewClient({one.address(), two.address()});
  const auto registration = Keep(*client, {Spec("web", "a")}, {});
  two.Seen([&](auto& seen) {
    seen.leases = one.Seen([](auto& other) { return other.leases; });
    return 0;
  });
  one.SetAccepting(false);
  ASSERT_TRUE(two.Await([](auto& seen) { return seen.frames.size() >= 2; }));
  EXPECT_EQ(registration->status().lost, 0u);
}

TEST(Registration, RenewalsThatAreNotTakenAreNotALoss) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  Events events;
  const auto registration = Keep(*client, {Spec("web", "a")}, events.Options());
  ASSERT_TRUE(AwaitRenewals(*registration, 1));
  server.SetAccepting(false);
  ASSERT_TRUE(WaitFor([&] { return events.Count(Kind::kUnreachable) == 1; }));
  EXPECT_FALSE(registration->status().reachable);
  server.SetAccepting(true);
  ASSERT_TRUE(AwaitRenewals(*registration, 1));
  EXPECT_THAT(events.kinds(), ElementsAre(Kind::kUnreachable, Kind::kReachable));
  EXPECT_EQ(server.Seen([](auto& seen) { return seen.calls["KeepAlive"]; }), 1);
  EXPECT_EQ(registration->status().lost, 0u);
}

TEST(Registration, MalformedAnswersBreakTheStreamAndLoseNothing) {
  const std::vector<std::function<void(v1::KeepAliveResponse*)>> spoilers = {
      [](auto* answer) { answer->set_frame(answer->frame() + 1); },
      [](auto* answer) { answer->set_next_in_ms(-1); }, [](auto* answer) { answer->Clear(); }};
  for (const auto& spoil : spoilers) {
    FakeRegistryServer server;
    const auto client = NewClient({server.address()});
    Events events;
    const auto registration = Keep(*client, {Spec("web", "a")}, events.Options());
    ASSERT_TRUE(AwaitRenewals(*registration, 1));
    server.Tamper("KeepAlive", [&](google::protobuf::Message* answer) {
      spoil(static_cast<v1::KeepAliveResponse*>(answer));
    });
    ASSERT_TRUE(WaitFor([&] { return events.Count(Kind::kUnreachable) == 1; }));
    EXPECT_THAT(events.message(0), HasSubstr("makes no sense"));
    server.Tamper("KeepAlive", nullptr);
    ASSERT_TRUE(AwaitRenewals(*registration, 1));
    EXPECT_EQ(registration->status().lost, 0u);
    EXPECT_THAT(events.kinds(), ElementsAre(Kind::kUnreachable, Kind::kReachable));
  }
}

TEST(Registration, LostIdsThatAreNotOursAreIgnored) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  const auto registration = Keep(*client, {Spec("web", "a")}, {});
  server.Tamper("KeepAlive", [](google::protobuf::Message* answer) {
    static_cast<v1::KeepAliveResponse*>(answer)->add_lost_lease_ids(4711);
  });
  ASSERT_TRUE(AwaitRenewals(*registration, 3));
  EXPECT_EQ(registration->status().lost, 0u);
}

TEST(Registration, TheDestructorReturnsWhenTheRegistryIsDown) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  RegistrationOptions options;
  options.deregister_timeout = absl::Milliseconds(200);
  auto registration = Keep(*client, {Spec("web", "a")}, options);
  auto other = Keep(*client, {Spec("web", "b")}, options);
  ASSERT_TRUE(AwaitRenewals(*registration, 1));
  server.Stop();
  const absl::Status gone = registration->Deregister();
  EXPECT_EQ(gone.code(), absl::StatusCode::kUnavailable) << gone;
  EXPECT_EQ(registration->Deregister(), gone);
  registration.reset();
  other.reset();
}

TEST(Registration, TheDestructorReturnsWhenTheRegistryIsSilent) {
  FakeRegistryServer server;
  auto client = NewClient({server.address()});
  RegistrationOptions options;
  options.deregister_timeout = absl::Milliseconds(200);
  auto registration = Keep(*client, {Spec("web", "a")}, options);
  ASSERT_TRUE(AwaitRenewals(*registration, 1));
  server.SetSilent(true);
  registration.reset();
  client.reset();
}

TEST(Registration, TheDestructorReturnsWhileRegisteringAgain) {
  FakeRegistryServer server;
  auto client = NewClient({server.address()});
  Events events;
  RegistrationOptions options = events.Options();
  options.deregister_timeout = absl::Milliseconds(200);
  auto registration = Keep(*client, {Spec("web", "a")}, options);
  server.FailNext("Register", grpc::StatusCode::UNAVAILABLE, 1'000'000);
  server.LoseLeases();
  ASSERT_TRUE(WaitFor([&] { return events.Count(Kind::kLost) == 1; }));
  server.SetSilent(true);
  ASSERT_TRUE(WaitFor([&] {
    return server.Seen([](auto& seen) { return seen.request_ids["Register"].size(); }) >= 2;
  }));
  registration.reset();
}

TEST(Registration, WhatALostLeaseLeftBehindIsTakenOut) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  Events events;
  auto registration = Keep(*client, {Spec("web", "a"), Spec("web", "b")}, events.Options());
  server.FailNext("Register", grpc::StatusCode::UNAVAILABLE, 1'000'000);
  server.LoseLeases();
  ASSERT_TRUE(WaitFor([&] { return events.Count(Kind::kLost) == 1; }));
  EXPECT_TRUE(registration->Deregister().ok());
  EXPECT_TRUE(server.Seen([](auto& seen) { return seen.instances.empty(); }));
}

TEST(Registration, InstancesOfAnotherOwnerStay) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  const auto registration = Keep(*client, {Spec("web", "a"), Spec("web", "b")}, {});
  ASSERT_TRUE(AwaitRenewals(*registration, 1));  // the next one is far off
  // Somebody else begins a new life of "a"; our lease is gone before it is revoked.
  ASSERT_TRUE(client->Register({Spec("web", "a")}, {.permanent = true}).ok());
  ASSERT_TRUE(client->RevokeLease(registration->status().lease.id).ok());
  EXPECT_TRUE(registration->Deregister().ok());
  server.Seen([](auto& seen) {
    EXPECT_EQ(seen.instances.size(), 1u);
    EXPECT_EQ(seen.instances.count("default/web/a"), 1u);
    return 0;
  });
}

TEST(Registration, KeepTryingWaitsForTheRegistry) {
  FakeRegistryServer server;
  server.Stop();
  const auto client = NewClient({server.address()}, absl::Milliseconds(300));
  Events events;
  RegistrationOptions options = events.Options();
  EXPECT_EQ(client->KeepRegistered({Spec("web", "a")}, options).status().code(),
            absl::StatusCode::kUnavailable);
  options.keep_trying = true;
  const auto registration = Keep(*client, {Spec("web", "a")}, options);
  EXPECT_FALSE(registration->status().registered);
  ASSERT_TRUE(WaitFor([&] { return events.Count(Kind::kUnreachable) == 1; }));
  server.Start();
  ASSERT_TRUE(WaitFor([&] { return events.Count(Kind::kRegistered) == 1; }));
  EXPECT_TRUE(AwaitRenewals(*registration, 1));
  EXPECT_THAT(events.kinds(), ElementsAre(Kind::kUnreachable, Kind::kReachable, Kind::kRegistered));
}

TEST(Registration, KeepTryingDoesNotHideAMistake) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  RegistrationOptions options;
  options.keep_trying = true;
  EXPECT_EQ(client->KeepRegistered({}, options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Registration, ManyLossesAtOnceAreAllRegisteredAgain) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  std::vector<std::unique_ptr<Registration>> registrations;
  for (int i = 0; i < 100; ++i) {  // more than are registered at the same time
    registrations.push_back(Keep(*client, {Spec("web", std::to_string(i))}, {}));
  }
  server.LoseLeases();
  for (const auto& registration : registrations) {
    EXPECT_TRUE(WaitFor([&] {
      const RegistrationStatus status = registration->status();
      return status.registered && status.lost == 1;
    }));
  }
  EXPECT_EQ(server.Seen([](auto& seen) { return seen.leases.size(); }), 100u);
}

}  // namespace
}  // namespace registry
