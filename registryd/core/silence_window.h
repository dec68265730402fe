// How many have left for silence within the last ttl: what the guard's share is measured against.
//
//   window.Add(ttl_ms, 3, now);      // three left, whose lease had this ttl
//   window.Count(now);               // those that left within a ttl before now
//
// Leases of one service may have different ttls, and each departure counts for its own. Ttls are
// rounded up to a power of two of seconds, and time to a quarter of that, so a departure counts for
// 1 to 1.25 times the rounded ttl: never for less than its ttl. `now` does not go back (the
// state's time).
//
// Part of the replicated state: the numbers of `rings()` lie on disk. Limits: 13 rings (ttls of 1 s
// to 4,096 s), 48 bytes each. Threads: none of its own. Cost: a few additions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace registryd::core {

class SilenceWindow {
 public:
  static constexpr size_t kSlots = 5;
  struct Ring {
    int64_t ttl_ms = 0;  // rounded
    int64_t slot = 0;    // the newest, in quarters of ttl_ms since time 0; counts[0] is of it
    std::array<uint32_t, kSlots> counts{};
    friend bool operator==(const Ring&, const Ring&) = default;
  };

  void Add(int64_t ttl_ms, uint32_t count, int64_t now);
  uint64_t Count(int64_t now) const;
  // Forgets what no longer counts.
  void Prune(int64_t now);
  bool empty() const { return rings_.empty(); }

  const std::vector<Ring>& rings() const { return rings_; }
  void LoadRing(const Ring& ring) { rings_.push_back(ring); }

  friend bool operator==(const SilenceWindow&, const SilenceWindow&) = default;

 private:
  std::vector<Ring> rings_;  // by ttl
};

}  // namespace registryd::core
