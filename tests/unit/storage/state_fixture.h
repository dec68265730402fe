// What the state store's tests share: a registry that is applied and committed, and what it looked
// like at each index.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "registryd/base/text.h"
#include "registryd/core/registry.h"
#include "registryd/storage/state_store.h"
#include "tests/unit/storage/test_files.h"

namespace registryd::storage {

inline std::unique_ptr<StateStore> OpenState(const std::string& dir) {
  auto store = StateStore::Open(dir);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

// Opens and loads `dir` into `registry`, or says why it cannot be.
inline absl::StatusOr<StateStore::Position> OpenAndLoadState(const std::string& dir,
                                                             core::Registry* registry) {
  auto store = StateStore::Open(dir);
  if (!store.ok()) return store.status();
  return (*store)->Load(registry);
}

inline core::InstanceSpec Spec(uint64_t number, size_t filling = 0) {
  core::InstanceSpec spec;
  spec.name = core::InstanceName("default", Text("service-", number % 7), Text("i-", number));
  spec.endpoints = {{"main", "10.0.0.1", static_cast<uint16_t>(1 + number % 60'000), "http"}};
  for (size_t i = 0; i < filling; ++i) {
    spec.labels.push_back({Text("label-", 100 + i), std::string(256, 'v')});
  }
  return spec;
}

inline void ExpectEqual(const core::Registry& a, const core::Registry& b) {
  EXPECT_EQ(a.counters(), b.counters());
  ASSERT_EQ(a.instance_count(), b.instance_count());
  ASSERT_EQ(a.lease_count(), b.lease_count());
  a.ForEachInstance([&b](const core::InstancePtr& instance) {
    const core::InstancePtr other = b.Find(instance->name());
    ASSERT_NE(other, nullptr) << instance->name().text();
    EXPECT_EQ(*instance, *other) << instance->name().text();
  });
  a.ForEachLease([&a, &b](const core::Lease& lease) {
    const core::Lease* other = b.FindLease(lease.id);
    ASSERT_NE(other, nullptr) << lease.id;
    EXPECT_EQ(lease, *other) << lease.id;
    EXPECT_EQ(a.LeaseInstances(lease.id), b.LeaseInstances(lease.id)) << lease.id;
  });
}

// Random commands of every kind over a few instances and leases, some of them repeated requests.
class CommandSource {
 public:
  explicit CommandSource(uint64_t seed) : random_(seed) {}

  std::pair<core::Context, core::Command> Next(const core::Registry& registry) {
    core::Context context;
    context.time_ms = time_ms_ += static_cast<int64_t>(Below(100));
    context.term = Term(3);
    if (Below(2) == 0) context.request = {1 + Below(3), 1 + Below(400)};
    return {context, NextCommand(registry)};
  }

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  core::Target Target() { return {Spec(Below(60)).name, Revision(0)}; }
  core::LeaseRef LeaseOf(const core::Registry& registry) {
    const LeaseId id(1 + Below(8));
    const core::Lease* lease = registry.FindLease(id);
    return {id, lease == nullptr ? LeaseEpoch(1) : lease->epoch};
  }
  core::Command NextCommand(const core::Registry& registry) {
    switch (Below(10)) {
      case 0:
        return core::Deregister{{Target()}};
      case 1: {
        core::Update update;
        update.target = Target();
        update.weight = static_cast<uint32_t>(1 + Below(100));
        return update;
      }
      case 2:
        return core::SetHealth{Target(), static_cast<core::Report>(Below(3)), "because"};
      case 3:
        return core::GrantLease{{LeaseId(1 + Below(8)), 6'000, "owner"}};
      case 4:
        if (Below(3) == 0) return core::RevokeLease{LeaseOf(registry).id, LeaseEpoch(0)};
        return core::ExpireLeases{{LeaseOf(registry)}, Term(3)};
      case 5:
        return core::RemoveCritical{{Target(), Target()}};
      default: {
        core::Register reg;
        reg.instances = {Spec(Below(60))};
        if (Below(3) != 0) reg.lease = core::LeaseClaim{LeaseId(1 + Below(8)), 6'000, "owner"};
        return reg;
      }
    }
  }

  std::mt19937_64 random_;
  int64_t time_ms_ = 1'700'000'000'000;
};

// A registry with its store.
class StoredRegistry {
 public:
  explicit StoredRegistry(const std::string& dir) : store_(OpenState(dir)) {
    registry_.SetCluster(ClusterId(42));
  }

  // Applies one command; Commit writes what was applied since the last one.
  core::Outcome Apply(const core::Context& context, const core::Command& command) {
    core::Outcome outcome = registry_.Apply(context, command);
    batch_.Add(outcome);
    ++index_;
    return outcome;
  }
  core::Outcome Apply(const core::Command& command) {
    core::Context context;
    context.term = Term(3);
    context.time_ms = 1'700'000'000'000;
    return Apply(context, command);
  }
  void Commit() {
    store_->Commit(batch_, registry_.counters(), position());
    batch_.Clear();
    committed_[index_] = registry_.counters();
  }

  StateStore& store() { return *store_; }
  void Close() { store_.reset(); }
  const core::Registry& registry() const { return registry_; }
  StateStore::Position position() const { return {index_, Term(3)}; }
  // The counters after each commit; {} for index 0.
  const std::map<LogIndex, core::Counters>& committed() const { return committed_; }

 private:
  std::unique_ptr<StateStore> store_;
  core::Registry registry_;
  StateBatch batch_;
  LogIndex index_{0};
  std::map<LogIndex, core::Counters> committed_{{LogIndex(0), core::Counters()}};
};

}  // namespace registryd::storage
