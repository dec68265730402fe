// Counted beside the real state machine, and compared with a count of everything after each step.
#include "registryd/operations/owned_instances.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace registryd::operations {
namespace {

core::InstanceSpec Spec(uint64_t n) {
  core::InstanceSpec spec;
  spec.name = core::InstanceName("ns", "svc", "i-" + std::to_string(n));
  spec.endpoints.push_back({"main", "10.0.0.1", 80, "tcp"});
  return spec;
}

TEST(OwnedInstancesTest, FollowsTheStateThroughWhateverHappens) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  core::Registry registry;
  OwnedInstances owned;
  owned.Load(registry);
  const std::vector<std::string> owners = {"a", "b", "c"};
  int64_t now_ms = 1'000;
  for (int step = 0; step < 3'000; ++step) {
    const uint64_t lease = 1 + random() % 6;
    const core::Context context{now_ms += 1'000, Term(1), {}, "test"};
    core::Command command;
    switch (random() % 6) {
      case 0:
        command = core::RevokeLease{LeaseId(lease), LeaseEpoch()};
        break;
      case 1: {
        const core::Lease* held = registry.FindLease(LeaseId(lease));
        if (held == nullptr) continue;
        command = core::ExpireLeases{{{held->id, held->epoch}}, Term(1)};
        break;
      }
      case 2:
        command = core::Deregister{{{Spec(random() % 10).name, {}}}, {}};
        break;
      case 3:
        command = core::Register{{Spec(random() % 10)}, {}};
        break;
      default:
        command = core::Register{{Spec(random() % 10), Spec(10 + random() % 10)},
                                 core::LeaseClaim{LeaseId(lease), 6'000, owners[lease % 3]}};
    }
    owned.OnOutcome(registry.Apply(context, command));
    OwnedInstances anew;
    anew.Load(registry);
    for (const std::string& owner : owners) {
      uint64_t expected = 0;
      registry.ForEachLease([&](const core::Lease& held) {
        if (held.owner == owner) expected += registry.LeaseInstances(held.id);
      });
      ASSERT_EQ(owned.Of(owner), expected) << owner << " after step " << step;
      ASSERT_EQ(anew.Of(owner), expected);
    }
  }
}

}  // namespace
}  // namespace registryd::operations
