// How many threads a client has: what client.h promises.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "registry/client.h"
#include "tests/support/fake_registry_server.h"
#include "tests/support/wait_for.h"

namespace registry {
namespace {

using ::registryd::testing::FakeRegistryServer;
using ::registryd::testing::WaitFor;

// Threads of this process by that name.
int Threads(const std::string& name) {
  int count = 0;
  std::error_code gone;  // a thread may end while we look
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    std::string comm;
    std::getline(std::ifstream(task.path() / "comm"), comm);
    count += comm == name;
  }
  return count;
}

TEST(ThreadsTest, OneForTheNetworkAndOneForCallbacksWhateverTheNumberOfUses) {
  FakeRegistryServer server;
  server.Put("web", "a");
  auto client = Client::Create({.servers = {server.address()}, .timeout = absl::Seconds(30)});
  ASSERT_TRUE(client.ok()) << client.status();
  ASSERT_TRUE((*client)->Lookup({.service = "web"}).ok());
  EXPECT_EQ(Threads("registry-loop"), 0) << "calls need none";
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  std::vector<std::unique_ptr<Registration>> registrations;
  for (int i = 0; i < 20; ++i) {
    subscriptions.push_back(*(*client)->Subscribe({.service = "web"}));
    registrations.push_back(*(*client)->KeepRegistered(
        {{.service = "mine", .endpoints = {{.host = "10.0.0.7", .port = 80}}}}));
  }
  EXPECT_TRUE(WaitFor([] { return Threads("registry-loop") == 1; }));
  EXPECT_EQ(Threads("registry-call"), 0) << "nobody asked to be called";
  std::atomic<int> told{0};
  SubscriptionOptions options;
  options.on_change = [&](const ViewChange&) { ++told; };
  for (int i = 0; i < 20; ++i) {
    subscriptions.push_back(*(*client)->Subscribe({.service = "web"}, options));
  }
  EXPECT_TRUE(WaitFor([&] { return told >= 20; }));
  EXPECT_EQ(Threads("registry-loop"), 1);
  EXPECT_EQ(Threads("registry-call"), 1);
  subscriptions.clear();
  registrations.clear();
  client->reset();
  EXPECT_TRUE(WaitFor([] { return Threads("registry-loop") + Threads("registry-call") == 0; }));
}

}  // namespace
}  // namespace registry
