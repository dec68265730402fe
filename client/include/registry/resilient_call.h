// ResilientCaller: picking, bulkhead, retries and outcomes put together, for calls to one service.
//
//   registry::ResilientCaller web(*subscription);
//   absl::Status status = web.Call([&](const registry::Instance& instance) -> absl::Status {
//     return SendRequest(instance.spec.endpoints[0]);
//   });
//
// Each try picks anew, so a retry goes to another instance as the policy and the outcomes say.
// UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN, DATA_LOSS and ABORTED count against the
// instance; whatever else a call returns is the request's own matter.
//
// Threads: any. Calls block for as long as the function does.
//
// Errors: the function's own status; UNAVAILABLE where there was no instance to pick,
// RESOURCE_EXHAUSTED where the bulkhead is full.
#pragma once

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry/bulkhead.h"
#include "registry/picker.h"
#include "registry/retry.h"

namespace registry {

struct ResilientCallerOptions {
  PickerOptions picker = {};
  RetryOptions retry = {};
  RetryBudgetOptions budget = {};
  std::optional<BulkheadOptions> bulkhead = {};
  absl::Duration bulkhead_wait = absl::ZeroDuration();
  // Waits between tries; null: the thread sleeps.
  std::function<void(absl::Duration)> sleep = {};
};

class ResilientCaller {
 public:
  explicit ResilientCaller(const Subscription& subscription,
                           const ResilientCallerOptions& options = {});
  // Follows nothing: picker().SetView says what there is.
  explicit ResilientCaller(const ResilientCallerOptions& options = {});

  absl::Status Call(const std::function<absl::Status(const Instance&)>& function,
                    const PickRequest& request = {});

  Picker& picker() { return picker_; }

 private:
  absl::Status Once(const std::function<absl::Status(const Instance&)>& function,
                    const PickRequest& request);

  const ResilientCallerOptions options_;
  Picker picker_;
  RetryBudget budget_;
  std::optional<Bulkhead> bulkhead_;
};

// Whether a call that ended so says that its instance is in trouble.
bool CountsAsFailure(absl::StatusCode code);

}  // namespace registry
