// Time as an argument. Everything that needs the time takes a Clock or a `now_ms`; only SystemClock
// asks the operating system, so that tests and the simulator can say what time it is.
#pragma once

#include <atomic>
#include <cstdint>

namespace registryd {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since some start; never goes back and does not jump with the wall clock. For every
  // deadline.
  virtual int64_t MonotonicMs() const = 0;
  // Milliseconds since the Unix epoch. May jump; only for stamps that people read.
  virtual int64_t WallMs() const = 0;
};

class SystemClock final : public Clock {
 public:
  int64_t MonotonicMs() const override;
  int64_t WallMs() const override;
};

// A clock that stands still until a test moves it. Threads: any.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(int64_t monotonic_ms = 1'000'000, int64_t wall_ms = 1'700'000'000'000)
      : monotonic_ms_(monotonic_ms), wall_ms_(wall_ms) {}
  int64_t MonotonicMs() const override { return monotonic_ms_; }
  int64_t WallMs() const override { return wall_ms_; }
  void Advance(int64_t ms) {
    monotonic_ms_ += ms;
    wall_ms_ += ms;
  }
  // The wall clock jumps, as when somebody sets it.
  void JumpWall(int64_t ms) { wall_ms_ += ms; }

 private:
  std::atomic<int64_t> monotonic_ms_;
  std::atomic<int64_t> wall_ms_;
};

}  // namespace registryd
