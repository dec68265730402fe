// Subscriptions over a registry in memory, with the real threads of a client; also under TSan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "client/local/view_file.h"
#include "registry/subscription.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"
#include "tests/unit/client_local/memory_registry.h"

namespace registry {
namespace {

using ::registryd::testing::TempDir;
using ::registryd::testing::WaitFor;
using ::testing::HasSubstr;

TEST(SubscriptionsTest, ViewsFollowUnderChangesAndBreaks) {
  MemoryRegistry registry;
  MemoryClient client(&registry);
  std::atomic<uint64_t> told{0};
  SubscriptionOptions options;
  options.on_change = [&](const ViewChange& change) { told = change.view->revision; };
  auto web = client.Subscribe({.service = "web"}, options);
  auto pay = client.Subscribe({.service = "pay"});
  ASSERT_TRUE(web->WaitReady(absl::Seconds(30)).ok());

  std::atomic<bool> stop{false};
  std::thread reader([&] {
    uint64_t seen = 0;
    while (!stop) {
      const ViewPtr view = web->view();
      EXPECT_GE(view->revision, seen);
      seen = view->revision;
    }
  });
  uint64_t last = 0;
  for (int i = 0; i < 300; ++i) {
    last = registry.Put("web", std::to_string(i % 20));
    if (i % 7 == 0) last = registry.Take("web", std::to_string(i % 20));
    registry.Put("pay", std::to_string(i % 3));
    if (i % 100 == 50) registry.Break();
  }
  EXPECT_TRUE(web->WaitRevision(last, absl::Seconds(30)).ok());
  EXPECT_TRUE(WaitFor([&] { return told >= last; }));
  EXPECT_TRUE(WaitFor([&] { return client.Acknowledged("web") >= last; }));
  EXPECT_TRUE(WaitFor([&] { return client.Acknowledged("pay") >= last; }));
  EXPECT_TRUE(WaitFor([&] { return web->status().live; }));
  stop = true;
  reader.join();
}

// In virtual time: the timers fire in order, and nothing waits.
TEST(WatchesTest, TheRegistryIsAwayForAnHour) {
  MemoryRegistry registry;
  registry.Put("web", "a");
  MemoryNetwork network(&registry);
  network.now = Clock::now();
  Watches watches(&network, {}, [](const Watches::StatePtr&) {});
  const auto state =
      std::make_shared<SubscriptionState>(WatchQuery{.service = "web"}, SubscriptionOptions{});
  watches.Add(state);
  const auto turn = [&] {
    watches.Tick(*network.now);
    network.Deliver();
    watches.Tick(*network.now);
  };
  turn();
  ASSERT_TRUE(state->status().live);
  const ViewPtr before = state->view();
  const TimePoint gone_at = *network.now;
  const TimePoint back_at = gone_at + std::chrono::hours(1);
  const size_t opened = network.opened;
  do {
    watches.Tick(*network.now);
    registry.Break();  // whatever is open breaks before a word
    network.Deliver();
    watches.Tick(*network.now);
    ASSERT_GT(watches.NextTimer(), *network.now) << "it does not try again without a pause";
    network.now = watches.NextTimer();
  } while (*network.now < back_at);
  // Every two seconds at least, and not in a loop.
  EXPECT_GE(network.opened - opened, 1'800u);
  EXPECT_LE(network.opened - opened, 36'000u);
  const SubscriptionStatus away = state->status(*network.now);
  EXPECT_FALSE(away.live);
  EXPECT_TRUE(away.ready);
  EXPECT_GE(away.age, absl::Hours(1));
  EXPECT_LE(away.age, absl::Hours(1) + absl::Seconds(2));
  EXPECT_EQ(state->view(), before) << "the last known good view stays";
  // It is back: the next try goes on where the view stands.
  const uint64_t last = registry.Put("web", "b");
  turn();
  EXPECT_TRUE(state->status(*network.now).live);
  EXPECT_EQ(state->view()->revision, last);
  EXPECT_EQ(state->view()->instances.size(), 2u);
  EXPECT_EQ(state->status().resyncs, 0u);
  watches.Stop();
}

TEST(SubscriptionsTest, ABlockedCallbackHoldsUpOnlyItsOwnAcknowledgement) {
  MemoryRegistry registry;
  MemoryClient client(&registry);
  std::mutex mutex;
  std::condition_variable changed;
  bool blocked = false;
  bool open = false;
  std::vector<size_t> sizes;
  SubscriptionOptions options;
  options.on_change = [&](const ViewChange& change) {
    std::unique_lock lock(mutex);
    sizes.push_back(change.changed.size());
    blocked = true;
    changed.notify_all();
    changed.wait(lock, [&] { return open; });
  };
  auto web = client.Subscribe({.service = "web"}, options);
  auto pay = client.Subscribe({.service = "pay"});
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return blocked; });
  }
  uint64_t last = 0;
  for (int i = 0; i < 50; ++i) {
    last = registry.Put("web", std::to_string(i % 5));
    registry.Put("pay", "one");
  }
  // Views and the other's acknowledgement go on.
  EXPECT_TRUE(web->WaitRevision(last, absl::Seconds(30)).ok());
  EXPECT_EQ(web->view()->instances.size(), 5u);
  EXPECT_TRUE(WaitFor([&] { return client.Acknowledged("pay") >= last; }));
  EXPECT_EQ(client.Acknowledged("web"), 0u);
  {
    std::lock_guard lock(mutex);
    open = true;
  }
  changed.notify_all();
  EXPECT_TRUE(WaitFor([&] { return client.Acknowledged("web") >= last; }));
  std::lock_guard lock(mutex);
  ASSERT_EQ(sizes.size(), 2u) << "what came meanwhile is told at once";
  EXPECT_EQ(sizes[1], 5u);
}

TEST(SubscriptionsTest, TheEndWaitsForARunningCallback) {
  MemoryRegistry registry;
  MemoryClient client(&registry);
  registry.Put("web", "a");
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> gone{false};
    std::atomic<int> calls{0};
    SubscriptionOptions options;
    options.on_change = [&](const ViewChange&) {
      EXPECT_FALSE(gone);
      ++calls;
    };
    auto web = client.Subscribe({.service = "web"}, options);
    if (i % 2 == 0) {
      ASSERT_TRUE(WaitFor([&] { return calls > 0; }));
    }
    web.reset();
    gone = true;
    registry.Put("web", "a");
  }
}

