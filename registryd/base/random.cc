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

// SplitMix64's finalizer over each part (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
uint64_t DerivedId(uint64_t client_id, uint64_t sequence, uint64_t position) {
  uint64_t state = 0;
  for (const uint64_t part : {client_id, sequence, position}) {
    state += part + 0x9e3779b97f4a7c15;
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
    state = (state ^ (state >> 27)) * 0x94d049bb133111eb;
    state ^= state >> 31;
  }
  return state != 0 ? state : 1;
}

}  // namespace registryd
