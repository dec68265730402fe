// The hub: tells the world what changed.
//
//   hub.Publish(outcome);  ...  hub.Flush(revision);          // the loop, after the view is
//   published auto topic = hub.Attach(scope, filter, waker);            // any thread
//   topic->Next(cursor, &page);
//
// Order matters: the view is updated before the hub, and a topic takes changes from the moment it
// is attached to. So a snapshot taken from the view after Attach never misses an event that the
// ring will not deliver; an event that is in the snapshot already has a revision at or below its
// cursor and is passed over.
//
// Fan-out does not run on the loop: Flush hands the topics that changed to a small pool, which
// wakes the subscribers, at once or a little later in a storm (watch/pace.h). Every second each
// attached stream gets a beat, spread over the second.
//
// Threads: Publish and Flush on the loop; the rest any. Limits: a topic lives as long as somebody
// holds it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/core/registry.h"
#include "registryd/watch/subscribers.h"
#include "registryd/watch/topic.h"

namespace registryd::watch {

// A stream that wants a beat about once a second.
class Beating {
 public:
  virtual ~Beating() = default;
  virtual void Beat() = 0;
};

class Hub {
 public:
  explicit Hub(size_t threads);
  ~Hub();

  // The loop. Changes of one outcome belong to one revision.
  void Publish(const core::Outcome& outcome);
  // The loop, after the last Publish of a batch: everything up to `revision` has been published.
  void Flush(Revision revision);
  // The loop, after the view: the whole state was replaced, and nobody knows what changed. Every
  // subscriber that stands before `revision` finds itself behind, and starts over.
  void Restart(Revision revision);

  // The topic of this scope and filter; `created` tells whether the caller must SetLevel it.
  std::shared_ptr<Topic> Attach(const Scope& scope, const core::InstanceFilter& filter,
                                const std::shared_ptr<Waker>& waker, bool* created);
  void AddBeating(const std::shared_ptr<Beating>& stream);
  // Everything up to here has been published.
  Revision published() const { return Revision(published_.load(std::memory_order_acquire)); }
  // Who watches here, and how far they have come.
  Subscribers& subscribers() { return subscribers_; }
  void Stop();

 private:
  static constexpr int64_t kBeatMs = 1'000;
  static constexpr int64_t kBeatSlices = 10;

  void Fan();
  void BeatSlice(size_t slice);

  const SystemClock clock_;
  Subscribers subscribers_;
  std::atomic<uint64_t> published_{0};

  Mutex topics_mutex_;
  // By scope: exact services by name, and prefixes one by one (few, and each is a comparison).
  absl::flat_hash_map<std::string, std::vector<std::weak_ptr<Topic>>> services_
      ABSL_GUARDED_BY(topics_mutex_);
  std::vector<std::weak_ptr<Topic>> prefixes_ ABSL_GUARDED_BY(topics_mutex_);
  absl::flat_hash_map<std::string, std::weak_ptr<Topic>> by_key_ ABSL_GUARDED_BY(topics_mutex_);
  size_t sweep_at_ ABSL_GUARDED_BY(topics_mutex_) = 64;
  Revision publishing_ ABSL_GUARDED_BY(topics_mutex_);

  std::vector<std::shared_ptr<Topic>> changed_;  // the loop's: since the last Flush

  Mutex fan_mutex_;
  CondVar fan_filled_;
  // By when they may be woken, each once.
  std::multimap<int64_t, std::shared_ptr<Topic>> to_wake_ ABSL_GUARDED_BY(fan_mutex_);
  absl::flat_hash_set<const Topic*> waiting_ ABSL_GUARDED_BY(fan_mutex_);
  bool stopping_ ABSL_GUARDED_BY(fan_mutex_) = false;
  int64_t next_beat_ms_ ABSL_GUARDED_BY(fan_mutex_) = 0;
  size_t beat_slice_ ABSL_GUARDED_BY(fan_mutex_) = 0;

  Mutex beating_mutex_;
  std::vector<std::vector<std::weak_ptr<Beating>>> beating_ ABSL_GUARDED_BY(beating_mutex_);
  size_t next_slice_ ABSL_GUARDED_BY(beating_mutex_) = 0;

  std::vector<std::thread> threads_;
};

}  // namespace registryd::watch
