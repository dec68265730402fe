// Watch streams under changes that come at a rate, whether or not the streams keep up.
//
//   Measured m = RunStorm(address, {.streams = 1'000, .subscribe = ..., .read = ..., .change = ...,
//                                   .rate = 100}, 2.0);
//
// Changes are numbered, and carry their number. A latency is counted for each change at each stream:
// from when the change was due until the stream had it or a newer one, which is how stale its
// picture was. A registry that tells several changes as one is not charged for those in between.
// Threads: one; gRPC's own for the streams.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/drive.h"

namespace registryd::bench {

struct StormChange {
  std::string method;
  std::string request;
};

// What is in a message of a watch.
struct Seen {
  size_t pictures = 0;  // whole ones: the answers to `subscribe`
  uint64_t newest = 0;  // of the changes; 0: it has none
};

struct StormLoad {
  std::string watch_method;
  size_t streams = 1;
  size_t channels = 1;
  // First messages of a stream, one a subscription; the first answer to each is not a change.
  std::function<std::vector<std::string>(size_t stream)> subscribe;
  std::string hello;  // before them; empty: none
  std::function<Seen(std::string_view message)> read;
  // What makes change `number`: calls in this order, of which the last carries the number.
  std::function<std::vector<StormChange>(uint64_t number)> change;
  double rate = 100;
  // Called once all streams have their first pictures, before the first change. Empty: nothing.
  std::function<void()> ready;
  // Does the stream watch what this change is about? Empty: all watch everything.
  std::function<bool(size_t stream, uint64_t number)> concerns;
};

// Per second: changes that have reached a stream, all streams together, until the last one had the
// last.
Measured RunStorm(const std::string& address, const StormLoad& load, double seconds);

}  // namespace registryd::bench
