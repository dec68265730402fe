// Random numbers for choices, not for secrets: xorshift64* of the thread. About a nanosecond, no
// lock. A forked child begins anew, so that it does not choose as its parent and its siblings do.
#pragma once

#include <cstddef>
#include <cstdint>

namespace registry {

uint64_t FastRandomSeed();  // not 0, different for each thread

inline constinit thread_local uint64_t fast_random_state = 0;  // 0: not seeded yet

inline uint64_t FastRandom() {
  uint64_t& state = fast_random_state;
  if (state == 0) state = FastRandomSeed();
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1dULL;
}

// Evenly from 0 to n - 1, n > 0. (Lemire's multiplication; the bias is below n / 2^32.)
inline size_t FastRandomBelow(size_t n) {
  return static_cast<size_t>(((FastRandom() >> 32) * static_cast<uint64_t>(n)) >> 32);
}

}  // namespace registry
