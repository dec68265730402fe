// Promise G3 with the real daemon: what each subscription was sent is judged by a WatchChecker and
// compared with what the writer did, under reconnects and restarts; and the bad nights of watching.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "registry/v1/history.grpc.pb.h"
#include "tests/support/daemon.h"
#include "tests/support/random_writer.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"
#include "tests/support/watch_client.h"

namespace registryd::testing {
namespace {

using registry::v1::Instance;
using ::testing::IsEmpty;

class WatchTest : public ::testing::Test {
 protected:
  explicit WatchTest(std::vector<std::string> flags = {})
      : daemon_(dir_.path() + "/data", std::move(flags)) {}
  void SetUp() override {
    ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
    stubs_ = std::make_unique<Stubs>(daemon_.address());
  }
  bool Restart(bool kill) {
    if (kill) {
      daemon_.Kill9();
    } else if (daemon_.Stop() != 0) {
      return false;
    }
    if (!daemon_.Start()) return false;
    stubs_ = std::make_unique<Stubs>(daemon_.address());
    return true;
  }
  void Register(const std::string& service, const std::string& id, uint32_t weight = 1) {
    registry::v1::RegisterRequest request;
    *request.add_instances() = Spec(service, id);
    request.mutable_instances(0)->set_weight(weight);
    registry::v1::RegisterResponse response;
    const grpc::Status status = stubs_->Register(request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    revision_ = response.revision();
  }

  TempDir dir_;
  Daemon daemon_;
  std::unique_ptr<Stubs> stubs_;
  uint64_t revision_ = 0;
};

// A scope, and the part of the whole registry that it must show.
struct Watched {
  registry::v1::Subscribe subscribe;
  std::function<bool(const Instance&)> shows;
  bool filtered = false;
};

std::vector<Watched> Scopes() {
  std::vector<Watched> scopes;
  const auto in = [](const Instance& instance, const std::string& prefix) {
    return NameOf(instance).rfind(prefix, 0) == 0;
  };
  scopes.push_back({ServiceScope("web-1"), [=](auto& i) { return in(i, "default/web-1/"); }});
  scopes.push_back({PrefixScope("web"), [=](auto& i) { return in(i, "default/web"); }});
  scopes.push_back({PrefixScope(""), [=](auto& i) { return in(i, "default/"); }});
  scopes.push_back({PrefixScope(""), [=](auto& i) { return in(i, "blue/"); }});
  scopes.back().subscribe.set_namespace_("blue");
  // Instances move in and out of these by what they say of themselves and by their labels.
  const auto passing = [](const Instance& i) { return i.health() == registry::v1::HEALTH_PASSING; };
  const auto env = [](const Instance& i) {
    const auto& labels = i.spec().labels();
    return labels.contains("env") ? labels.at("env") : std::string();
  };
  scopes.push_back(
      {ServiceScope("db"), [=](auto& i) { return in(i, "default/db/") && passing(i); }, true});
  scopes.back().subscribe.add_health(registry::v1::HEALTH_PASSING);
  scopes.push_back({ServiceScope("web-1"),
                    [=](auto& i) { return in(i, "default/web-1/") && env(i) == "prod"; }, true});
  scopes.back().subscribe.set_selector("env=prod");
  scopes.push_back({PrefixScope("web"),
                    [=](auto& i) { return in(i, "default/web") && env(i).empty() && passing(i); },
                    true});
  scopes.back().subscribe.set_selector("!env");
  scopes.back().subscribe.add_health(registry::v1::HEALTH_PASSING);
  return scopes;
}

TEST_F(WatchTest, G3NoGapNoRepeatRightOrderEqualDigestUnderWritesReconnectsAndRestarts) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  RandomWriter writer(seed);

