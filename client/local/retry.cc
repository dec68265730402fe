#include "registry/retry.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "client/local/clock.h"
#include "client/local/fast_random.h"

namespace registry {

RetryBudget::RetryBudget(const RetryBudgetOptions& options, const TimeSource* time)
    : options_(options), time_(time), calls_(options.window) {}

void RetryBudget::FirstTry() { calls_.Add(time_->NowNanos(), true); }

bool RetryBudget::TakeRetry() {
  const int64_t now = time_->NowNanos();
  const OutcomeWindow::Counts counts = calls_.Sum(now);
  const double allowed = options_.ratio * counts.ok +
                         options_.least_per_second * absl::ToDoubleSeconds(options_.window);
  if (counts.failed + 1 > allowed) return false;
  calls_.Add(now, false);
  return true;
}

Retry::Retry(const RetryOptions& options, RetryBudget* budget)
    : options_(options), budget_(budget) {
  if (budget_ != nullptr) budget_->FirstTry();
}

std::optional<absl::Duration> Retry::Next(const absl::Status& status) {
  if (status.ok() || attempts_ >= options_.max_attempts) return std::nullopt;
  const bool retriable =
      options_.retriable ? options_.retriable(status) : absl::IsUnavailable(status);
  if (!retriable || (budget_ != nullptr && !budget_->TakeRetry())) return std::nullopt;
  const double growth = std::pow(options_.multiplier, attempts_ - 1);
  const absl::Duration most = std::min(options_.initial * growth, options_.max);
  ++attempts_;
  return most * (static_cast<double>(FastRandom() >> 11) * 0x1.0p-53);
}

absl::Status Retry::Run(const std::function<absl::Status()>& call,
                        const std::function<void(absl::Duration)>& sleep) {
  absl::Status status = call();
  while (const std::optional<absl::Duration> pause = Next(status)) {
    if (sleep) {
      sleep(*pause);
    } else {
      std::this_thread::sleep_for(ToSteady(*pause));
    }
    status = call();
  }
  return status;
}

}  // namespace registry
