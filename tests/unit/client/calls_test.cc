// Calls of Client and Admin against a gRPC server in this process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "registry/admin.h"
#include "registry/client.h"
#include "tests/support/fake_registry_server.h"

namespace registry {
namespace {

using ::registryd::testing::FakeRegistryServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::unique_ptr<Client> NewClient(const std::vector<std::string>& servers,
                                  absl::Duration timeout = absl::Seconds(30)) {
  auto client = Client::Create({.servers = servers, .timeout = timeout, .name = "calls-test"});
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

LookupQuery Query(const std::string& service) {
  LookupQuery query;
  query.service = service;
  return query;
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// Takes connections and says nothing: not even that it speaks HTTP/2.
class MuteListener {
 public:
  MuteListener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_, generic, size), 0);
    EXPECT_EQ(::listen(socket_, 16), 0);
    EXPECT_EQ(::getsockname(socket_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~MuteListener() { ::close(socket_); }
  MuteListener(const MuteListener&) = delete;
  MuteListener& operator=(const MuteListener&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_;
  int port_ = 0;
};

// The address of a server that is not there any more.
std::string DeadAddress() { return FakeRegistryServer().address(); }

TEST(Calls, RegisterLookupDeregister) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  const auto registered = client->Register({Spec("web", "a"), Spec("web", "b")});
  ASSERT_TRUE(registered.ok()) << registered.status();
  ASSERT_THAT(registered->instances, SizeIs(2));
  ASSERT_TRUE(registered->lease.has_value());
  EXPECT_EQ(registered->lease->ttl, absl::Seconds(6));

  const auto found = client->Lookup(Query("web"));
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_THAT(found->instances, SizeIs(2));
  EXPECT_EQ(found->instances[0].spec, Spec("web", "a"));
  EXPECT_EQ(found->instances[0].lease_id, registered->lease->id);
  EXPECT_EQ(found->instances[0].incarnation, registered->instances[0].incarnation);
  EXPECT_EQ(found->info.cluster_id, 77u);
  EXPECT_TRUE(found->info.leader_known);

  const auto removed =
      client->Deregister({{.service = "web", .id = "b"}, {.service = "web", .id = "nobody"}});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_THAT(removed->removed, ElementsAre(true, false));
  EXPECT_THAT(client->Lookup(Query("web"))->instances, SizeIs(1));
  EXPECT_THAT(client->Lookup(Query("unknown"))->instances, IsEmpty());
  EXPECT_THAT(server.Seen([](auto& seen) { return seen.user_agent; }), StartsWith("calls-test "));
}

TEST(Calls, IdsOfInstanceAndLeaseAreMadeBeforeTheFirstTry) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  server.FailNext("Register", grpc::StatusCode::ABORTED, 1, FakeRegistryServer::kAfterApplying);
  const auto registered = client->Register({Spec("web", "")});
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_THAT(registered->instances[0].id, StartsWith("i-"));
  server.Seen([&](auto& seen) {
    EXPECT_EQ(seen.instances.size(), 1u);
    EXPECT_EQ(seen.leases.size(), 1u);
    EXPECT_EQ(seen.leases.count(registered->lease->id), 1u);
    return 0;
  });
}

TEST(Calls, MoreThanAMessageTakesIsRefusedBeforeItIsSent) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  InstanceSpec large = Spec("web", "a");
  large.labels["note"] = std::string(5 << 20, 'x');
  const auto refused = client->Register({large}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.message(), HasSubstr("at most 4194304 bytes"));
  EXPECT_EQ(server.Seen([](auto& seen) { return seen.registers.size(); }), 0u);
}

TEST(Calls, PermanentInstancesHaveNoLease) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  const auto registered = client->Register({Spec("web", "a")}, {.permanent = true});
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_FALSE(registered->lease.has_value());
  EXPECT_FALSE(server.Seen([](auto& seen) { return seen.registers.at(0).has_lease(); }));
}

TEST(Calls, GrantAttachRevoke) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  const auto lease = client->GrantLease({.ttl = absl::Seconds(10), .owner = "me"});
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(lease->ttl, absl::Seconds(10));
  const auto registered = client->Register({Spec("web", "a")}, {.lease_id = lease->id});
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_EQ(registered->lease->epoch, lease->epoch);
  EXPECT_EQ(client->RevokeLease(lease->id, lease->epoch + 1).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const auto revoked = client->RevokeLease(lease->id, lease->epoch);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_EQ(revoked->removed, 1u);
  EXPECT_EQ(client->RevokeLease(lease->id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client->Register({Spec("web", "a")}, {.lease_id = lease->id}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(Calls, ALeaseNeedsATtl) {
  const auto client = NewClient({DeadAddress()});
  for (const absl::Duration ttl : {absl::ZeroDuration(), -absl::Seconds(1)}) {
    EXPECT_EQ(client->Register({Spec("web", "a")}, {.ttl = ttl}).status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(client->GrantLease({.ttl = ttl}).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(client->KeepRegistered({Spec("web", "a")}, {.ttl = ttl}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(Calls, UpdateAndSetHealth) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  ASSERT_TRUE(client->Register({Spec("web", "a")}).ok());
  InstanceUpdate update;
  update.instance = {.service = "web", .id = "a"};
  update.labels.emplace();
  update.labels->emplace("env", "prod");
  update.weight = 9;
  const auto updated = client->Update(update);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->instance.spec.weight, 9u);
  EXPECT_EQ(updated->instance.spec.labels.at("env"), "prod");
  EXPECT_EQ(updated->instance.changed_revision, updated->revision);

  const auto changed =
      client->SetHealth({.service = "web", .id = "a"}, Health::kDraining, "going home");
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->instance.health, Health::kDraining);
  EXPECT_EQ(changed->instance.reason, HealthReason::kReported);
  EXPECT_EQ(changed->instance.message, "going home");
  const auto outdated =
      client->SetHealth({.service = "web", .id = "a", .incarnation = 99}, Health::kPassing);
  EXPECT_EQ(outdated.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Calls, ListsAreReadPageByPage) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  for (const char* service : {"a", "b", "c", "d", "e"}) {
    ASSERT_TRUE(client->Register({Spec(service, "1"), Spec(service, "2")}).ok());
  }
  const auto page = client->ListServicesPage({.page_size = 2});
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(page->services, SizeIs(2));
  EXPECT_FALSE(page->next_page_token.empty());

  const auto services = client->ListServices({.page_size = 2});
  ASSERT_TRUE(services.ok()) << services.status();
  ASSERT_THAT(services->services, SizeIs(5));
  EXPECT_EQ(services->services[4].service, "e");
  EXPECT_EQ(services->services[4].passing, 2u);
  EXPECT_THAT(services->next_page_token, IsEmpty());
  // Later pages are not older than the first, whichever server gives them.
  EXPECT_EQ(server.Seen([](auto& seen) { return seen.service_lists.back().read().min_revision(); }),
            services->info.revision);

  const auto instances = client->ListInstances({.page_size = 3});
  ASSERT_TRUE(instances.ok()) << instances.status();
  EXPECT_THAT(instances->instances, SizeIs(10));
}

TEST(Calls, AListThatNeverEndsIsRefused) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  server.Tamper("ListServices", [](google::protobuf::Message* answer) {
    static_cast<v1::ListServicesResponse*>(answer)->set_next_page_token("again");
  });
  EXPECT_EQ(client->ListServices({}).status().code(), absl::StatusCode::kInternal);
}

TEST(Calls, AListOverARestoreIsAborted) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  uint64_t cluster = 1;
  server.Tamper("ListInstances", [&](google::protobuf::Message* answer) {
    auto* page = static_cast<v1::ListInstancesResponse*>(answer);
    page->mutable_info()->set_cluster_id(cluster);
    page->set_next_page_token("t" + std::to_string(cluster++));
  });
  EXPECT_EQ(client->ListInstances({}).status().code(), absl::StatusCode::kAborted);
}

TEST(Retry, AllTriesOfACallCarryTheSameRequestId) {
  for (const auto code : {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::ABORTED,
                          grpc::StatusCode::RESOURCE_EXHAUSTED}) {
    FakeRegistryServer server;
    const auto client = NewClient({server.address()});
    server.FailNext("Register", code, 3, FakeRegistryServer::kAfterApplying);
    ASSERT_TRUE(client->Register({Spec("web", "a")}).ok());
    ASSERT_TRUE(client->Register({Spec("web", "b")}).ok());
    server.Seen([](auto& seen) {
      const auto& ids = seen.request_ids["Register"];
      EXPECT_EQ(ids.size(), 5u);
      for (size_t i = 1; i < 4; ++i) {
        EXPECT_EQ(ids[i].client_id(), ids[0].client_id());
        EXPECT_EQ(ids[i].sequence(), ids[0].sequence());
      }
      EXPECT_EQ(ids[4].client_id(), ids[0].client_id());
      EXPECT_NE(ids[4].sequence(), ids[0].sequence());
      EXPECT_EQ(seen.applied["Register"], 2);
      return 0;
    });
  }
}

TEST(Retry, WhatARetryCannotMendIsToldAtOnce) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  const auto found = client->Lookup(LookupQuery());
  EXPECT_EQ(found.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(found.status()), StartsWith("service: must not be empty"));
  EXPECT_THAT(Message(found.status()), HasSubstr(server.address()));
  EXPECT_EQ(server.Seen([](auto& seen) { return seen.calls["Lookup"]; }), 1);
}

TEST(Retry, TheLastStatusNamesServersAndWhatToDo) {
  const std::string one = DeadAddress();
  const std::string two = DeadAddress();
  const auto client = NewClient({one, two}, absl::Milliseconds(300));
  const auto found = client->Lookup(Query("web"));
  EXPECT_EQ(found.status().code(), absl::StatusCode::kUnavailable) << found.status();
  EXPECT_THAT(Message(found.status()), StartsWith("Lookup: "));
  EXPECT_THAT(Message(found.status()), HasSubstr(one));
  EXPECT_THAT(Message(found.status()), HasSubstr(two));
  EXPECT_THAT(Message(found.status()), HasSubstr("is registryd running there"));
}

TEST(Retry, AWriteWithUnknownOutcomeSaysSo) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()}, absl::Milliseconds(300));
  server.FailNext("Register", grpc::StatusCode::ABORTED, 1'000);
  const auto registered = client->Register({Spec("web", "a")});
  EXPECT_EQ(registered.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(Message(registered.status()), HasSubstr("whether it was applied is unknown"));
}

TEST(Retry, TheNextServerIsAskedAndThenPreferred) {
  FakeRegistryServer alive;
  const auto client = NewClient({DeadAddress(), alive.address()});
  ASSERT_TRUE(client->Register({Spec("web", "a")}).ok());
  EXPECT_THAT(client->Lookup(Query("web"))->instances, SizeIs(1));
}

TEST(Retry, AServerThatLosesItsLeaderIsLeft) {
  FakeRegistryServer one;
  FakeRegistryServer two;
  const auto client = NewClient({one.address(), two.address()});
  one.FailNext("Register", grpc::StatusCode::UNAVAILABLE, 1'000);
  ASSERT_TRUE(client->Register({Spec("web", "a")}).ok());
  ASSERT_TRUE(client->Register({Spec("web", "b")}).ok());
  EXPECT_EQ(one.Seen([](auto& seen) { return seen.calls["Register"]; }), 1);
  EXPECT_EQ(two.Seen([](auto& seen) { return seen.calls["Register"]; }), 2);
}

TEST(Retry, ASilentServerIsLeftForAnother) {
  FakeRegistryServer silent;
  FakeRegistryServer alive;
  const auto client = NewClient({silent.address(), alive.address()}, absl::Seconds(4));
  silent.SetSilent(true);
  EXPECT_TRUE(client->Lookup(Query("web")).ok());
  EXPECT_EQ(silent.Seen([](auto& seen) { return seen.calls["Lookup"]; }), 1);
}

TEST(Retry, AServerThatNeverAnswersEndsInATimeout) {
  FakeRegistryServer server;
  server.SetSilent(true);
  const auto client = NewClient({server.address()}, absl::Milliseconds(100));
  const auto found = client->Lookup(Query("web"));
  EXPECT_EQ(found.status().code(), absl::StatusCode::kDeadlineExceeded) << found.status();
  EXPECT_THAT(Message(found.status()), HasSubstr(server.address()));
}

TEST(Retry, AListenerThatNeverSpeaksEndsInATimeout) {
  MuteListener mute;
  const auto client = NewClient({mute.address()}, absl::Milliseconds(100));
  EXPECT_EQ(client->Lookup(Query("web")).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(Retry, ACallOutlivesARestart) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  ASSERT_TRUE(client->Register({Spec("web", "a")}).ok());
  server.Stop();
  absl::StatusOr<LookupResult> found;
  std::thread caller([&] { found = client->Lookup(Query("web")); });
  server.Start();
  caller.join();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->instances, SizeIs(1));
}

TEST(Malformed, AnswersThatDoNotFitAreInternalErrors) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  server.Tamper("Register", [](google::protobuf::Message* answer) { answer->Clear(); });
  EXPECT_EQ(client->Register({Spec("web", "a")}).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(client->KeepRegistered({Spec("web", "a")}).status().code(),
            absl::StatusCode::kInternal);
  server.Tamper("SetHealth", [](google::protobuf::Message* answer) { answer->Clear(); });
  EXPECT_EQ(client->SetHealth({.service = "web", .id = "a"}, Health::kPassing).status().code(),
            absl::StatusCode::kInternal);
  server.Tamper("Deregister", [](google::protobuf::Message* answer) { answer->Clear(); });
  EXPECT_EQ(client->Deregister({{.service = "web", .id = "a"}}).status().code(),
            absl::StatusCode::kInternal);
  server.Tamper("Grant", [](google::protobuf::Message* answer) { answer->Clear(); });
  EXPECT_EQ(client->GrantLease().status().code(), absl::StatusCode::kInternal);
}

TEST(Calls, FromManyThreads) {
  FakeRegistryServer one;
  FakeRegistryServer two;
  const auto client = NewClient({one.address(), two.address()});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&client, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string id = std::to_string(t) + "-" + std::to_string(i);
        EXPECT_TRUE(client->Register({Spec("web", id)}).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(client->Lookup(Query("web"))->instances, SizeIs(100));
}

TEST(Admin, Status) {
  FakeRegistryServer server;
  const auto admin = Admin::Create({.servers = {DeadAddress(), server.address()}});
  ASSERT_TRUE(admin.ok()) << admin.status();
  const auto status = (*admin)->Status();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->server, server.address());
  EXPECT_EQ(status->node, "n1");
  EXPECT_EQ(status->leader, "n1");
  ASSERT_THAT(status->members, SizeIs(1));
  EXPECT_EQ(status->members[0].role, MemberRole::kLeader);
  EXPECT_EQ(status->members[0].applied_index, 42u);
  EXPECT_EQ(status->uptime, absl::Milliseconds(1500));
}

}  // namespace
}  // namespace registry
