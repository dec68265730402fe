// Virtual time and chance: everything that happens in a simulation happens as an event of this
// queue, in one thread, and depends on the seed alone.
//
//   World world(seed);
//   world.After(150, [&] { ... });          // microseconds from now
//   world.RunFor(2'000'000);
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "registryd/base/clock.h"

namespace registryd::sim {

class World final : public Clock {
 public:
  explicit World(uint64_t seed) : random_(seed * 2 + 1) {}

  int64_t MonotonicMs() const override { return now_us_ / 1000; }
  int64_t WallMs() const override { return 1'700'000'000'000 + now_us_ / 1000; }
  int64_t now_us() const { return now_us_; }

  void At(int64_t time_us, std::function<void()> event) {
    events_.emplace(std::pair(time_us < now_us_ ? now_us_ : time_us, next_event_++),
                    std::move(event));
  }
  void After(int64_t delay_us, std::function<void()> event) {
    At(now_us_ + delay_us, std::move(event));
  }

  // Runs the next event. False: there is none.
  bool Step() {
    if (events_.empty()) return false;
    auto next = events_.extract(events_.begin());
    now_us_ = next.key().first;
    ++steps_;
    next.mapped()();
    return true;
  }
  void RunFor(int64_t duration_us) {
    const int64_t end = now_us_ + duration_us;
    while (!stopped_ && !events_.empty() && events_.begin()->first.first <= end) Step();
    if (!stopped_) now_us_ = end;
  }
  // False: the time was up before.
  template <class Condition>
  bool RunUntil(int64_t limit_us, Condition condition) {
    const int64_t end = now_us_ + limit_us;
    while (!condition()) {
      if (stopped_) return false;
      if (events_.empty() || events_.begin()->first.first > end) {
        now_us_ = end;
        return false;
      }
      Step();
    }
    return true;
  }
  // RunFor and RunUntil return after the event under way.
  void Stop() { stopped_ = true; }

  // splitmix64: the same everywhere, unlike the standard distributions.
  uint64_t Random() {
    uint64_t z = random_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // In [low, high].
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Random() % static_cast<uint64_t>(high - low + 1));
  }
  bool Chance(int percent) { return Between(1, 100) <= percent; }

  // A fingerprint of the whole run: whatever is noted, and when.
  void Note(uint64_t value) {
    fingerprint_ = (fingerprint_ ^ value ^ (static_cast<uint64_t>(now_us_) << 20)) * 0x100000001b3;
  }
  uint64_t fingerprint() const { return fingerprint_; }
  uint64_t steps() const { return steps_; }

 private:
  int64_t now_us_ = 1'000'000'000;
  uint64_t next_event_ = 0;
  uint64_t steps_ = 0;
  uint64_t random_;
  uint64_t fingerprint_ = 0xcbf29ce484222325;
  bool stopped_ = false;
  std::map<std::pair<int64_t, uint64_t>, std::function<void()>> events_;
};

}  // namespace registryd::sim
