// Random numbers for choices, not for secrets: xorshift64* of the thread. About a nanosecond, no
// lock. A forked child begins anew, so that it does not choose as its parent and its siblings do.
#pragma once

#include <cstddef>
#include <cstdint>

namespace registry {

uint64_t FastRandomSeed();  // not 0, different for each thread

inline constinit thread_local uint64_t fast_random_state = 0;  // 0: not seeded yet

inline uint64_t FastRandomStep(uint64_t state) {
  state ^= state >> 12;
  state ^= state << 25;
  return state ^ (state >> 27);
}

inline uint64_t FastRandomOf(uint64_t state) { return state * 0x2545f4914f6cdd1dULL; }

inline uint64_t FastRandom() {
  uint64_t& state = fast_random_state;
  if (state == 0) state = FastRandomSeed();
  state = FastRandomStep(state);
  return FastRandomOf(state);
}

// What the thread's next FastRandom will give, after its first.
inline uint64_t FastRandomAhead() { return FastRandomOf(FastRandomStep(fast_random_state)); }

// From 32 random bits evenly to 0 ... n - 1, n > 0. (Lemire's multiplication; the bias is below
// n / 2^32.)
inline size_t Below(size_t n, uint32_t random) {
  return static_cast<size_t>((uint64_t{random} * n) >> 32);
}

}  // namespace registry
