// Who watches on this node, and how far each has come.
//
//   auto subscriber = subscribers.Connect("10.0.0.7:41234");        // a stream began
//   subscriber->Hello("checkout-7f", "checkout");
//   auto progress = subscriber->Add(1, topic, resumed_from);         // one subscription
//   progress->Acknowledge(revision, clock.MonotonicMs());
//   subscriber->Broke(now_ms);  or  subscriber->Goodbye();
//   for (const SubscriberInfo& info : subscribers.List(...)) ...
//
// A subscriber is live until it says goodbye, or for kGraceMs after its stream broke: until then it
// may still call what it was told last. One that broke and is back (the same client id watches the
// same on a stream that is open) is counted once, as it is now.
//
// Threads: any. Limits: as many as there are streams, and kBrokenMax of those that broke; beyond
// that the oldest are forgotten before their grace is over.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "registryd/base/ids.h"
#include "registryd/base/mutex.h"
#include "registryd/watch/topic.h"

namespace registryd::watch {

// How far one subscription's client has come.
class SubscriptionProgress {
 public:
  SubscriptionProgress(std::shared_ptr<const Topic> topic, Revision applied, int64_t began_ms)
      : topic_(std::move(topic)), began_ms_(began_ms), applied_(applied.value()) {}

  // The client has applied everything up to `revision`. Returns the milliseconds since the newest
  // change in it was published on this node, or -1 where that says nothing: nothing new in it, or
  // a change of before this subscription.
  int64_t Acknowledge(Revision revision, int64_t now_ms);

  const Topic& topic() const { return *topic_; }
  Revision applied() const { return Revision(applied_.load(std::memory_order_relaxed)); }
  // Has it applied all that concerns it up to this revision?
  bool HasApplied(Revision revision) const;
  int64_t last_ms() const { return last_ms_.load(std::memory_order_relaxed); }
  int64_t max_ms() const { return max_ms_.load(std::memory_order_relaxed); }

 private:
  const std::shared_ptr<const Topic> topic_;
  const int64_t began_ms_;
  std::atomic<uint64_t> applied_;
  std::atomic<int64_t> last_ms_{-1};
  std::atomic<int64_t> max_ms_{-1};
};

struct SubscriberInfo {
  std::string client_id;
  std::string client_name;
  std::string address;
  Scope scope;
  bool connected = true;
  Revision applied;      // 0: it has never acknowledged
  int64_t last_ms = -1;  // from publication to acknowledgement
  int64_t max_ms = -1;
};

class Subscribers;

// One stream's client.
class Subscriber {
 public:
  // For Subscribers::Connect.
  Subscriber(Subscribers* owner, std::string address)
      : owner_(owner), address_(address), client_id_("unnamed at " + address) {}

  void Hello(std::string client_id, std::string client_name);
  std::shared_ptr<SubscriptionProgress> Add(uint64_t subscription,
                                            std::shared_ptr<const Topic> topic, Revision applied,
                                            int64_t now_ms);
  void Remove(uint64_t subscription);
  // The stream has ended: it is no longer waited for, or for the grace.
  void Goodbye();
  void Broke(int64_t now_ms);

 private:
  friend class Subscribers;

  Subscribers* const owner_;
  const std::string address_;
  mutable Mutex mutex_;
  std::string client_id_ ABSL_GUARDED_BY(mutex_);
  std::string client_name_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, std::shared_ptr<SubscriptionProgress>> subscriptions_
      ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> broken_ms_{0};  // 0: connected
};

class Subscribers {
 public:
  static constexpr int64_t kGraceMs = 10'000;
  static constexpr size_t kBrokenMax = 100'000;

  std::shared_ptr<Subscriber> Connect(std::string address);

  // The live subscriptions that contain the service, or all where it is empty; with `waiting_for`
  // only those that have not applied all that concerns them up to it.
  std::vector<SubscriberInfo> List(std::string_view service, Revision waiting_for,
                                   int64_t now_ms) const;

 private:
  friend class Subscriber;
  void Forget(const Subscriber* subscriber);
  void Broken(const Subscriber* subscriber, int64_t now_ms);

  mutable Mutex mutex_;
  absl::flat_hash_map<const Subscriber*, std::shared_ptr<Subscriber>> all_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<Subscriber>> broken_ ABSL_GUARDED_BY(mutex_);  // in order of time
};

}  // namespace registryd::watch
