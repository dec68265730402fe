// How many instances the leases of each owner keep alive. Writes asks before it lets an identity
// register more.
//
//   OwnedInstances owned;
//   replica.AddObserver(&owned);
//   owned.Load(replica.registry());       // after the replica's Load
//   owned.Of("spiffe://example.org/shop/web")
//
// Made only where there is a limit: it costs some 40 bytes a lease. Threads: Load before the loop
// starts or on it, OnOutcome on the loop, Of on any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "registryd/base/mutex.h"
#include "registryd/core/registry.h"
#include "registryd/replica/replica.h"

namespace registryd::operations {

class OwnedInstances final : public replica::Observer {
 public:
  // Forgets what it knew. The registry outlives this.
  void Load(const core::Registry& registry);
  uint64_t Of(std::string_view owner) const;

  void OnOutcome(const core::Outcome& outcome) override;
  void OnLeadership(const replica::Leadership&) override {}
  void OnReplaced() override { Load(*registry_); }

 private:
  struct Owner {
    std::string name;
    uint64_t leases = 0;
    uint64_t instances = 0;
  };
  struct Kept {
    Owner* owner = nullptr;
    uint64_t instances = 0;
  };
  void Add(const core::Lease& lease) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Count(LeaseId lease, int64_t more) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(LeaseId lease) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const core::Registry* registry_ = nullptr;  // the loop's
  mutable Mutex mutex_;
  absl::node_hash_map<std::string, Owner> owners_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<LeaseId, Kept> leases_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace registryd::operations
