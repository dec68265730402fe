// Retry: repeats what failed, later and later, as long as a budget that all calls share allows it.
//
//   registry::RetryBudget budget;                               // one for each service
//   registry::Retry retry({}, &budget);                         // one for each call
//   absl::Status status = retry.Run([&] { return Call(); });
//
// or by hand, where waiting is somebody else's:
//
//   registry::Retry retry(options, &budget);
//   absl::Status status = Call();
//   while (std::optional<absl::Duration> pause = retry.Next(status)) {
//     Wait(*pause);
//     status = Call();
//   }
//
// The pause before try n + 1 is drawn evenly from 0 to min(initial x multiplier^(n-1), max): gRPC's
// proposal A6 (and "full jitter", AWS Architecture Blog 2015). The defaults are those of A6's
// example.
//
// A budget is what keeps retries from becoming the outage: each first try puts `ratio` of a retry
// into it, each retry takes one out, and a little is always there for those who call seldom
// (Finagle, RetryBudget: ttl 10 s, 20 %, 10 a second).
//
// Threads: a Retry is one call's; a RetryBudget is any's, lock-free.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry/outcome_window.h"
#include "registry/time_source.h"

namespace registry {

struct RetryBudgetOptions {
  absl::Duration window = absl::Seconds(10);  // Finagle ttl: 10 s
  double ratio = 0.2;                         // Finagle percentCanRetry: 20 %
  double least_per_second = 10;               // Finagle minRetriesPerSec: 10
};

class RetryBudget {
 public:
  explicit RetryBudget(const RetryBudgetOptions& options = {},
                       const TimeSource* time = TimeSource::Steady());

  void FirstTry();
  // False: no retry now.
  bool TakeRetry();

 private:
  const RetryBudgetOptions options_;
  const TimeSource* const time_;
  OutcomeWindow calls_;  // first tries count as ok, retries as failed
};

struct RetryOptions {
  uint32_t max_attempts = 4;                         // A6's example: 4, the first included
  absl::Duration initial = absl::Milliseconds(100);  // A6's example: 0.1 s
  absl::Duration max = absl::Seconds(1);             // A6's example: 1 s
  double multiplier = 2;                             // A6's example: 2
  // What may be repeated. Null: UNAVAILABLE, as in A6's example.
  std::function<bool(const absl::Status&)> retriable = {};
};

class Retry {
 public:
  // `budget` may be null: no limit. Tells it of the first try.
  explicit Retry(const RetryOptions& options = {}, RetryBudget* budget = nullptr);

  // How long to wait before the next try; none: this status is the answer.
  std::optional<absl::Duration> Next(const absl::Status& status);

  // Calls until it succeeds or Next says no. `sleep` waits; null: the thread sleeps.
  absl::Status Run(const std::function<absl::Status()>& call,
                   const std::function<void(absl::Duration)>& sleep = {});

  uint32_t attempts() const { return attempts_; }

 private:
  const RetryOptions options_;
  RetryBudget* const budget_;
  uint32_t attempts_ = 1;
};

}  // namespace registry
