// When each lease runs out. Pure data: time comes in as an argument.
//
//   LeaseTable table;
//   table.Add({id, epoch}, ttl_ms, now);                  // a full ttl from now
//   table.Renew({id, epoch}, now);                        // kRenewed, kLost or kPending
//   for (LeaseRef lease : table.ExpiredAt(now, 1000)) ... // each at most once, until Release or
//   Remove
//
// A lease that ExpiredAt gave out is *pending*: its expiry is on its way through the log, and its
// renewals wait for the outcome (decision 4 in docs/formats.md). One that the guard holds is
// *held*: it has no deadline, and its first renewal is answered kRevived: the state has to be told.
// `now` is in milliseconds of any clock that does not go back.
//
// Threads: one, the loop. Cost: Renew is one hash lookup and one store, about 40 bytes a lease. A
// timing wheel of 128 ms slots holds ids; a renewal does not move its lease, the slot looks again
// when it comes round (lazy, as in Netty's and Kafka's wheels). So a lease is given out up to 128
// ms after its deadline, never before.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "registryd/core/commands.h"
#include "registryd/liveness/intake_watch.h"

namespace registryd::liveness {

class LeaseTable {
 public:
  enum class Renewal { kRenewed, kRevived, kLost, kPending };

  // Adds the lease, or replaces one of the same id, with a full ttl.
  void Add(const core::LeaseRef& lease, int64_t ttl_ms, int64_t now);
  void Remove(LeaseId id);
  void Clear();
  // kLost: unknown, or another epoch.
  Renewal Renew(const core::LeaseRef& lease, int64_t now);
  // At most `max` leases whose deadline is at or before now, and makes them pending.
  std::vector<core::LeaseRef> ExpiredAt(int64_t now, size_t max);
  // The expiry of a pending lease did not happen: it is due again at the next ExpiredAt, or renewed
  // before.
  void Release(const core::LeaseRef& lease, int64_t now);
  // The guard holds it: it is never due until it is added again. Its next renewal is kRevived,
  // those after it kRenewed, until Hold or NotRevived is called.
  void Hold(LeaseId id);
  // The revival of a lease that is held did not happen: its next renewal is kRevived again.
  void NotRevived(const core::LeaseRef& lease);
  // What was due is not: every lease has a full ttl from now. O(n).
  void GiveAllAFullTtl(int64_t now);

  const IntakeWatch& intake() const { return intake_; }
  size_t held() const { return held_; }

  size_t size() const { return leases_.size(); }
  // The lease's ttl; 0 when it is not there.
  int64_t TtlMs(LeaseId id) const;

 private:
  static constexpr int64_t kSlotMs = 128;

  struct Entry {
    LeaseEpoch epoch;
    int64_t deadline = 0;
    int64_t slot = 0;  // where the wheel holds it, in slots since time 0
    uint32_t ttl_ms = 0;
    bool pending = false;
    bool held = false;
    bool reviving = false;
  };
  struct Slot {
    std::vector<LeaseId> ids;
  };

  void Schedule(LeaseId id, Entry& entry);
  void Unwatch(Entry& entry);

  absl::flat_hash_map<LeaseId, Entry> leases_;
  IntakeWatch intake_;  // of those that are not held
  size_t held_ = 0;
  // Ring of slots; grows to the longest ttl in use. wheel_[s % size] holds slot s for s in [next_,
  // next_ + size).
  std::vector<Slot> wheel_ = std::vector<Slot>(1024);
  int64_t next_ = -1;  // first slot that was not emptied yet; -1 before the first Add
};

}  // namespace registryd::liveness
