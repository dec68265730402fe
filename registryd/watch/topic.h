// One thing that is watched: a scope of names and a filter, shared by everybody who watches the
// same.
//
// A topic keeps a ring of its latest changes, the digest and count of what it shows, and the last
// page in encoded form. A subscriber is a cursor into the ring and a way to wake it: a slow one
// costs its cursor and nothing else. Whoever falls out of the ring is told so (kBehind) and starts
// over from history or a snapshot.
//
// Threads: Publish on the loop; everything else from any thread. One short lock.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "registryd/base/ids.h"
#include "registryd/base/mutex.h"
#include "registryd/base/text.h"
#include "registryd/core/filter.h"
#include "registryd/core/name_pattern.h"
#include "registryd/core/registry.h"
#include "registryd/watch/pace.h"
#include "registryd/watch/topic_change.h"

namespace registryd::watch {

// Names: one service ("namespace/service") or all that begin with a text ("namespace/",
// "namespace/web-", or "" for all).
struct Scope {
  std::string name;
  bool prefix = false;
  // Only these of them, which the subscriber may see; null: all.
  std::shared_ptr<const core::NameSet> visible = nullptr;
  bool Contains(std::string_view service_name) const {
    if (!prefix) return service_name == name;
    return InRange(service_name) && (visible == nullptr || visible->Contains(service_name));
  }
  // Is it among the names of the scope, to be seen or not? They lie together in sorted order.
  bool InRange(std::string_view service_name) const {
    return prefix ? service_name.substr(0, name.size()) == name : service_name == name;
  }
  // Equal for scopes that contain the same.
  std::string Key() const {
    return Text(prefix ? "p|" : "s|", name, "|", visible == nullptr ? "" : visible->text());
  }
};

// Told that there is something to fetch. Wake must not block and may come without reason.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void Wake() = 0;
};

// What the history told beyond the ring. Good for every cursor in [from, before): the same changes
// follow from each of them.
struct OlderPage {
  Revision from;
  Revision before;
  Page page;  // without bytes: nothing has changed up to page.to
};

// What a topic shows at a revision.
struct Level {
  Revision revision;
  uint64_t digest = 0;
  uint64_t count = 0;
};

class Topic {
 public:
  // Entries of the ring. One change of one instance is one entry.
  static constexpr size_t kRingMax = 4'096;
  // Pages from the history that are kept.
  static constexpr size_t kOlderMax = 4;

  // Changes after `floor` will be published to it.
  Topic(Scope scope, core::InstanceFilter filter, Revision floor)
      : scope_(std::move(scope)), filter_(std::move(filter)), floor_(floor) {}

  const Scope& scope() const { return scope_; }
  const core::InstanceFilter& filter() const { return filter_; }

  // The loop: a change of an instance in our scope. True when it concerns the filter.
  // `now_ms`: of the monotonic clock.
  bool Publish(const core::InstanceChange& change, Revision revision, int64_t time_ms,
               int64_t now_ms = 0);
  // Wakes the subscribers, and remembers that it did.
  void Wake(int64_t now_ms);
  // When the subscribers may be woken: at once, or later in a storm (watch/pace.h).
  int64_t DueAt() const;
  // The loop: the state was replaced. Whoever stands before `floor` is behind; the level has to be
  // set again.
  void Restart(Revision floor);

  // Digest and count of the whole, once, by whoever made the topic, from a view at `level.revision`
  // >= floor.
  void SetLevel(const Level& level);
  bool levelled() const;

  void Attach(const std::shared_ptr<Waker>& waker);
  size_t subscribers() const;

  enum class Fetch { kNothing, kPage, kBehind };
  // The next page after `cursor`, up to `visible` (Hub::published: a revision that is still being
  // published is not shown, so that all its changes come together).
  Fetch Next(Revision cursor, Revision visible, Page* page);
  // True when nothing has changed after `cursor`; `level` is what the topic shows then. Read
  // Hub::published before.
  bool Quiet(Revision cursor, Level* level) const;
  // What the topic showed at `cursor`. False where the ring does not reach so far, or before
  // SetLevel.
  bool LevelAt(Revision cursor, Level* level) const;
  // Can a subscriber go on from here by the ring alone?
  bool Reaches(Revision cursor) const;
  // The latest pages that were read from the history, so that those who come back together share
  // them.
  bool FindOlder(Revision cursor, Page* page) const;
  void KeepOlder(const OlderPage& older);
  // Is there a change in (after, to]? Also where the ring cannot tell any more.
  bool ChangedIn(Revision after, Revision to) const;
  // When the newest change in (after, to] was published; 0: there is none in the ring.
  int64_t PublishedAt(Revision after, Revision to) const;

 private:
  size_t After(Revision revision) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Scope scope_;
  const core::InstanceFilter filter_;

  mutable Mutex mutex_;
  std::deque<TopicChange> ring_ ABSL_GUARDED_BY(mutex_);
  Revision floor_ ABSL_GUARDED_BY(mutex_);  // the ring has everything after it
  bool levelled_ ABSL_GUARDED_BY(mutex_) = false;
  Level level_ ABSL_GUARDED_BY(mutex_);
  // The last page that was encoded, and the entries that it was made from: (page_from_, page_end_].
  Page page_ ABSL_GUARDED_BY(mutex_);
  Revision page_from_ ABSL_GUARDED_BY(mutex_);
  Revision page_end_ ABSL_GUARDED_BY(mutex_);
  std::deque<OlderPage> older_ ABSL_GUARDED_BY(mutex_);  // the newest last
  std::vector<std::weak_ptr<Waker>> wakers_ ABSL_GUARDED_BY(mutex_);
  size_t sweep_at_ ABSL_GUARDED_BY(mutex_) = 16;
  Pace pace_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace registryd::watch
