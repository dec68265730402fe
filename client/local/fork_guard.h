// Whether this process is the one that something was made in, or a child that fork() made of it:
// there the threads are gone, and what was promised to the registry is the parent's.
#pragma once

#include <cstdint>

namespace registry {

// Grows with each fork() that made this process.
uint64_t ForkGeneration();

class ForkGuard {
 public:
  ForkGuard() : made_in_(ForkGeneration()) {}
  bool forked() const { return ForkGeneration() != made_in_; }

 private:
  uint64_t made_in_;
};

}  // namespace registry
