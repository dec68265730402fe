// The guard's rule (promise G5): how much of a service, and of the whole registry, may leave for
// silence alone within one ttl.
//
// Silence is a suspicion: a cut cable, a stalled leader and a crash all look alike. One silent
// instance is most likely dead; half of a service going silent at once is most likely a network.
// So the first ones leave, up to the share, and beyond it they turn SUSPECT: served last, marked.
//
// The rule comes with the command that proposes an expiry, from the leader's configuration, so
// every member decides alike whatever its own configuration says. The decision is pure arithmetic
// on the state: who is served, who is suspect, who has left within a ttl.
#pragma once

#include <algorithm>
#include <cstdint>

namespace registryd::core {

struct GuardRule {
  static constexpr uint64_t kServiceMin = 3;    // instances; below it, silence is acted on by ttl
  static constexpr uint64_t kRegistryMin = 20;  // leases

  uint32_t share_num = 1;  // the share is share_num / share_den
  uint32_t share_den = 3;
  int64_t hold_ms = 3'600'000;
  // The leader hears so little that it does not trust its own ears: nobody leaves for silence.
  bool hold_all = false;

  // How many of `base` may be gone or suspect. At least one, so that a single death is never held.
  uint64_t Allowed(uint64_t base) const {
    return std::max<uint64_t>(1, base * share_num / std::max(share_den, 1u));
  }
  friend bool operator==(const GuardRule&, const GuardRule&) = default;
};

}  // namespace registryd::core
