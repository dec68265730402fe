// All subscriptions of a client: the door to Watches for other threads, and what is done beside the
// loop: callbacks, and the files of last known good views.
//
// Any thread but the loop's.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "client/local/callback_thread.h"
#include "client/local/fork_guard.h"
#include "client/local/subscription_state.h"
#include "client/local/task_loop.h"
#include "client/local/watches.h"

namespace registry {

class Subscriptions {
 public:
  using StatePtr = std::shared_ptr<SubscriptionState>;

  Subscriptions(CallbackThread* callbacks, std::function<int64_t()> unix_ms)
      : callbacks_(callbacks), unix_ms_(std::move(unix_ms)) {}

  // Before anything else. `watches` is used on the loop only.
  void Start(TaskLoop* loop, Watches* watches) {
    loop_ = loop;
    watches_ = watches;
  }

  // Its owner keeps it, and us, and calls Remove at its end.
  StatePtr Add(WatchQuery query, SubscriptionOptions options);
  void Remove(const StatePtr& state);

  // Watches calls this on the loop.
  void Published(const StatePtr& state);

 private:
  enum Kind { kDeliver, kSave };

  void Save(const StatePtr& state);

  const ForkGuard guard_;
  CallbackThread* const callbacks_;
  const std::function<int64_t()> unix_ms_;
  TaskLoop* loop_ = nullptr;
  Watches* watches_ = nullptr;
};

// INVALID_ARGUMENT: a query that contradicts itself.
absl::Status CheckQuery(const WatchQuery& query);

}  // namespace registry
