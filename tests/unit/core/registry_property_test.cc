// Random commands against the naive model, and the two things that hold after each of them: the
// digest is that of the instances, and what the outcomes said is enough to load the same registry
// again.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "registryd/core/registry.h"
#include "tests/support/random_command.h"
#include "tests/unit/core/naive_registry.h"

namespace registryd::core {
namespace {

using testing::NaiveRegistry;
using testing::NaiveReply;
using testing::RandomCommand;

std::map<std::string, Instance> Instances(const Registry& registry) {
  std::map<std::string, Instance> out;
  registry.ForEachInstance([&](const InstancePtr& i) { out.emplace(i->name().text(), *i); });
  return out;
}

std::map<uint64_t, Lease> Leases(const Registry& registry) {
  std::map<uint64_t, Lease> out;
  registry.ForEachLease([&](const Lease& lease) { out.emplace(lease.id.value(), lease); });
  return out;
}

void ExpectReply(const NaiveReply& expected, const Outcome& outcome, const Registry& registry) {
  EXPECT_EQ(outcome.reply.status.code(), expected.code) << outcome.reply.status;
  EXPECT_EQ(outcome.duplicate, expected.duplicate);
  EXPECT_EQ(outcome.reply.revision, registry.counters().revision);
  if (!outcome.reply.status.ok()) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(outcome.reply.value));
    EXPECT_TRUE(outcome.instances.empty() && outcome.leases.empty() && !outcome.request);
  } else if (const auto* reply = std::get_if<RegisterReply>(&outcome.reply.value)) {
    std::vector<uint64_t> incarnations;
    for (Revision incarnation : reply->incarnations) incarnations.push_back(incarnation.value());
    EXPECT_EQ(incarnations, expected.incarnations);
    EXPECT_EQ(reply->lease, expected.lease);
  } else if (const auto* removed = std::get_if<DeregisterReply>(&outcome.reply.value)) {
    EXPECT_EQ(removed->removed, expected.removed);
  } else if (const auto* one = std::get_if<InstanceReply>(&outcome.reply.value)) {
    EXPECT_EQ(one->instance->name().text(), expected.instance);
    EXPECT_EQ(one->instance, registry.Find(one->instance->name()));
  } else if (const auto* lease = std::get_if<LeaseReply>(&outcome.reply.value)) {
    EXPECT_EQ(lease->lease, expected.lease);
  } else if (const auto* maintenance = std::get_if<MaintenanceReply>(&outcome.reply.value)) {
    EXPECT_EQ(maintenance->override_ != nullptr, expected.override_.has_value());
    if (maintenance->override_ && expected.override_) {
      EXPECT_EQ(*maintenance->override_, *expected.override_);
    }
    EXPECT_EQ(maintenance->count, expected.count);
  } else if (const auto* service = std::get_if<ServiceReply>(&outcome.reply.value)) {
    EXPECT_EQ(service->record->min_healthy, expected.min_healthy);
  } else if (const auto* count = std::get_if<CountReply>(&outcome.reply.value)) {
    EXPECT_EQ(count->count, expected.count);
    EXPECT_EQ(count->left, expected.left);
  }
}

// What a store would hold: fed by outcomes alone.
struct Stored {
  std::map<std::string, InstancePtr> instances;
  std::map<uint64_t, Lease> leases;
  std::map<uint64_t, RequestSlot> requests;
  std::map<std::string, ServiceRecordPtr> services;

  void Add(const Outcome& outcome) {
    std::set<std::string> seen;
    for (const InstanceChange& change : outcome.instances) {
      const std::string& name = change.name().text();
      EXPECT_TRUE(seen.insert(name).second) << name << " changes twice in one outcome";
      const auto at = instances.find(name);
      EXPECT_EQ(at == instances.end() ? nullptr : at->second, change.before) << name;
      if (change.after) {
        EXPECT_EQ(change.after->changed, outcome.reply.revision);
        instances[name] = change.after;
      } else {
        instances.erase(name);
      }
    }
    for (const LeaseChange& change : outcome.leases) {
      if (change.after) {
        leases[change.id.value()] = *change.after;
      } else {
        leases.erase(change.id.value());
      }
    }
    std::set<std::string> services_seen;
    for (const ServiceChange& change : outcome.services) {
      EXPECT_TRUE(services_seen.insert(change.name).second) << change.name << " changes twice";
      if (change.after) {
        services[change.name] = change.after;
      } else {
        services.erase(change.name);
      }
    }
    if (outcome.request) requests[outcome.request->slot] = *outcome.request;
  }

  absl::Status LoadInto(Registry* registry, const Counters& counters) const {
    for (const auto& [slot, request] : requests) registry->LoadRequest(request);
    for (const auto& [name, instance] : instances) registry->LoadInstance(instance);
    for (const auto& [id, lease] : leases) registry->LoadLease(lease);
    for (const auto& [name, record] : services) registry->LoadService(record);
    return registry->FinishLoad(counters);
  }
};

