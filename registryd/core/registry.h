// The registry's state machine: the one place where the rules are.
//
//   Registry registry;
//   Outcome outcome = registry.Apply(context, Register{...});
//   outcome.reply       -> the caller
//   outcome.instances   -> storage, view, watch: what changed, before and after
//   outcome.leases      -> storage and the liveness table
//
// Deterministic: the same commands in the same order give the same state, replies and changes on
// every member. Apply never fails; a refused command is a Reply with a status and changes nothing
// (but the request window).
//
// Threads: one, the loop. Cost: O(log n) per instance touched; nothing is proportional to the size
// of a service.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "registryd/core/attached_instances.h"
#include "registryd/core/commands.h"
#include "registryd/core/outcome.h"
#include "registryd/core/types.h"

namespace registryd::core {

// The guard of the whole registry.
struct RegistryGuard {
  int64_t since_ms = 0;       // not 0: it holds instances since then
  SilenceWindow left;         // instances that left for silence
  SilenceWindow left_leases;  // leases that ended for it
  friend bool operator==(const RegistryGuard&, const RegistryGuard&) = default;
};

// What is one of a kind in the state. Stored with each batch.
struct Counters {
  ClusterId cluster;
  Revision revision;
  int64_t time_ms = 0;
  LeaseEpoch next_epoch{1};
  uint64_t requests_seen = 0;
  uint64_t digest = 0;
  Revision history_floor;  // changes after this are kept in history
  RegistryGuard guard;
  std::vector<NodeId> checkers;  // who makes the active checks
  uint32_t feature_level = 1;    // commands up to this are understood by every member
  friend bool operator==(const Counters&, const Counters&) = default;
};

class Registry {
 public:
  Outcome Apply(const Context& context, const Command& command);

  // Loading, before the first Apply: everything that storage has, in any order, then the counters.
  // FinishLoad answers DATA_LOSS when the parts contradict each other: the digest, an instance of a
  // lease that is not there, a revision or an epoch from the future, a request window with a hole.
  void LoadInstance(InstancePtr instance);
  void LoadLease(Lease lease);
  void LoadRequest(const RequestSlot& slot);
  void LoadService(ServiceRecordPtr record);
  absl::Status FinishLoad(const Counters& counters);

  const Counters& counters() const { return counters_; }
  // Once, on an empty registry, at bootstrap.
  void SetCluster(ClusterId cluster) { counters_.cluster = cluster; }

  InstancePtr Find(const InstanceName& name) const;  // nullptr: absent
  const Lease* FindLease(LeaseId id) const;          // nullptr: absent; valid until the next Apply
  size_t LeaseInstances(LeaseId id) const;           // those that it keeps alive
  ServiceRecordPtr FindRecord(std::string_view service_name) const;  // nullptr: there is none
  size_t instance_count() const { return instances_.size(); }
  size_t lease_count() const { return leases_.size(); }
  size_t silent_lease_count() const { return silent_.size(); }  // held by the guard
  // When a Tend has something to do, by the state's time, where the guard holds for `hold_ms`;
  // the largest number when nothing is due.
  int64_t NextDueMs(int64_t hold_ms) const;
  // In no particular order.
  template <class F>
  void ForEachInstance(F f) const {
    for (const InstancePtr& instance : instances_) f(instance);
  }
  template <class F>
  void ForEachLease(F f) const {
    for (const auto& [id, held] : leases_) f(held->lease);
  }
  template <class F>
  void ForEachRecord(F f) const {
    for (const auto& [name, service] : services_) {
      if (service->record) f(service->record);
    }
  }

 private:
  friend class CommandRun;

  // The parts below are made for a million instances, most of them alone on their lease: one
  // pointer in the instance table, one in the lease table. Names are kept once, in the instances.
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return absl::Hash<std::string_view>()(name); }
    size_t operator()(const InstancePtr& i) const { return (*this)(i->name().text()); }
  };
  struct NameEqual {
    using is_transparent = void;
    static std::string_view Of(std::string_view name) { return name; }
    static std::string_view Of(const InstancePtr& instance) { return instance->name().text(); }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return Of(a) == Of(b);
    }
  };
  struct HeldLease {
    Lease lease;
    AttachedInstances instances;
  };
  // A service with an instance or a record.
  struct Service {
    uint32_t instances = 0;
    uint32_t passing = 0;
    uint32_t suspect = 0;
    ServiceRecordPtr record;
    uint32_t served() const { return passing + suspect; }
  };

  HeldLease* FindHeld(LeaseId id);
  const Service* FindService(std::string_view name) const;
  Service& TakeService(std::string_view name);
  void DropServiceIfIdle(std::string_view name);
  // Adds an instance to its service's numbers, or takes it out (-1).
  void CountInstance(const Instance& instance, int by);
  RequestSlot Remember(const RequestId& request);
  void FailLoad(std::string why);
  void CheckLoadedInstance(const Instance& instance);  // and attaches it to its lease

  absl::flat_hash_set<InstancePtr, NameHash, NameEqual> instances_;
  absl::flat_hash_map<LeaseId, std::unique_ptr<HeldLease>> leases_;
  absl::flat_hash_map<std::string, std::unique_ptr<Service>, NameHash, NameEqual> services_;
  uint64_t served_ = 0;                                    // instances of all services
  uint64_t operated_ = 0;                                  // services with settings or overrides
  absl::btree_set<std::pair<int64_t, LeaseId>> silent_;    // since when, which
  absl::btree_set<std::pair<int64_t, std::string>> ends_;  // of overrides: when, which target
  absl::flat_hash_set<RequestId> requests_;
  std::vector<RequestId> request_ring_;  // by slot
  Counters counters_;
  absl::Status load_error_;  // the first one; FinishLoad answers it
};

}  // namespace registryd::core