  const std::vector<Watched> scopes = Scopes();
  std::vector<std::unique_ptr<WatchClient>> clients;
  for (int copy = 0; copy < 2; ++copy) {
    for (const Watched& scope : scopes) {
      clients.push_back(std::make_unique<WatchClient>(
          WatchClient::Options{.address = daemon_.address(), .subscribe = scope.subscribe}));
      clients.back()->Connect();
    }
  }
  constexpr int kRounds = 600;
  for (int round = 0; round < kRounds; ++round) {
    if (!writer.Write(*stubs_)) {
      ASSERT_TRUE(writer.Settle(*stubs_)) << daemon_.Log();
    }
    if (random() % 8 == 0) clients[random() % clients.size()]->Cut();
    if (round % 200 == 199) {
      ASSERT_TRUE(Restart(round % 400 == 199)) << daemon_.Log();
    }
    if (random() % 4 == 0) {
      for (auto& client : clients) client->Connect();  // those whose stream has ended
    }
  }
  const auto all = stubs_->AllInstances();
  for (size_t i = 0; i < clients.size(); ++i) {
    const Watched& scope = scopes[i % scopes.size()];
    // Level, and a beat since then that compared the digest.
    int beats = -1;
    ASSERT_TRUE(WaitFor([&] {
      clients[i]->Connect();
      return clients[i]->Look([&](const WatchChecker& checker) {
        if (!checker.whole() || checker.revision() < writer.revision()) return false;
        if (beats < 0) beats = checker.counts().beats;
        return checker.counts().beats > beats;
      });
    })) << i
        << daemon_.Log();
    clients[i]->Cut();
    WatchChecker& checker = clients[i]->checker();
    if (!scope.filtered) {
      checker.CheckAgainst(writer.truth(), [&](const std::string& name) {
        Instance named;
        const size_t slash = name.find('/');
        named.mutable_spec()->set_namespace_(name.substr(0, slash));
        named.mutable_spec()->set_service(name.substr(slash + 1, name.rfind('/') - slash - 1));
        named.mutable_spec()->set_id(name.substr(name.rfind('/') + 1));
        return scope.shows(named);
      });
    }
    EXPECT_THAT(checker.errors(), IsEmpty()) << daemon_.Log();
    EXPECT_GT(checker.counts().pages, 0);
    EXPECT_GT(checker.counts().gone, 0);
    // Reconnects and restarts cost neither a snapshot nor a picture: the history goes on.
    EXPECT_EQ(checker.counts().snapshots, 1);
    EXPECT_EQ(checker.counts().resyncs, 0) << checker.last_resync();
    size_t shown = 0;
    for (const auto& [name, instance] : all) {
      if (!scope.shows(instance)) continue;
      ++shown;
      const auto found = checker.picture().find(name);
      ASSERT_NE(found, checker.picture().end()) << name;
      EXPECT_EQ(found->second.SerializeAsString(), instance.SerializeAsString()) << name;
    }
    EXPECT_EQ(checker.picture().size(), shown);
  }
}

// It costs the daemon a cursor and what the transport holds, not the changes that it misses.
TEST_F(WatchTest, G9AClientThatNeverReadsCostsNoMemoryAndHoldsUpNobody) {
  constexpr int kSilent = 20;
  std::vector<std::unique_ptr<WatchClient>> silent;
  for (int i = 0; i < kSilent; ++i) {
    silent.push_back(std::make_unique<WatchClient>(WatchClient::Options{
        .address = daemon_.address(), .subscribe = ServiceScope("web"), .read = false}));
    silent.back()->Connect();
  }
  WatchClient reader({.address = daemon_.address(), .subscribe = ServiceScope("web")});
  reader.Connect();
  ASSERT_TRUE(reader.WaitUntilWhole());

  // 20 KiB each, 20 MiB in all; twenty queues of them would be 400 MiB.
  registry::v1::RegisterRequest request;
  *request.add_instances() = Spec("web", "i-1");
  auto& labels = *request.mutable_instances(0)->mutable_labels();
  for (int i = 0; i < 60; ++i) labels["label-" + std::to_string(i)] = std::string(250, 'x');
  const auto write = [&](int times) {
    for (int i = 0; i < times; ++i) {
      labels["label-0"] = std::to_string(i);
      registry::v1::RegisterResponse response;
      const grpc::Status status = stubs_->Register(request, &response);
      ASSERT_TRUE(status.ok()) << status.error_message();
      revision_ = response.revision();
    }
  };
  write(200);
  const int64_t before = daemon_.ResidentKiB();
  ASSERT_GT(before, 0);
  write(1'000);
  const int64_t grown = daemon_.ResidentKiB() - before;
  std::printf("grown by %lld KiB\n", static_cast<long long>(grown));
  EXPECT_LT(grown, 250 << 10);
  EXPECT_TRUE(WaitFor([&] {
    return reader.Look([&](auto& checker) { return checker.revision() >= revision_; });
  })) << daemon_.Log();
  reader.Cut();
  EXPECT_THAT(reader.checker().errors(), IsEmpty());
}

// WATCH_CLIENTS=10000 is the long run (docs/hacking.md). Each client has a connection of its own.
TEST_F(WatchTest, G3AThousandClientsThatReconnectAtOnceGoOnFromWhereTheyStood) {
  const char* asked = std::getenv("WATCH_CLIENTS");
  const int wanted = asked == nullptr ? 1'000 : std::atoi(asked);
  for (int i = 0; i < 10; ++i) Register("web", "i-" + std::to_string(i));
  std::vector<std::unique_ptr<WatchClient>> clients;
  for (int i = 0; i < wanted; ++i) {
    clients.push_back(std::make_unique<WatchClient>(
        WatchClient::Options{.address = daemon_.address(), .subscribe = ServiceScope("web")}));
  }
  const auto all_at = [&](uint64_t revision) {
    const auto began = std::chrono::steady_clock::now();
    const bool level = WaitFor(
        [&] {
          // All of them come at once; only then is one waited for.
          for (auto& client : clients) client->Connect();
          return std::all_of(clients.begin(), clients.end(), [&](const auto& client) {
            return client->Look([&](const WatchChecker& checker) {
              return checker.whole() && checker.revision() >= revision;
            });
          });
        },
        std::chrono::seconds(120));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("%d clients level after %.1f s; the daemon has %lld KiB\n", wanted, took.count(),
                static_cast<long long>(daemon_.ResidentKiB()));
    return level;
  };
  ASSERT_TRUE(all_at(revision_)) << daemon_.Log();
  ASSERT_TRUE(Restart(/*kill=*/true)) << daemon_.Log();
  Register("web", "i-3", 7);
  ASSERT_TRUE(all_at(revision_)) << daemon_.Log();
  for (auto& client : clients) {
    client->Cut();
    EXPECT_THAT(client->checker().errors(), IsEmpty());
    EXPECT_EQ(client->checker().counts().resyncs, 0) << client->checker().last_resync();
    EXPECT_EQ(client->checker().counts().snapshots, 1);
    EXPECT_EQ(client->checker().picture().size(), 10u);
    EXPECT_EQ(client->checker().picture().at("default/web/i-3").spec().weight(), 7u);
  }
}

// One instance that changes all the time is told of in pages that grow, not one by one; and the
// first change is told at once.
// A message costs more than what is in it. Who does not say that it takes several gets each alone.
TEST_F(WatchTest, SubscriptionsOfAStreamAreToldInOneMessageToWhoTakesThat) {
  constexpr uint64_t kServices = 50;
  for (uint64_t n = 0; n < kServices; ++n) Register("s-" + std::to_string(n), "i-1");
  for (const bool batches : {true, false}) {
    grpc::ClientContext context;
    const auto stub = registry::v1::Discovery::NewStub(
        grpc::CreateChannel(daemon_.address(), grpc::InsecureChannelCredentials()));
    const auto stream = stub->Watch(&context);
    registry::v1::WatchRequest request;
    request.mutable_hello()->set_batches(batches);
    ASSERT_TRUE(stream->Write(request));
    for (uint64_t n = 0; n < kServices; ++n) {
      registry::v1::Subscribe& subscribe = *request.mutable_subscribe();
      subscribe = ServiceScope("s-" + std::to_string(n));
      subscribe.set_subscription(n + 1);
      ASSERT_TRUE(stream->Write(request));
    }
    // Until each has had its picture and a beat.
    std::map<uint64_t, int> pictures;
    std::map<uint64_t, int> beats;
    int messages = 0;
    registry::v1::WatchResponse response;
    const auto take = [&](const registry::v1::WatchResponse& event) {
      if (event.has_snapshot()) {
        EXPECT_EQ(event.snapshot().instances_size(), 1);
        EXPECT_EQ(event.snapshot().instances(0).spec().service(),
                  "s-" + std::to_string(event.subscription() - 1));
        ++pictures[event.subscription()];
      } else {
        EXPECT_TRUE(event.has_progress()) << event.ShortDebugString();
        EXPECT_EQ(event.progress().count(), 1u);
        EXPECT_EQ(pictures[event.subscription()], 1) << "a beat before the picture";
        ++beats[event.subscription()];
      }
    };
    while (beats.size() < kServices && stream->Read(&response)) {
      take(response);
      for (const auto& more : response.also()) take(more);
      messages += beats.empty() ? 0 : 1;
      if (!batches) {
        EXPECT_EQ(response.also_size(), 0);
      }
    }
    EXPECT_EQ(pictures.size(), kServices);
    ASSERT_EQ(beats.size(), kServices);
    if (batches) {
      EXPECT_LT(messages, static_cast<int>(kServices) / 2);
    } else {
      EXPECT_GE(messages, static_cast<int>(kServices));
    }
    context.TryCancel();
  }
}

TEST_F(WatchTest, G9AFlappingInstanceIsToldInPages) {
  Register("web", "i-1");
  Register("web", "i-2");
  std::vector<std::unique_ptr<WatchClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<WatchClient>(
        WatchClient::Options{.address = daemon_.address(), .subscribe = ServiceScope("web")}));
    clients.back()->Connect();
  }
  for (auto& client : clients) {
    ASSERT_TRUE(client->WaitUntilWhole());
  }
  // From several hands, so that they come faster than pages are made for so few.
  constexpr int kFlaps = 1'000;
  constexpr int kHands = 8;
  std::vector<std::thread> hands;
  std::atomic<int> refused{0};
  for (int hand = 0; hand < kHands; ++hand) {
    hands.emplace_back([&] {
      for (int i = 0; i < kFlaps / kHands; ++i) {
        registry::v1::SetHealthRequest request;
        request.mutable_instance()->set_service("web");
        request.mutable_instance()->set_id("i-1");
        request.set_health(i % 2 == 0 ? registry::v1::HEALTH_CRITICAL
                                      : registry::v1::HEALTH_PASSING);
        registry::v1::SetHealthResponse response;
        if (!stubs_->SetHealth(request, &response).ok()) ++refused;
      }
    });
  }
  for (std::thread& hand : hands) hand.join();
  ASSERT_EQ(refused, 0);
  registry::v1::SetHealthRequest last;
  last.mutable_instance()->set_service("web");
  last.mutable_instance()->set_id("i-1");
  last.set_health(registry::v1::HEALTH_CRITICAL);
  registry::v1::SetHealthResponse response;
  ASSERT_TRUE(stubs_->SetHealth(last, &response).ok());
  last.set_health(registry::v1::HEALTH_PASSING);
  ASSERT_TRUE(stubs_->SetHealth(last, &response).ok());
  revision_ = response.revision();
  for (auto& client : clients) {
    ASSERT_TRUE(WaitFor([&] {
      return client->Look(
          [&](auto& c) { return c.revision() >= revision_ && c.counts().beats > 0; });
    })) << daemon_.Log();
    client->Cut();
    EXPECT_THAT(client->checker().errors(), IsEmpty());
    EXPECT_LT(client->checker().counts().pages, kFlaps / 2);
    EXPECT_EQ(client->checker().picture().at("default/web/i-1").health(),
              registry::v1::HEALTH_PASSING);
  }
}

// A client that was away for longer than the ring and the pages hold, and one for longer than the
// history is kept; one from the future, and one from another cluster.
class LongAgoTest : public WatchTest {
 protected:
  explicit LongAgoTest(std::vector<std::string> flags = {}) : WatchTest(std::move(flags)) {}

