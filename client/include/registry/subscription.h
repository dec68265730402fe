// Subscription: a live local picture of a service, or of many.
//
//   registry::WatchQuery query;
//   query.service = "web";
//   auto web = client->Subscribe(query);
//   if (!web.ok()) return web.status();
//   if (absl::Status s = (*web)->WaitReady(absl::Seconds(5)); !s.ok()) return s;
//   for (const registry::InstancePtr& i : (*web)->view()->instances) Use(*i);
//
// All subscriptions of a Client share one stream to one server. A subscription begins with a whole
// picture, then gets every change in order; over a reconnect, also to another server, it goes on
// where it was. Every second or so the registry sends a digest; where it is not that of our own
// picture, the picture is fetched anew by itself. A server that ends the stream because it stops is
// left at once for the next; one that breaks it, or stays silent for 5 s, after a jittered pause of
// 100 ms to 2 s. As long as no server can be reached, the last picture stays and `age` grows.
//
// The registry is told what has been applied: a change counts as applied when the view has it and,
// where there is an `on_change`, that has returned. A drain waits for this.
//
// Threads: methods may be called from any thread. The picture is kept by the Client's one loop
// thread. `on_change` and the files of `cache_file` are served by a second thread of the Client,
// which is made by the first subscription that has either; it runs one callback at a time, without
// locks. A callback that blocks holds up the other callbacks and its own acknowledgement, never a
// view, a renewal or a pick; when it comes back it is told everything in one change.
//
// Limits: 10,000 subscriptions of a Client (the registry's limit of a stream).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry/types.h"
#include "registry/view.h"

namespace registry {

// What to watch: one service, all services of a namespace whose names begin with a prefix, or, with
// neither, the whole namespace. With filters, an instance that leaves the filter is told as gone.
struct WatchQuery {
  std::string ns = "default";
  std::string service = {};
  std::string prefix = {};
  std::vector<Health> health = {};  // empty: all states
  std::string selector = {};        // as LookupQuery
  std::string version_range = {};
};

// What happened since the last call of `on_change`: the latest state of each instance, once.
struct ViewChange {
  ViewPtr view = {};           // the picture with the change in it
  uint64_t from_revision = 0;  // of the picture before; 0: this is the first one
  // The picture was taken anew (the first one, or after a resync). `changed` and `gone` are what is
  // different all the same.
  bool snapshot = false;
  std::string resync_reason = {};  // why, where the registry or this client said so
  std::vector<InstancePtr> changed = {};
  std::vector<InstancePtr> gone = {};  // as they were last known
};

// What an empty picture means when there were instances before.
enum class EmptyPolicy {
  // Believe it when the registry says that it is meant: when it names the last instances as gone,
  // or shows an empty picture of the same cluster that is not older than ours. An empty picture of
  // another cluster (set up anew, restored, or the wrong address) empties nothing: the last
  // instances stay until it shows some. The default.
  kWhenMeant,
  kBelieve,  // always
  kKeep,     // never: the last instances stay until others come
};

struct SubscriptionOptions {
  // Called after the view has the change.
  std::function<void(const ViewChange&)> on_change = {};
  EmptyPolicy empty = EmptyPolicy::kWhenMeant;
  // A file for the last known good view: written when the view has changed (at most once a second,
  // by an atomic replace) and read at the start, so that a process can start with the registry
  // down. Its directory must exist. One file for one subscription. Empty: none.
  std::string cache_file = {};
};

struct SubscriptionStatus {
  // There is a picture: from the registry, or from `cache_file`.
  bool ready = false;
  // The picture is the registry's present one, as far as the network lets one know.
  bool live = false;
  bool from_cache = false;  // the registry has not been heard since the start
  // An empty picture is not believed (EmptyPolicy): the view holds the instances before it.
  bool holding = false;
  uint64_t cluster_id = 0;
  uint64_t revision = 0;
  uint64_t acknowledged = 0;  // the registry has been told that this is applied
  // Since the picture was last known to be the registry's. Of a picture from `cache_file`: by the
  // system's clock, since it was written. Infinite where there is none.
  absl::Duration age = absl::InfiniteDuration();
  uint64_t resyncs = 0;     // pictures fetched anew
  absl::Status error = {};  // why it is not live; OK while it is
  absl::Status cache = {};  // of the last reading or writing of `cache_file`
};

class SubscriptionState;
class Subscriptions;

class Subscription {
 public:
  // When it returns, no callback is running and none will. Must not be called by `on_change`.
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  const WatchQuery& query() const;

  // Never null.
  ViewPtr view() const;

  // OK once there is a picture. DEADLINE_EXCEEDED says what is missing; INVALID_ARGUMENT,
  // PERMISSION_DENIED... when the registry has refused the query.
  absl::Status WaitReady(absl::Duration timeout) const;

  // OK once the picture has at least this revision, so that what this revision did is in the view.
  absl::Status WaitRevision(uint64_t revision, absl::Duration timeout) const;

  SubscriptionStatus status() const;

  // For this library's own parts.
  Subscription(std::shared_ptr<Subscriptions> owner, std::shared_ptr<SubscriptionState> state);
  const std::shared_ptr<SubscriptionState>& state() const { return state_; }

 private:
  std::shared_ptr<Subscriptions> owner_;
  std::shared_ptr<SubscriptionState> state_;
};

}  // namespace registry
