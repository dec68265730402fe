// Growing pauses with jitter: first, 2 x first, 4 x ... up to `most`, each drawn from its upper
// half, so that many clients that lost the same server do not come back at the same moment.
//
//   Backoff backoff(Millis(100), Millis(2000), seed);
//   sleep(backoff.Next());  ...  backoff.Reset();
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "client/local/clock.h"

namespace registry {

class Backoff {
 public:
  Backoff(Millis first, Millis most, uint64_t seed)
      : first_(first), most_(most), next_(first), random_(seed) {}

  Millis Next() {
    const Millis whole = next_;
    next_ = std::min(next_ * 2, most_);
    return whole / 2 + UpTo(whole / 2);
  }

  void Reset() { next_ = first_; }

  // Evenly from 0 to `most`.
  Millis UpTo(Millis most) {
    return Millis(std::uniform_int_distribution<int64_t>(0, most.count())(random_));
  }

 private:
  Millis first_;
  Millis most_;
  Millis next_;
  std::minstd_rand random_;
};

}  // namespace registry
