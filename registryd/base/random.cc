#include "registryd/base/random.h"

#include <random>

namespace registryd {

uint64_t RandomId() {
  thread_local std::mt19937_64 generator([] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(),
                       device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }());
  uint64_t id = 0;
  while (id == 0) id = generator();
  return id;
}

}  // namespace registryd