void ExpectDigestAndAttachments(const Registry& registry) {
  uint64_t digest = 0;
  std::map<uint64_t, size_t> attached;
  registry.ForEachInstance([&](const InstancePtr& instance) {
    digest += InstanceDigest(*instance);
    if (instance->lease && !instance->facts.lease_expired) ++attached[instance->lease.value()];
  });
  EXPECT_EQ(registry.counters().digest, digest);
  registry.ForEachLease([&](const Lease& lease) {
    EXPECT_EQ(registry.LeaseInstances(lease.id), attached[lease.id.value()]);
    attached.erase(lease.id.value());
  });
  EXPECT_TRUE(attached.empty()) << "an instance is kept alive by lease " << attached.begin()->first
                                << ", which does not exist";
}

std::map<std::string, int> Suspects(const Registry& registry) {
  std::map<std::string, int> suspects;
  registry.ForEachInstance([&](const InstancePtr& instance) {
    if (instance->health() != Health::kSuspect) return;
    ++suspects[std::string(instance->name().service_name())];
  });
  return suspects;
}

// A service's guard begins to hold with the first suspect and ends with the last.
void ExpectGuardEvents(const std::map<std::string, int>& before, const Outcome& outcome,
                       const Registry& registry) {
  std::set<std::string> expected;
  std::set<std::string> told;
  const std::map<std::string, int> now = Suspects(registry);
  for (const auto& [service, count] : now) {
    if (before.count(service) == 0) expected.insert("entered " + service);
  }
  for (const auto& [service, count] : before) {
    if (now.count(service) == 0) expected.insert("left " + service);
  }
  for (const Event& event : outcome.events) {
    if (event.scope.empty()) continue;
    if (event.kind == EventKind::kGuardEntered) told.insert("entered " + event.scope);
    if (event.kind == EventKind::kGuardLeft) told.insert("left " + event.scope);
  }
  EXPECT_EQ(told, expected);
}

void RunCommands(uint64_t seed, int commands) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  RandomCommand random(seed);
  NaiveRegistry naive;
  Stored stored;
  auto registry = std::make_unique<Registry>();
  std::map<std::string, int> suspects;
  for (int i = 0; i < commands; ++i) {
    SCOPED_TRACE(::testing::Message() << "command " << i);
    const Context context = random.NextContext();
    const Command command = random.Next(*registry);
    const Counters before = registry->counters();
    const NaiveReply expected = naive.Apply(context, command);
    const Outcome outcome = registry->Apply(context, command);

    ExpectReply(expected, outcome, *registry);
    ExpectGuardEvents(suspects, outcome, *registry);
    suspects = Suspects(*registry);
    EXPECT_EQ(registry->counters().guard.since_ms, naive.state().guard_since_ms);
    EXPECT_EQ(registry->counters().checkers, naive.state().checkers);
    EXPECT_EQ(registry->counters().revision,
              before.revision + (outcome.instances.empty() ? 0u : 1u));
    EXPECT_EQ(registry->counters().revision.value(), naive.state().revision);
    EXPECT_EQ(registry->counters().time_ms, naive.state().time_ms);
    EXPECT_EQ(registry->counters().next_epoch.value(), naive.state().next_epoch);
    EXPECT_EQ(Instances(*registry), naive.state().instances);
    EXPECT_EQ(Leases(*registry), naive.state().leases);
    ExpectDigestAndAttachments(*registry);
    stored.Add(outcome);
    if (random.OneIn(50)) {  // a restart
      auto loaded = std::make_unique<Registry>();
      ASSERT_TRUE(stored.LoadInto(loaded.get(), registry->counters()).ok());
      EXPECT_EQ(Instances(*loaded), Instances(*registry));
      EXPECT_EQ(Leases(*loaded), Leases(*registry));
      EXPECT_EQ(loaded->counters(), registry->counters());
      registry = std::move(loaded);
    }
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(RegistryPropertyTest, EqualsTheNaiveModel) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  for (uint64_t i = 0; i < 20 && !HasFailure(); ++i) RunCommands(seed + i, 500);
}

// Two members that apply the same entries hold the same state, although their tables are laid out
// differently.
TEST(RegistryPropertyTest, MembersAgree) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  RandomCommand random(seed);
  Registry first;
  Registry second;
  for (int i = 0; i < 3'000; ++i) {
    const Context context = random.NextContext();
    const Command command = random.Next(first);
    const Outcome a = first.Apply(context, command);
    const Outcome b = second.Apply(context, command);
    ASSERT_EQ(a.reply.status, b.reply.status);
    ASSERT_EQ(first.counters(), second.counters());
    ASSERT_EQ(a.instances.size(), b.instances.size());
    for (size_t n = 0; n < a.instances.size(); ++n) {
      ASSERT_EQ(a.instances[n].name(), b.instances[n].name()) << "the order differs";
    }
  }
}

}  // namespace
}  // namespace registryd::core
