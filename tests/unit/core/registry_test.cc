// What does not fit into a transcript: the limit of the request window, and loading. The rules
// themselves are in testdata/*.txt.
#include "registryd/core/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "registryd/base/text.h"
#include "registryd/core/limits.h"

namespace registryd::core {
namespace {

using ::testing::HasSubstr;

Context At(int64_t time_ms, RequestId request = {}) {
  return Context{time_ms, Term(1), request, "test"};
}

Register RegisterOne(const std::string& id, std::optional<LeaseClaim> lease) {
  InstanceSpec spec;
  spec.name = InstanceName("default", "web", id);
  spec.endpoints = {{"default", "10.0.0.1", 80, ""}};
  return Register{{spec}, std::move(lease)};
}

TEST(RegistryTest, TheRequestWindowForgetsTheOldest) {
  Registry registry;
  const Command grant = GrantLease{{LeaseId(1), 6'000, "a"}};
  for (uint64_t i = 0; i < limits::kRequestWindow; ++i) {
    const Outcome outcome = registry.Apply(At(1), Command(grant));
    ASSERT_FALSE(outcome.request) << "a call without a request id takes no slot";
    const Outcome named = registry.Apply(At(1, {9, i}), grant);
    ASSERT_EQ(named.request->slot, i);
    ASSERT_FALSE(named.duplicate);
  }
  EXPECT_TRUE(registry.Apply(At(1, {9, 0}), grant).duplicate) << "the window is full, none is lost";
  EXPECT_EQ(registry.counters().requests_seen, limits::kRequestWindow)
      << "a repeated one takes no slot";

  EXPECT_EQ(registry.Apply(At(1, {9, limits::kRequestWindow}), grant).request->slot, 0u);
  EXPECT_TRUE(registry.Apply(At(1, {9, 1}), grant).duplicate);
  EXPECT_FALSE(registry.Apply(At(1, {9, 0}), grant).duplicate) << "the oldest was forgotten";
  EXPECT_FALSE(registry.Apply(At(1, {9, 1}), grant).duplicate) << "that took the next one's slot";
}

// Everything that a store would have of a small registry.
struct Stored {
  std::vector<Instance> instances;
  std::vector<Lease> leases;
  std::vector<RequestSlot> requests;
  Counters counters;

  absl::Status Load() const {
    Registry registry;
    for (const RequestSlot& slot : requests) registry.LoadRequest(slot);
    for (const Instance& i : instances) registry.LoadInstance(std::make_shared<Instance>(i));
    for (const Lease& lease : leases) registry.LoadLease(lease);
    return registry.FinishLoad(counters);
  }
};

Stored MakeStored() {
  Registry registry;
  Stored stored;
  const auto apply = [&](RequestId request, const Command& command) {
    const Outcome outcome = registry.Apply(At(1'000, request), command);
    if (outcome.request) stored.requests.push_back(*outcome.request);
  };
  apply({1, 1}, RegisterOne("i-1", LeaseClaim{LeaseId(7), 6'000, "a"}));
  apply({1, 2}, RegisterOne("i-2", std::nullopt));
  apply({1, 3}, RegisterOne("i-3", LeaseClaim{LeaseId(8), 6'000, "a"}));
  apply({}, ExpireLeases{{{LeaseId(8), LeaseEpoch(2)}}, Term(1)});
  registry.ForEachInstance([&](const InstancePtr& i) { stored.instances.push_back(*i); });
  std::sort(stored.instances.begin(), stored.instances.end(),
            [](const Instance& a, const Instance& b) { return a.name() < b.name(); });
  registry.ForEachLease([&](const Lease& lease) { stored.leases.push_back(lease); });
  stored.counters = registry.counters();
  return stored;
}

TEST(RegistryLoadTest, TakesWhatItWrote) {
  const Stored stored = MakeStored();
  ASSERT_EQ(stored.instances.size(), 3u);
  ASSERT_EQ(stored.leases.size(), 1u);
  EXPECT_EQ(stored.Load(), absl::OkStatus());
}

TEST(RegistryLoadTest, RemembersRequestsAndLeases) {
  const Stored stored = MakeStored();
  Registry registry;
  for (const RequestSlot& slot : stored.requests) registry.LoadRequest(slot);
  for (const Lease& lease : stored.leases) registry.LoadLease(lease);
  for (const Instance& i : stored.instances) {
    registry.LoadInstance(std::make_shared<Instance>(i));
  }
  ASSERT_EQ(registry.FinishLoad(stored.counters), absl::OkStatus());
  EXPECT_TRUE(registry.Apply(At(1, {1, 3}), RegisterOne("i-3", std::nullopt)).duplicate);
  EXPECT_EQ(registry.LeaseInstances(LeaseId(7)), 1u);
  const Outcome revoked = registry.Apply(At(1), RevokeLease{LeaseId(7), LeaseEpoch(1)});
  ASSERT_EQ(revoked.instances.size(), 1u);
  EXPECT_EQ(revoked.instances[0].name().text(), "default/web/i-1");
  EXPECT_EQ(registry.LeaseInstances(LeaseId(7)), 0u);
}

TEST(RegistryLoadTest, RefusesWhatContradictsItself) {
  struct Case {
    std::string message;
    std::function<void(Stored&)> damage;
  };
  const Case cases[] = {
      {"the digest of 3 instances is", [](Stored& s) { s.counters.digest += 1; }},
      {"the digest of 2 instances is", [](Stored& s) { s.instances.pop_back(); }},
      {"the digest of 3 instances is",
       [](Stored& s) { s.instances[1].facts.report = Report::kDraining; }},
      {"instance default/web/i-1 refers to lease 7, which is not there",
       [](Stored& s) { s.leases.clear(); }},
      {"instance default/web/i-1 is there twice",
       [](Stored& s) { s.instances.push_back(s.instances[0]); }},
      {"lease 7 is there twice", [](Stored& s) { s.leases.push_back(s.leases[0]); }},
      {"a lease has the id 0", [](Stored& s) { s.leases.push_back({}); }},
      {"lease 7 has epoch 3, but the next one is 3",
       [](Stored& s) { s.leases[0].epoch = s.counters.next_epoch; }},
      {"lease 7 has epoch 0", [](Stored& s) { s.leases[0].epoch = LeaseEpoch(); }},
      {"has incarnation 3 and revision 4 in a state of revision 3",
       [](Stored& s) { s.counters.revision = Revision(3); }},
      {"has incarnation 0 and revision 1",
       [](Stored& s) { s.instances[0].incarnation = Revision(); }},
      {"has incarnation 9 and revision 1",
       [](Stored& s) { s.instances[0].incarnation = Revision(9); }},
      {"the request window holds 2 ids in 2 slots, not 3",
       [](Stored& s) { s.requests.pop_back(); }},
      {"the request window holds 2 ids in 3 slots, not 3",
       [](Stored& s) { s.requests.erase(s.requests.begin()); }},
      {"the request window holds 3 ids in 3 slots, not 4",
       [](Stored& s) { s.counters.requests_seen = 4; }},
      {"request slot 2 repeats another slot",
       [](Stored& s) { s.requests[2].request = s.requests[1].request; }},
      {"request slot 65536 is outside of the window",
       [](Stored& s) { s.requests[2].slot = limits::kRequestWindow; }},
      {"request slot 2 holds no request id", [](Stored& s) { s.requests[2].request = {}; }},
  };
  for (const Case& c : cases) {
    Stored stored = MakeStored();
    c.damage(stored);
    const absl::Status status = stored.Load();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << c.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
  }
}

TEST(RegistryTest, KeepsTheClusterOfItsBootstrap) {
  Registry registry;
  registry.SetCluster(ClusterId(42));
  registry.Apply(At(1), RegisterOne("i-1", std::nullopt));
  EXPECT_EQ(registry.counters().cluster, ClusterId(42));
}

// The border refuses it; the state machine does not fall over it.
TEST(RegistryTest, RefusesALeaseWithoutAnId) {
  Registry registry;
  const Outcome outcome =
      registry.Apply(At(1), RegisterOne("i-1", LeaseClaim{LeaseId(), 6'000, ""}));
  EXPECT_EQ(outcome.reply.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(registry.instance_count(), 0u);
}

}  // namespace
}  // namespace registryd::core