TEST(SubscriptionsTest, TheLastKnownGoodViewComesFromDisk) {
  TempDir dir;
  const std::string file = dir.path() + "/web.view";
  SubscriptionOptions options;
  options.cache_file = file;
  {
    MemoryRegistry registry;
    MemoryClient client(&registry);
    registry.Put("web", "a");
    registry.Put("web", "b", 7);
    auto web = client.Subscribe({.service = "web"}, options);
    ASSERT_TRUE(web->WaitReady(absl::Seconds(30)).ok());
  }
  const auto stored = ReadViewFile(file, {.service = "web"});
  ASSERT_TRUE(stored.ok()) << stored.status();
  ASSERT_EQ(stored->view->instances.size(), 2u);
  EXPECT_EQ(stored->view->instances[1]->spec.weight, 7u);
  EXPECT_EQ(stored->view->revision, 2u);
}

TEST(ViewFileTest, DamageIsNamedAndNeverRead) {
  TempDir dir;
  const std::string file = dir.path() + "/web.view";
  EXPECT_TRUE(absl::IsNotFound(ReadViewFile(file, {}).status()));
  View view{.cluster_id = 7, .revision = 9};
  view.instances.push_back(std::make_shared<const Instance>(ToInstance(MessageOf("web", "a", 3))));
  ASSERT_TRUE(WriteViewFile(file, {.service = "web"}, view, 1234).ok());
  const auto whole = ReadViewFile(file, {.service = "web"});
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->written_ms, 1234);
  EXPECT_EQ(*whole->view->instances[0], *view.instances[0]);
  EXPECT_TRUE(absl::IsDataLoss(ReadViewFile(file, {.service = "pay"}).status()));

  std::ifstream in(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    std::ofstream(file, std::ios::binary | std::ios::trunc) << damaged;
    const absl::Status status = ReadViewFile(file, {.service = "web"}).status();
    ASSERT_TRUE(absl::IsDataLoss(status)) << at << " " << status;
    ASSERT_THAT(std::string(status.message()), HasSubstr(file));
  }
  for (size_t size = 0; size < bytes.size(); size += 7) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes.substr(0, size);
    ASSERT_TRUE(absl::IsDataLoss(ReadViewFile(file, {.service = "web"}).status())) << size;
  }
  EXPECT_FALSE(WriteViewFile(dir.path() + "/no/such.view", {}, view, 0).ok());
}

}  // namespace
}  // namespace registry
