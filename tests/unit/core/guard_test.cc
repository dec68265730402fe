// The guard as a property, over random mass silences: whatever the batches, no more than the share
// leaves a service or the registry within a ttl; and the bad night of 50,000 expiries at once.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "registryd/base/text.h"
#include "registryd/core/registry.h"

namespace registryd::core {
namespace {

constexpr int64_t kTtlMs = 6'000;

Context At(int64_t time_ms) {
  Context context;
  context.time_ms = time_ms;
  return context;
}

InstanceSpec Spec(std::string_view service, std::string_view id) {
  InstanceSpec spec;
  spec.name = InstanceName("default", service, id);
  spec.endpoints = {{"http", "10.0.0.1", 80, ""}};
  return spec;
}

// Each instance with a lease of its own, numbered from 1.
Registry Make(uint64_t services, uint64_t size) {
  Registry registry;
  uint64_t lease = 0;
  for (uint64_t s = 0; s < services; ++s) {
    for (uint64_t i = 0; i < size; ++i) {
      ++lease;
      registry.Apply(At(1'000), Register{{Spec(Text("s-", s), Text("i-", i))},
                                         LeaseClaim{LeaseId(lease), kTtlMs, ""}});
    }
  }
  return registry;
}

uint64_t CountOf(const Registry& registry, Health health) {
  uint64_t count = 0;
  registry.ForEachInstance([&](const InstancePtr& i) { count += i->health() == health; });
  return count;
}

ExpireLeases Expire(const Registry& registry, uint64_t first, uint64_t last, GuardRule rule) {
  ExpireLeases command{{}, Term(), rule};
  for (uint64_t id = first; id <= last; ++id) {
    if (const Lease* lease = registry.FindLease(LeaseId(id))) {
      command.leases.push_back({lease->id, lease->epoch});
    }
  }
  return command;
}

TEST(GuardTest, G5FiftyThousandLeasesExpireInOneSecond) {
  for (const bool guarded : {true, false}) {
    Registry registry = Make(5'000, 10);
    const GuardRule rule = guarded ? GuardRule() : GuardRule{1, 1};
    uint64_t turned = 0;
    for (uint64_t first = 1; first <= 50'000; first += 1'000) {
      const Outcome outcome = registry.Apply(At(10'000 + static_cast<int64_t>(first / 50)),
                                             Expire(registry, first, first + 999, rule));
      turned += std::get<CountReply>(outcome.reply.value).count;
    }
    EXPECT_EQ(turned, 50'000u);
    EXPECT_EQ(CountOf(registry, Health::kCritical), guarded ? 15'000u : 50'000u);
    EXPECT_EQ(CountOf(registry, Health::kSuspect), guarded ? 35'000u : 0u);
  }
}

TEST(GuardTest, G5NoMoreThanTheShareLeavesWithinATtlWhateverTheBatches) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    const uint64_t services = 1 + random() % 8;
    const uint64_t size = 1 + random() % 12;
    Registry registry = Make(services, size);
    const uint64_t leases = services * size;
    const GuardRule rule{1, static_cast<uint32_t>(2 + random() % 3), 60'000};
    // Of each service: when how many left, and how many were served a ttl before.
    std::map<std::string, std::deque<std::pair<int64_t, uint64_t>>> left;
    int64_t now = 10'000;
    for (int step = 0; step < 200; ++step) {
      now += static_cast<int64_t>(random() % 1'500);
      std::map<std::string, uint64_t> served;
      registry.ForEachInstance([&](const InstancePtr& i) {
        if (IsServed(i->health())) ++served[std::string(i->name().service_name())];
      });
      Outcome outcome;
      if (random() % 4 == 0) {
        outcome = registry.Apply(At(now), Tend{rule});
      } else {
        const uint64_t first = 1 + random() % leases;
        outcome = registry.Apply(At(now), Expire(registry, first, first + random() % leases, rule));
      }
      std::map<std::string, uint64_t> leaving;
      for (const InstanceChange& change : outcome.instances) {
        if (IsServed(change.before->health()) && !IsServed(change.after->health())) {
          ++leaving[std::string(change.name().service_name())];
        }
      }
      for (const auto& [service, count] : leaving) {
        auto& window = left[service];
        while (!window.empty() && window.front().first < now - kTtlMs) window.pop_front();
        uint64_t within = count;
        for (const auto& [at, n] : window) within += n;
        const uint64_t base = served[service] + within - count;
        if (base >= GuardRule::kServiceMin) {
          EXPECT_LE(within, rule.Allowed(base)) << service << " at " << now;
        }
        window.emplace_back(now, count);
      }
    }
  }
}

}  // namespace
}  // namespace registryd::core
