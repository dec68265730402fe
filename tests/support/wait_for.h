// Waiting in tests: for a condition, with a deadline. Never for a time.
//
//   ASSERT_TRUE(WaitFor([&] { return Lookup("web").size() == 2; })) << daemon.Log();
//
// The deadline is a bound for a broken run, not a measure: a busy machine may need all of it.
// Threads: any.
#pragma once

#include <poll.h>

#include <chrono>

namespace registryd::testing {

inline constexpr std::chrono::seconds kPatience{30};

template <class F>
[[nodiscard]] bool WaitFor(F condition, std::chrono::milliseconds deadline = kPatience) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return condition();
    poll(nullptr, 0, 5);
  }
  return true;
}

}  // namespace registryd::testing
