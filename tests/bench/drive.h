// How load is made, the same for every server and protocol: operations that end some time after
// they were started, either so many at once (closed loop) or so many per second (open loop).
//
//   Measured m = Drive({.outstanding = 64}, 2.0, [&](size_t slot, uint64_t n, Done done) { ... });
//
// Closed loop: the next operation of a slot starts when the last one has ended. Latencies are those
// of a busy server and say little about what a caller at a given rate sees.
// Open loop: operation n is due at n / rate, whether or not the server keeps up, and its latency
// counts from then. A server that stalls is charged for everything that was due meanwhile (no
// coordinated omission). At most `outstanding` run at once; more wait, and their wait counts.
//
// Threads: `start` is called on any thread, for one slot by one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace registryd::bench {

struct Measured {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  uint64_t operations = 0;
  uint64_t errors = 0;
  std::string first_error;
};

struct Shape {
  size_t outstanding = 1;
  double rate = 0;  // per second; 0: closed loop
};

using Done = std::function<void(const std::string& error)>;  // empty: it went well
// `n` grows over the whole run of the program, so that no request comes twice.
using StartOperation = std::function<void(size_t slot, uint64_t n, Done done)>;

Measured Drive(const Shape& shape, double seconds, const StartOperation& start);

}  // namespace registryd::bench