  WatchClient From(uint64_t cluster, uint64_t revision) {
    registry::v1::Subscribe subscribe = ServiceScope("web");
    subscribe.mutable_resume()->set_cluster_id(cluster);
    subscribe.mutable_resume()->set_revision(revision);
    return WatchClient({.address = daemon_.address(), .subscribe = subscribe});
  }
  uint64_t Cluster() {
    registry::v1::StatusResponse status;
    EXPECT_TRUE(stubs_->Status(&status).ok());
    return status.info().cluster_id();
  }
};

TEST_F(LongAgoTest, G3AWatchResumesFromHistoryOrSaysWhyNot) {
  Register("web", "i-0");
  WatchClient away({.address = daemon_.address(), .subscribe = ServiceScope("web")});
  away.Connect();
  ASSERT_TRUE(away.WaitUntilWhole());
  away.Cut();
  // More changes than the ring holds, in few calls; with other services between them.
  for (int call = 0; call < 8; ++call) {
    registry::v1::RegisterRequest request;
    for (int i = 0; i < 900; ++i) {
      *request.add_instances() = Spec("web", "i-" + std::to_string(i));
      request.mutable_instances(i)->set_weight(static_cast<uint32_t>(2 + call));
    }
    registry::v1::RegisterResponse response;
    const grpc::Status status = stubs_->Register(request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    Register("db", "d-" + std::to_string(call));
  }
  away.Connect();
  ASSERT_TRUE(WaitFor([&] {
    return away.Look([&](auto& c) { return c.revision() >= revision_ && c.counts().beats > 0; });
  })) << daemon_.Log();
  away.Cut();
  // It came back by the history: the one snapshot is the first one's.
  EXPECT_TRUE(away.checker().whole());
  EXPECT_EQ(away.checker().counts().resyncs, 0) << away.checker().last_resync();
  EXPECT_EQ(away.checker().counts().snapshots, 1);
  EXPECT_THAT(away.checker().errors(), IsEmpty());
  EXPECT_EQ(away.checker().picture().size(), 900u);
}

class ShortMemoryTest : public LongAgoTest {
 protected:
  ShortMemoryTest() : LongAgoTest({"--history-size", "1MiB"}) {}

  // Changes after this revision are kept.
  uint64_t OldestKept() {
    const auto stub = registry::v1::History::NewStub(
        grpc::CreateChannel(daemon_.address(), grpc::InsecureChannelCredentials()));
    registry::v1::ListChangesRequest request;
    request.set_page_size(1);
    registry::v1::ListChangesResponse response;
    grpc::ClientContext context;
    const grpc::Status status = stub->ListChanges(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.oldest_revision();
  }
};

TEST_F(ShortMemoryTest, G3CursorsOfOtherTimesAreToldAndGetASnapshot) {
  // 1 MiB of history is some thousand changes of this kind.
  for (int call = 0; call < 30; ++call) {
    registry::v1::RegisterRequest request;
    for (int i = 0; i < 900; ++i) {
      *request.add_instances() = Spec("web", "i-" + std::to_string(i));
      request.mutable_instances(i)->set_weight(static_cast<uint32_t>(2 + call));
    }
    registry::v1::RegisterResponse response;
    ASSERT_TRUE(stubs_->Register(request, &response).ok());
    revision_ = response.revision();
  }
  ASSERT_TRUE(Restart(/*kill=*/false)) << daemon_.Log();  // so that no ring reaches back
  ASSERT_TRUE(WaitFor([&] { return OldestKept() > 1; })) << daemon_.Log();
  const uint64_t cluster = Cluster();
  const auto expect_resync = [&](WatchClient client, const std::string& reason) {
    client.Connect();
    ASSERT_TRUE(WaitFor([&] { return client.Look([](auto& c) { return c.counts().beats > 0; }); }))
        << daemon_.Log();
    client.Cut();
    EXPECT_EQ(client.checker().counts().resyncs, 1);
    EXPECT_THAT(client.checker().last_resync(), ::testing::HasSubstr(reason));
    EXPECT_EQ(client.checker().picture().size(), 900u);
    EXPECT_THAT(client.checker().errors(), IsEmpty());
  };
  expect_resync(From(cluster, 1), "no longer kept");
  expect_resync(From(cluster, revision_ + 1'000), "has not happened here");
  expect_resync(From(cluster + 1, revision_), "another cluster");
}

}  // namespace
}  // namespace registryd::testing
