#include "registryd/operations/owned_instances.h"

namespace registryd::operations {

void OwnedInstances::Add(const core::Lease& lease) {
  const auto [at, is_new] = leases_.try_emplace(lease.id);
  if (!is_new) return;
  Owner& owner = owners_[lease.owner];
  owner.name = lease.owner;
  ++owner.leases;
  at->second.owner = &owner;
}

void OwnedInstances::Count(LeaseId lease, int64_t more) {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) return;  // permanent, or its lease has expired
  found->second.instances += static_cast<uint64_t>(more);
  found->second.owner->instances += static_cast<uint64_t>(more);
}

// What the lease kept alive may stay for a while, but is nobody's any more.
void OwnedInstances::Remove(LeaseId lease) {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) return;
  Owner& owner = *found->second.owner;
  owner.instances -= found->second.instances;
  leases_.erase(found);
  if (--owner.leases == 0) owners_.erase(std::string(owner.name));
}

void OwnedInstances::Load(const core::Registry& registry) {
  registry_ = &registry;
  MutexLock lock(mutex_);
  leases_.clear();
  owners_.clear();
  registry.ForEachLease([&](const core::Lease& lease) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    Add(lease);
    Count(lease.id, static_cast<int64_t>(registry.LeaseInstances(lease.id)));
  });
}

void OwnedInstances::OnOutcome(const core::Outcome& outcome) {
  MutexLock lock(mutex_);
  for (const core::LeaseChange& change : outcome.leases) {
    if (change.after) Add(*change.after);
  }
  for (const core::InstanceChange& change : outcome.instances) {
    if (change.before && !change.before->facts.lease_expired) Count(change.before->lease, -1);
    if (change.after && !change.after->facts.lease_expired) Count(change.after->lease, 1);
  }
  for (const core::LeaseChange& change : outcome.leases) {
    if (!change.after) Remove(change.id);
  }
}

uint64_t OwnedInstances::Of(std::string_view owner) const {
  MutexLock lock(mutex_);
  const auto found = owners_.find(absl::string_view(owner.data(), owner.size()));
  return found == owners_.end() ? 0 : found->second.instances;
}

}  // namespace registryd::operations
