#include "registry/resilient_call.h"

#include "absl/strings/str_cat.h"

namespace registry {

bool CountsAsFailure(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

ResilientCaller::ResilientCaller(const Subscription& subscription,
                                 const ResilientCallerOptions& options)
    : options_(options),
      picker_(subscription, options.picker),
      budget_(options.budget, options.picker.time) {
  if (options_.bulkhead) bulkhead_.emplace(*options_.bulkhead);
}

ResilientCaller::ResilientCaller(const ResilientCallerOptions& options)
    : options_(options), picker_(options.picker), budget_(options.budget, options.picker.time) {
  if (options_.bulkhead) bulkhead_.emplace(*options_.bulkhead);
}

absl::Status ResilientCaller::Call(const std::function<absl::Status(const Instance&)>& function,
                                   const PickRequest& request) {
  std::optional<Bulkhead::Permit> permit;
  if (bulkhead_) {
    auto entered = bulkhead_->Enter(options_.bulkhead_wait);
    if (!entered.ok()) return entered.status();
    permit.emplace(*std::move(entered));
  }
  Retry retry(options_.retry, &budget_);
  return retry.Run([&] { return Once(function, request); }, options_.sleep);
}

absl::Status ResilientCaller::Once(const std::function<absl::Status(const Instance&)>& function,
                                   const PickRequest& request) {
  Picked picked = picker_.Pick(request);
  if (!picked) {
    return absl::UnavailableError(
        absl::StrCat("no instance to call: ", ToString(picked.failure())));
  }
  const TimeSource& time = *options_.picker.time;
  const int64_t begin = time.NowNanos();
  const absl::Status status = function(picked.instance());
  picked.Done(!CountsAsFailure(status.code()), absl::Nanoseconds(time.NowNanos() - begin));
  return status;
}

}  // namespace registry
