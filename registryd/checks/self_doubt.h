// Does this member believe its own eyes? One that sees most of what was passing fail at once is
// more likely cut off itself.
//
//   SelfDoubt doubt;
//   doubt.Look(table.failing(), table.passing(), now);     // every tick
//   if (doubt.doubts()) ...                                // keep failures to yourself
//
// While it doubts it reports no failure, and the leader gives its checks to members that do not
// (checks/presence.h). That lasts kAsideMs. Where the checks are still its own then, nobody was
// there to take them, and where they still fail it believes what it sees.
//
// With less than kLeast passing instances nothing is concluded: two of three may well have died.
// Threads: none of its own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace registryd::checks {

class SelfDoubt {
 public:
  static constexpr size_t kLeast = 5;
  static constexpr int64_t kAsideMs = 60'000;

  // `passing`: this member's checks whose instances the state holds for passing; `failing`: those
  // of them whose last answer was a failure.
  void Look(size_t failing, size_t passing, int64_t now) {
    const bool most = passing >= kLeast && 2 * failing > passing;
    if (doubts_ && now - since_ms_ >= kAsideMs) {
      doubts_ = false;
      believes_ = most;
    } else if (!doubts_ && most && !believes_) {
      doubts_ = true;
      since_ms_ = now;
    }
    if (!most) believes_ = false;
  }
  bool doubts() const { return doubts_; }

 private:
  bool doubts_ = false;
  bool believes_ = false;  // although most of it fails
  int64_t since_ms_ = 0;
};

}  // namespace registryd::checks
