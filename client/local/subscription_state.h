// What a Subscription, the loop and the callback thread share about one subscription.
//
// The loop writes it (Publish, Heard, NotLive), others read it; Deliver is the callback thread's.
// Nothing is called under its lock.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/local/clock.h"
#include "client/local/mirror.h"
#include "registry/subscription.h"

namespace registry {

// Something that follows the view: a picker. Loop thread, and once the thread that adds it.
class ViewListener {
 public:
  virtual ~ViewListener() = default;
  // `number` grows with each view; an older one comes too late and is to be dropped.
  virtual void OnView(const ViewPtr& view, uint64_t number) = 0;
};

class SubscriptionState {
 public:
  SubscriptionState(WatchQuery query, SubscriptionOptions options);

  const WatchQuery& query() const { return query_; }
  const SubscriptionOptions& options() const { return options_; }

  ViewPtr view() const;
  SubscriptionStatus status(TimePoint now = Clock::now()) const;
  absl::Status WaitReady(absl::Duration timeout) const;
  absl::Status WaitRevision(uint64_t revision, absl::Duration timeout) const;

  // Told the present view at once, then every next one. Forgotten when nobody else holds it.
  void AddListener(const std::shared_ptr<ViewListener>& listener);

  // Before the loop knows it: a view from disk, written `age` ago.
  void Restore(ViewPtr view, absl::Duration age);

  // Loop, from here on.

  void Publish(const Mirror::Step& step, const std::string& resync_reason, TimePoint now);
  // The picture is right up to here.
  void Heard(const Mirror& mirror, TimePoint now);
  // `refused`: the registry does not serve this query; waiting is in vain.
  void NotLive(const absl::Status& why, bool refused);
  void CountResync();
  void Acknowledged(uint64_t revision);
  // There is no callback, or it has been told everything and has returned.
  bool Applied() const;

  // Any thread.
  void SetCache(const absl::Status& status);

  // The callback thread's: tells the application what has not been told. The revision that it has
  // applied then.
  uint64_t Deliver();

 private:
  struct Pending {
    uint64_t from_revision = 0;
    bool snapshot = false;  // compare everything
    std::string resync_reason = {};
    std::vector<InstancePtr> touched = {};
  };

  absl::Status WaitFor(absl::Duration timeout, const char* what,
                       bool (*done)(const SubscriptionState&, uint64_t), uint64_t argument) const;
  ViewChange Difference(const Pending& pending, ViewPtr view) const;

  const WatchQuery query_;
  const SubscriptionOptions options_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  ViewPtr view_;
  uint64_t number_ = 0;  // of the view
  SubscriptionStatus status_;
  bool refused_ = false;
  TimePoint heard_at_{};            // the picture was known to be right
  absl::Duration age_when_read_{};  // of a view from disk
  std::optional<Pending> pending_;
  bool delivering_ = false;
  std::vector<std::weak_ptr<ViewListener>> listeners_;

  ViewPtr delivered_;  // the callback thread's
};

// "default/web", "default/web-*" or "default/*".
std::string ScopeText(const WatchQuery& query);

}  // namespace registry
