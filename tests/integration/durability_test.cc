// Promise G1 with real processes: what was acknowledged survives kill -9, and a repeated request is
// applied once.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/daemon.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"

namespace registryd::testing {
namespace {

using registry::v1::RegisterRequest;
using registry::v1::RegisterResponse;

constexpr int kClients = 4;
constexpr int kCallsPerClient = 250;

struct RegisterCall {
  RegisterRequest request;
  std::optional<RegisterResponse> acknowledged;
};

// Every second instance is named by its client, the others by the registry; every third has no
// lease.
std::vector<RegisterCall> CallsOfClient(int client, uint64_t client_id) {
  std::vector<RegisterCall> calls(kCallsPerClient);
  for (int i = 0; i < kCallsPerClient; ++i) {
    RegisterRequest& request = calls[static_cast<size_t>(i)].request;
    request.mutable_request_id()->set_client_id(client_id);
    request.mutable_request_id()->set_sequence(static_cast<uint64_t>(i) + 1);
    const std::string id = "c" + std::to_string(client) + "-" + std::to_string(i);
    *request.add_instances() = Spec("web", i % 2 == 0 ? id : "");
    (*request.mutable_instances(0)->mutable_labels())["call"] = id;
    if (i % 3 != 0) {
      request.mutable_lease()->set_lease_id(client_id + static_cast<uint64_t>(i));
      request.mutable_lease()->set_ttl_ms(3'600'000);
    }
  }
  return calls;
}

// Sends what is not acknowledged yet; ends at the first call that fails.
void SendAll(const std::string& address, std::vector<RegisterCall>& calls,
             const std::function<void()>& on_acknowledged) {
  Stubs stubs(address);
  for (RegisterCall& call : calls) {
    if (call.acknowledged.has_value()) continue;
    RegisterResponse response;
    if (!stubs.Register(call.request, &response).ok()) return;
    call.acknowledged = response;
    on_acknowledged();
  }
}

std::string NameOf(const RegisterResponse& response) {
  return "default/web/" + response.instances(0).id();
}

class DurabilityTest : public ::testing::Test {
 protected:
  // All clients at once, until they are through or the daemon is gone.
  void SendFromAllClients(const std::function<void()>& on_acknowledged) {
    std::vector<std::thread> threads;
    for (auto& calls : clients_) {
      threads.emplace_back([&] { SendAll(daemon_.address(), calls, on_acknowledged); });
    }
    for (std::thread& thread : threads) thread.join();
  }

  void ExpectAllAcknowledgedAreThere() {
    Stubs stubs(daemon_.address());
    const auto instances = stubs.AllInstances();
    for (const auto& calls : clients_) {
      for (const RegisterCall& call : calls) {
        if (!call.acknowledged.has_value()) continue;
        const auto found = instances.find(NameOf(*call.acknowledged));
        ASSERT_NE(found, instances.end())
            << NameOf(*call.acknowledged) << " is lost; acknowledged was "
            << call.acknowledged->ShortDebugString();
        EXPECT_EQ(found->second.incarnation(), call.acknowledged->instances(0).incarnation());
        EXPECT_EQ(found->second.spec().labels().at("call"),
                  call.request.instances(0).labels().at("call"));
      }
    }
  }

  TempDir dir_;
  Daemon daemon_{dir_.path() + "/data"};
  std::vector<std::vector<RegisterCall>> clients_;
};

TEST_F(DurabilityTest, G1AcknowledgedRegistrationsSurviveKill9AndNoneIsThereTwice) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  for (int client = 0; client < kClients; ++client) {
    clients_.push_back(CallsOfClient(client, random() | 1));
  }
  // Three kills, each somewhere within the next quarter of the calls; then the rest in peace.
  for (int round = 0; round < 3; ++round) {
    const int kill_after = std::uniform_int_distribution<int>(20, 230)(random);
    std::atomic<int> acknowledged = 0;
    SendFromAllClients([&] {
      if (++acknowledged == kill_after) daemon_.SignalKill9();
    });
    ASSERT_GE(acknowledged, kill_after) << daemon_.Log();
    daemon_.Kill9();
    ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
    ExpectAllAcknowledgedAreThere();
    if (HasFatalFailure()) FAIL() << daemon_.Log();
  }
  SendFromAllClients([] {});
  ExpectAllAcknowledgedAreThere();

  std::set<std::string> names;
  std::set<std::string> calls_seen;
  Stubs stubs(daemon_.address());
  for (const auto& [name, instance] : stubs.AllInstances()) {
    names.insert(name);
    EXPECT_TRUE(calls_seen.insert(instance.spec().labels().at("call")).second)
        << name << " was registered twice by one call";
  }
  for (const auto& calls : clients_) {
    for (const RegisterCall& call : calls) {
      ASSERT_TRUE(call.acknowledged.has_value()) << daemon_.Log();
      EXPECT_EQ(names.count(NameOf(*call.acknowledged)), 1u);
    }
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kClients * kCallsPerClient));
  EXPECT_EQ(daemon_.Stop(), 0) << daemon_.Log();
}

TEST_F(DurabilityTest, G1ACleanRestartKeepsRevisionDigestAndEveryInstance) {
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  clients_.push_back(CallsOfClient(0, 77));
  SendFromAllClients([] {});
  registry::v1::StatusResponse before, after;
  std::map<std::string, std::string> instances_before, instances_after;
  {
    Stubs stubs(daemon_.address());
    ASSERT_TRUE(stubs.Status(&before).ok());
    for (const auto& [name, instance] : stubs.AllInstances()) {
      instances_before[name] = instance.DebugString();
    }
  }
  ASSERT_EQ(instances_before.size(), static_cast<size_t>(kCallsPerClient));
  ASSERT_EQ(daemon_.Stop(), 0) << daemon_.Log();
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  Stubs stubs(daemon_.address());
  ASSERT_TRUE(stubs.Status(&after).ok());
  for (const auto& [name, instance] : stubs.AllInstances()) {
    instances_after[name] = instance.DebugString();
  }
  EXPECT_EQ(after.info().revision(), before.info().revision());
  EXPECT_EQ(after.info().cluster_id(), before.info().cluster_id());
  EXPECT_EQ(after.leases(), before.leases());
  ASSERT_EQ(after.members_size(), 1);
  EXPECT_EQ(after.members(0).digest(), before.members(0).digest());
  EXPECT_EQ(instances_after, instances_before);
}

}  // namespace
}  // namespace registryd::testing
