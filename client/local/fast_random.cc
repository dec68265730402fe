#include "client/local/fast_random.h"

#include <pthread.h>

#include <random>

namespace registry {

uint64_t FastRandomSeed() {
  // Runs in the one thread that the child has.
  static const int kRegistered = pthread_atfork(nullptr, nullptr, [] { fast_random_state = 0; });
  static_cast<void>(kRegistered);
  std::random_device device;
  uint64_t seed = 0;
  while (seed == 0) seed = (uint64_t{device()} << 32) | device();
  return seed;
}

}  // namespace registry
