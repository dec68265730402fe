#include "client/local/fast_random.h"

#include <random>

namespace registry {

uint64_t FastRandomSeed() {
  std::random_device device;
  uint64_t seed = 0;
  while (seed == 0) seed = (uint64_t{device()} << 32) | device();
  return seed;
}

}  // namespace registry
