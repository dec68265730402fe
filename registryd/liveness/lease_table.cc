#include "registryd/liveness/lease_table.h"

#include <algorithm>
#include <utility>

namespace registryd::liveness {

void LeaseTable::Schedule(LeaseId id, Entry& entry) {
  // The slot after the deadline's, so that a lease is never given out early.
  const int64_t wanted = std::max(entry.deadline / kSlotMs + 1, next_);
  if (wanted - next_ >= static_cast<int64_t>(wheel_.size())) {
    size_t size = wheel_.size();
    while (wanted - next_ >= static_cast<int64_t>(size)) size *= 2;
    std::vector<Slot> larger(size);
    for (int64_t s = next_; s < next_ + static_cast<int64_t>(wheel_.size()); ++s) {
      larger[static_cast<size_t>(s) % size] =
          std::move(wheel_[static_cast<size_t>(s) % wheel_.size()]);
    }
    wheel_ = std::move(larger);
  }
  entry.slot = wanted;
  wheel_[static_cast<size_t>(wanted) % wheel_.size()].ids.push_back(id);
}

void LeaseTable::Add(const core::LeaseRef& lease, int64_t ttl_ms, int64_t now) {
  if (next_ < 0) next_ = now / kSlotMs;
  const auto [at, fresh] = leases_.try_emplace(lease.id);
  Entry& entry = at->second;
  const bool scheduled_soon_enough =
      !fresh && entry.slot >= next_ && entry.slot <= (now + ttl_ms) / kSlotMs + 1 && !entry.pending;
  if (!fresh) {
    Unwatch(entry);
  }
  intake_.Add(ttl_ms, now);
  entry.epoch = lease.epoch;
  entry.deadline = now + ttl_ms;
  entry.ttl_ms = static_cast<uint32_t>(ttl_ms);
  entry.pending = false;
  if (!scheduled_soon_enough) Schedule(lease.id, entry);
}

void LeaseTable::Remove(LeaseId id) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return;
  Unwatch(found->second);
  leases_.erase(found);
}

void LeaseTable::Clear() {
  leases_.clear();
  for (Slot& slot : wheel_) slot.ids.clear();
  next_ = -1;
  intake_ = IntakeWatch();
  held_ = 0;
}

LeaseTable::Renewal LeaseTable::Renew(const core::LeaseRef& lease, int64_t now) {
  const auto found = leases_.find(lease.id);
  if (found == leases_.end() || found->second.epoch != lease.epoch) return Renewal::kLost;
  Entry& entry = found->second;
  if (entry.pending) return Renewal::kPending;
  if (entry.held) {
    return std::exchange(entry.reviving, true) ? Renewal::kRenewed : Renewal::kRevived;
  }
  intake_.Renewed(entry.ttl_ms, entry.deadline - entry.ttl_ms, now);
  entry.deadline = std::max(entry.deadline, now + entry.ttl_ms);
  return Renewal::kRenewed;
}

void LeaseTable::Hold(LeaseId id) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return;
  Entry& entry = found->second;
  if (!entry.held) {
    Unwatch(entry);
    entry.held = true;
    ++held_;
  }
  entry.reviving = false;
  entry.pending = false;
  entry.slot = -1;
}

void LeaseTable::NotRevived(const core::LeaseRef& lease) {
  const auto found = leases_.find(lease.id);
  if (found == leases_.end() || found->second.epoch != lease.epoch) return;
  found->second.reviving = false;
}

// It is about to be held, replaced or removed. Those that are held are not expected to renew.
void LeaseTable::Unwatch(Entry& entry) {
  if (entry.held) {
    entry.held = false;
    --held_;
  } else {
    intake_.Remove(entry.ttl_ms, entry.deadline - entry.ttl_ms);
  }
}

void LeaseTable::GiveAllAFullTtl(int64_t now) {
  for (auto& [id, entry] : leases_) {
    if (entry.pending || entry.held) continue;
    intake_.Renewed(entry.ttl_ms, entry.deadline - entry.ttl_ms, now);
    entry.deadline = now + entry.ttl_ms;
  }
}

std::vector<core::LeaseRef> LeaseTable::ExpiredAt(int64_t now, size_t max) {
  std::vector<core::LeaseRef> expired;
  if (next_ < 0) return expired;
  while (next_ <= now / kSlotMs && expired.size() < max) {
    std::vector<LeaseId>& ids = wheel_[static_cast<size_t>(next_) % wheel_.size()].ids;
    std::vector<LeaseId> later;
    while (!ids.empty() && expired.size() < max) {
      const LeaseId id = ids.back();
      ids.pop_back();
      const auto found = leases_.find(id);
      // Gone meanwhile, or scheduled anew elsewhere.
      if (found == leases_.end() || found->second.slot != next_ || found->second.pending ||
          found->second.held) {
        continue;
      }
      Entry& entry = found->second;
      if (entry.deadline > now) {
        entry.slot = -1;
        later.push_back(id);
        continue;
      }
      entry.pending = true;
      expired.push_back({id, entry.epoch});
    }
    if (ids.empty()) ++next_;
    for (const LeaseId id : later) {
      if (auto found = leases_.find(id); found != leases_.end()) Schedule(id, found->second);
    }
  }
  return expired;
}

void LeaseTable::Release(const core::LeaseRef& lease, int64_t now) {
  const auto found = leases_.find(lease.id);
  if (found == leases_.end() || found->second.epoch != lease.epoch || !found->second.pending)
    return;
  found->second.pending = false;
  found->second.deadline = now;
  Schedule(lease.id, found->second);
}

int64_t LeaseTable::TtlMs(LeaseId id) const {
  const auto found = leases_.find(id);
  return found == leases_.end() ? 0 : found->second.ttl_ms;
}

}  // namespace registryd::liveness
