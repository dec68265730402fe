// Watching, the same way for every door: authorize, attach to the hub, decide where to begin.
//
//   auto started = watches.Start(caller, {scope, filter, resume}, waker);
//   started->topic, started->cursor, started->snapshot (a view to be told first) or none,
//   started->resync (why)
//
// Threads: any. Errors: PERMISSION_DENIED, UNAUTHENTICATED.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "registryd/base/check.h"
#include "registryd/base/metrics.h"
#include "registryd/base/mutex.h"
#include "registryd/operations/access.h"
#include "registryd/operations/reads.h"
#include "registryd/operations/shares.h"
#include "registryd/watch/hub.h"

namespace registryd::operations {

struct WatchCursor {
  ClusterId cluster;
  Revision revision;
};

struct WatchQuery {
  watch::Scope scope;
  core::InstanceFilter filter;
  std::optional<WatchCursor> resume;
};

struct StartedWatch {
  std::shared_ptr<watch::Topic> topic;
  Revision cursor;     // changes after this come from the topic
  ViewPtr snapshot;    // set: begin by telling this view
  std::string resync;  // not empty: why the client could not go on
};

class Watches {
 public:
  // `most`: subscriptions of one identity at once; 0: no limit.
  Watches(Reads* reads, watch::Hub* hub, Access* access, size_t most = 0)
      : reads_(reads), hub_(hub), access_(access), shares_(most) {}

  // Held as long as the subscription is. RESOURCE_EXHAUSTED.
  absl::StatusOr<std::shared_ptr<void>> TakeShare(const Caller& caller);

  absl::StatusOr<StartedWatch> Start(const Caller& caller, const WatchQuery& query,
                                     const std::shared_ptr<watch::Waker>& waker);
  // The part of the scope that the caller may watch. PERMISSION_DENIED where that is nothing.
  absl::StatusOr<watch::Scope> Permitted(const Caller& caller, watch::Scope scope);
  // May the caller go on with what it watches since `*epoch`? Not when its token has expired, or
  // when the policy lets it see something else of a scope now. `scopes(f)` calls f with each.
  template <class ForEachScope>
  absl::Status StillPermitted(const Caller& caller, uint64_t* epoch, ForEachScope scopes) {
    RETURN_IF_ERROR(access_->StillIdentified(caller));
    const uint64_t now = access_->epoch();
    if (std::exchange(*epoch, now) == now) return absl::OkStatus();
    absl::Status status;
    scopes([&](const watch::Scope& scope) {
      const auto permitted = Permitted(caller, {scope.name, scope.prefix});
      if (!permitted.ok()) {
        status = permitted.status();
      } else if (permitted->Key() != scope.Key()) {
        status = absl::UnavailableError(
            "what this client may see has changed; watch again from the same revision");
      }
    });
    return status;
  }
  uint64_t access_epoch() const { return access_->epoch(); }
  // For a subscriber that fell out of the ring: the next page as the history tells it, up to
  // `visible`.
  enum class Older {
    kPage,
    kNothing,  // nothing has changed up to page->to, and the subscriber has to be told so
    kGone,     // no longer kept, or too much to look through
  };
  Older NextOlder(watch::Topic& topic, Revision cursor, Revision visible, watch::Page* page);
  // For one whose changes are no longer kept.
  StartedWatch Restart(std::shared_ptr<watch::Topic> topic, std::string reason);

  watch::Hub& hub() { return *hub_; }
  const Clock& clock() const { return reads_->clock(); }
  // A subscriber of this scope has applied a change, so long after it was published here.
  void ObserveApplied(const watch::Scope& scope, int64_t took_ms);

 private:
  Reads* const reads_;
  watch::Hub* const hub_;
  Access* const access_;
  Shares shares_;

  // One histogram a scope, up to kScopesMax of them; the others share one.
  static constexpr size_t kScopesMax = 200;
  Mutex applied_mutex_;
  absl::flat_hash_map<std::string, metrics::Histogram*> applied_ ABSL_GUARDED_BY(applied_mutex_);
};

// The instances of a view that a topic shows, in order of service and id, from (service, id) on,
// until f returns false.
template <class F>
void ForEachMatching(const replica::View& view, const watch::Topic& topic,
                     const std::string& from_service, const std::string& from_id, F f) {
  const watch::Scope& scope = topic.scope();
  view.services.ForEachFrom(std::max(scope.name, from_service), [&](const replica::ServicePtr& s) {
    if (!scope.InRange(s->name)) return false;
    if (!scope.Contains(s->name)) return true;
    bool more = true;
    s->instances.ForEachFrom(s->name == from_service ? from_id : std::string(),
                             [&](const core::InstancePtr& instance) {
                               if (!topic.filter().Matches(*instance)) return true;
                               return more = f(instance);
                             });
    return more;
  });
}

}  // namespace registryd::operations
