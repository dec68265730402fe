// Subscriptions against gRPC servers in this process: changes, breaks, garbage, ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "registry/client.h"
#include "registry/v1/discovery.pb.h"
#include "tests/support/fake_registry_server.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"

namespace registry {
namespace {

using ::registryd::testing::FakeRegistryServer;
using ::registryd::testing::TempDir;
using ::registryd::testing::WaitFor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Seconds(30);

std::unique_ptr<Client> NewClient(const std::vector<std::string>& servers) {
  auto client = Client::Create({.servers = servers, .name = "watcher", .client_id = "me"});
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

std::unique_ptr<Subscription> Watch(Client& client, const WatchQuery& query,
                                    const SubscriptionOptions& options = {}) {
  auto subscription = client.Subscribe(query, options);
  EXPECT_TRUE(subscription.ok()) << subscription.status();
  return *std::move(subscription);
}

std::vector<std::string> Ids(const Subscription& subscription) {
  std::vector<std::string> ids;
  for (const InstancePtr& instance : subscription.view()->instances) {
    ids.push_back(instance->spec.id);
  }
  return ids;
}

TEST(ClientWatchTest, BeginsWithThePictureAndFollowsIt) {
  FakeRegistryServer server;
  server.Put("web", "a");
  server.Put("pay", "x");
  const auto client = NewClient({server.address()});
  const auto web = Watch(*client, {.service = "web"});
  ASSERT_TRUE(web->WaitReady(kPatience).ok());
  EXPECT_THAT(Ids(*web), ElementsAre("a"));
  ASSERT_TRUE(web->WaitRevision(server.Put("web", "b"), kPatience).ok());
  EXPECT_THAT(Ids(*web), ElementsAre("a", "b"));
  const uint64_t last = server.Take("web", "a");
  ASSERT_TRUE(web->WaitRevision(last, kPatience).ok());
  EXPECT_THAT(Ids(*web), ElementsAre("b"));
  EXPECT_TRUE(web->status().live);
  EXPECT_EQ(web->status().cluster_id, 77u);
  // It is told who we are, and what we have applied.
  EXPECT_TRUE(server.Await([&](auto& seen) {
    return seen.hellos.size() == 1 && seen.hellos[0].client_id() == "me" &&
           seen.hellos[0].client_name() == "watcher" && !seen.acknowledges.empty() &&
           seen.acknowledges.back().revision() >= last;
  }));
  EXPECT_TRUE(WaitFor([&] { return web->status().acknowledged >= last; }));
}

TEST(ClientWatchTest, ScopesAndFiltersAreSent) {
  FakeRegistryServer server;
  server.Put("web", "a");
  server.Put("web-admin", "b");
  server.Put("web", "c", 1, "shop");
  const auto client = NewClient({server.address()});
  const auto prefix = Watch(*client, {.prefix = "web"});
  const auto ns = Watch(*client, {.ns = "shop"});
  WatchQuery filtered{.service = "web", .selector = "env=prod", .version_range = ">=1"};
  filtered.health = {Health::kDraining};
  const auto draining = Watch(*client, filtered);
  for (const auto* one : {&prefix, &ns, &draining}) {
    ASSERT_TRUE((*one)->WaitReady(kPatience).ok());
  }
  EXPECT_THAT(Ids(*prefix), ElementsAre("a", "b"));
  EXPECT_THAT(Ids(*ns), ElementsAre("c"));
  EXPECT_THAT(Ids(*draining), IsEmpty());
  server.Seen([](auto& seen) {
    EXPECT_EQ(seen.calls["Watch"], 1) << "one stream for all";
    for (const auto& query : seen.subscribes) {
      if (query.health().empty()) continue;
      EXPECT_EQ(query.selector(), "env=prod");
      EXPECT_EQ(query.version_range(), ">=1");
      EXPECT_EQ(query.health(0), v1::HEALTH_DRAINING);
    }
    return 0;
  });
  EXPECT_TRUE(
      absl::IsInvalidArgument(client->Subscribe({.service = "web", .prefix = "w"}).status()));
}

TEST(ClientWatchTest, ARefusedQueryIsTold) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  const auto web = Watch(*client, {.service = "web", .selector = "("});
  const absl::Status status = web->WaitReady(kPatience);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("default/web: selector: does not begin"));
  EXPECT_FALSE(web->status().ready);
}

TEST(ClientWatchTest, GoesOnWhereItWasOnAnotherServer) {
  FakeRegistryServer first;
  FakeRegistryServer second;
  for (FakeRegistryServer* server : {&first, &second}) {
    server->Put("web", "a");
    server->Put("web", "b");
  }
  const auto client = NewClient({first.address(), second.address()});
  std::mutex mutex;
  std::vector<std::string> told;
  SubscriptionOptions options;
  options.on_change = [&](const ViewChange& change) {
    std::lock_guard lock(mutex);
    for (const InstancePtr& instance : change.changed) told.push_back("+" + instance->spec.id);
    for (const InstancePtr& instance : change.gone) told.push_back("-" + instance->spec.id);
  };
  const auto web = Watch(*client, {.service = "web"}, options);
  ASSERT_TRUE(web->WaitRevision(2, kPatience).ok());
  // The second is ahead when the first stops with a hint: nothing is lost, nothing told twice.
  second.Put("web", "c");
  second.Take("web", "a");
  first.EndWatches({grpc::StatusCode::UNAVAILABLE, "the node stops: connect to another one"});
  ASSERT_TRUE(web->WaitRevision(4, kPatience).ok());
  EXPECT_THAT(Ids(*web), ElementsAre("b", "c"));
  EXPECT_EQ(web->status().resyncs, 0u);
  const auto resumed = second.Seen([](auto& seen) { return seen.subscribes.at(0); });
  EXPECT_EQ(resumed.resume().revision(), 2u);
  EXPECT_EQ(resumed.resume().cluster_id(), 77u);
  EXPECT_EQ(second.Seen([](auto& seen) { return seen.hellos.at(0).client_id(); }), "me");
  EXPECT_TRUE(WaitFor([&] {
    std::lock_guard lock(mutex);
    return told == std::vector<std::string>{"+a", "+b", "+c", "-a"};
  }));
}

TEST(ClientWatchTest, ARestartOfTheRegistryKeepsThePictureAndResumes) {
  FakeRegistryServer server;
  server.Put("web", "a");
  const auto client = NewClient({server.address()});
  const auto web = Watch(*client, {.service = "web"});
  ASSERT_TRUE(web->WaitReady(kPatience).ok());
  server.Stop();
  ASSERT_TRUE(WaitFor([&] { return !web->status().live && !web->status().error.ok(); }));
  EXPECT_THAT(Ids(*web), ElementsAre("a"));
  const absl::Duration age = web->status().age;
  EXPECT_TRUE(WaitFor([&] { return web->status().age > age; }));
  server.Start();
  ASSERT_TRUE(web->WaitRevision(server.Put("web", "b"), kPatience).ok());
  EXPECT_THAT(Ids(*web), ElementsAre("a", "b"));
  EXPECT_EQ(web->status().resyncs, 0u);
  EXPECT_TRUE(web->status().error.ok());
}

TEST(ClientWatchTest, AResyncOfTheRegistryGivesOnlyTheDifference) {
  FakeRegistryServer server;
  server.Put("web", "a");
  server.Put("web", "b");
  const auto client = NewClient({server.address()});
  std::mutex mutex;
  std::vector<ViewChange> told;
  SubscriptionOptions options;
  options.on_change = [&](const ViewChange& change) {
    std::lock_guard lock(mutex);
    told.push_back(change);
  };
  const auto web = Watch(*client, {.service = "web"}, options);
  ASSERT_TRUE(WaitFor([&] {
    std::lock_guard lock(mutex);
    return told.size() == 1;
  }));
  server.Change([](auto& state) { state.history_from = 1'000; });
  server.EndWatches({grpc::StatusCode::UNAVAILABLE, "bye"});
  ASSERT_TRUE(WaitFor([&] { return web->status().resyncs == 1 && web->status().live; }));
  ASSERT_TRUE(web->WaitRevision(server.Put("web", "c"), kPatience).ok());
  ASSERT_TRUE(WaitFor([&] {
    std::lock_guard lock(mutex);
    return !told.back().changed.empty() && told.back().changed.back()->spec.id == "c";
  }));
  std::lock_guard lock(mutex);
  EXPECT_TRUE(told[1].snapshot);
  EXPECT_EQ(told[1].resync_reason, "not kept");
  EXPECT_THAT(told[1].gone, IsEmpty());
  size_t changed = 0;
  for (size_t i = 1; i < told.size(); ++i) changed += told[i].changed.size();
  EXPECT_EQ(changed, 1u) << "a and b are not told again";
}

TEST(ClientWatchTest, ALostChangeIsFoundByTheDigestAndMended) {
  FakeRegistryServer server;
  server.Put("web", "a");
  const auto client = NewClient({server.address()});
  const auto web = Watch(*client, {.service = "web"});
  ASSERT_TRUE(web->WaitReady(kPatience).ok());
  server.Tamper("Watch", [](google::protobuf::Message* message) {
    auto* response = static_cast<v1::WatchResponse*>(message);
    if (response->has_changes()) response->mutable_changes()->clear_changed();
  });
  server.Put("web", "b");
  ASSERT_TRUE(WaitFor([&] { return web->status().resyncs > 0; }));
  ASSERT_TRUE(WaitFor([&] { return Ids(*web) == std::vector<std::string>{"a", "b"}; }));
  EXPECT_GE(server.Seen([](auto& seen) { return seen.unsubscribes; }), 1);
}

TEST(ClientWatchTest, AServerThatAnswersGarbageIsLeft) {
  FakeRegistryServer mad;
  FakeRegistryServer sane;
  sane.Put("web", "a");
  mad.Tamper("Watch", [](google::protobuf::Message* message) {
    auto* response = static_cast<v1::WatchResponse*>(message);
    response->mutable_changes()->set_from_revision(500);
    response->mutable_changes()->set_revision(501);
  });
  const auto client = NewClient({mad.address(), sane.address()});
  const auto web = Watch(*client, {.service = "web"});
  ASSERT_TRUE(web->WaitReady(kPatience).ok());
  EXPECT_THAT(Ids(*web), ElementsAre("a"));
}

TEST(ClientWatchTest, AServerThatAcceptsAndNeverAnswersIsLeft) {
  FakeRegistryServer silent;
  FakeRegistryServer other;
  other.Put("web", "a");
  silent.SetSilent(true);
  const auto client = NewClient({silent.address(), other.address()});
  const auto web = Watch(*client, {.service = "web"});
  ASSERT_TRUE(web->WaitReady(kPatience).ok());
  EXPECT_THAT(Ids(*web), ElementsAre("a"));
}

TEST(ClientWatchTest, TheRegistryMayBeDownAtTheStart) {
  TempDir dir;
  FakeRegistryServer server;
  server.Put("web", "a");
  SubscriptionOptions options;
  options.cache_file = dir.path() + "/web.view";
  {
    const auto client = NewClient({server.address()});
    ASSERT_TRUE(Watch(*client, {.service = "web"}, options)->WaitReady(kPatience).ok());
  }
  server.Stop();
  const auto client = NewClient({server.address()});
  const auto web = Watch(*client, {.service = "web"}, options);
  ASSERT_TRUE(web->WaitReady(absl::ZeroDuration()).ok());
  EXPECT_THAT(Ids(*web), ElementsAre("a"));
  EXPECT_TRUE(web->status().from_cache);
  EXPECT_FALSE(web->status().live);
  EXPECT_LT(web->status().age, absl::Hours(1));
  server.Start();
  ASSERT_TRUE(web->WaitRevision(server.Put("web", "b"), kPatience).ok());
  EXPECT_THAT(Ids(*web), ElementsAre("a", "b"));
  EXPECT_FALSE(web->status().from_cache);
  EXPECT_EQ(web->status().resyncs, 0u);
}

TEST(ClientWatchTest, AThousandSubscriptionsShareOneStream) {
  FakeRegistryServer server;
  for (int i = 0; i < 10; ++i) server.Put("s" + std::to_string(i), "a");
  const auto client = NewClient({server.address()});
  std::vector<std::unique_ptr<Subscription>> all;
  for (int i = 0; i < 1'000; ++i) {
    all.push_back(Watch(*client, {.service = "s" + std::to_string(i % 10)}));
  }
  for (const auto& one : all) ASSERT_TRUE(one->WaitReady(kPatience).ok());
  EXPECT_EQ(server.Seen([](auto& seen) { return seen.calls["Watch"]; }), 1);
  const uint64_t last = server.Put("s3", "b");
  ASSERT_TRUE(all[993]->WaitRevision(last, kPatience).ok());
  EXPECT_EQ(all[993]->view()->instances.size(), 2u);
}

TEST(ClientWatchTest, OutlivesItsClientAndEndsInTheMiddleOfAReconnect) {
  FakeRegistryServer server;
  server.Put("web", "a");
  for (int i = 0; i < 5; ++i) {
    auto client = NewClient({server.address(), "127.0.0.1:1"});
    auto web = Watch(*client, {.service = "web"});
    client.reset();
    ASSERT_TRUE(web->WaitReady(kPatience).ok());
    server.EndWatches({grpc::StatusCode::UNAVAILABLE, "bye"});
    if (i % 2 == 0) {
      ASSERT_TRUE(WaitFor([&] { return !web->status().error.ok() || i == 4; }));
    }
    web.reset();
  }
  EXPECT_TRUE(server.Await([](auto& seen) { return seen.open_watches == 0; }));
}

TEST(ClientWatchTest, TheEndOfTheLastSubscriptionIsSaidAndNotBroken) {
  FakeRegistryServer server;
  const auto client = NewClient({server.address()});
  auto web = Watch(*client, {.service = "web"});
  ASSERT_TRUE(web->WaitReady(kPatience).ok());
  web.reset();
  EXPECT_TRUE(server.Await([](auto& seen) { return seen.ended_watches == 1; }));
  // And the next one begins anew.
  web = Watch(*client, {.service = "web"});
  EXPECT_TRUE(web->WaitReady(kPatience).ok());
}

TEST(ClientWatchTest, TheHookIsTold) {
  class Counting : public ClientMetrics {
   public:
    void OnRequest(const char* method, absl::StatusCode code, absl::Duration) override {
      if (std::string(method) == "Lookup" && code == absl::StatusCode::kOk) ++lookups;
    }
    void OnView(const WatchQuery& query, const SubscriptionStatus& status) override {
      if (query.service == "web") ++(status.live ? live : dead);
    }
    std::atomic<int> lookups{0}, live{0}, dead{0};
  };
  Counting metrics;
  FakeRegistryServer server;
  auto client = Client::Create({.servers = {server.address()}, .metrics = &metrics});
  ASSERT_TRUE(client.ok());
  EXPECT_TRUE((*client)->Lookup({.service = "web"}).ok());
  EXPECT_EQ(metrics.lookups, 1);
  const auto web = Watch(**client, {.service = "web"});
  EXPECT_TRUE(WaitFor([&] { return metrics.live > 1; }));
  server.Stop();
  EXPECT_TRUE(WaitFor([&] { return metrics.dead > 0; }));
}

TEST(ClientWatchTest, ANameOfManyAddressesIsOneServer) {
  FakeRegistryServer server;
  server.Put("web", "a");
  const std::string port = server.address().substr(server.address().find(':'));
  const auto client = NewClient({"dns:///localhost" + port});
  EXPECT_EQ(client->servers()[0], "dns:///localhost" + port);
  EXPECT_TRUE(client->Lookup({.service = "web"}).ok());
  const auto web = Watch(*client, {.service = "web"});
  EXPECT_TRUE(web->WaitReady(kPatience).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Client::Create({.servers = {"dns:///"}}).status()));
}

}  // namespace
}  // namespace registry
