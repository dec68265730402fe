// Everything that answers from the view, the same way for every door: check, authorize, wait until
// the view is as fresh as asked, select.
//
//   reads.Fresh(options, [](absl::StatusOr<ViewPtr> view) { ... });
//   Selection selection = Select(*view->Find("default/web"), query);
//
// A read that asks for nothing special (LOCAL, no revision) is answered on the calling thread at
// once. Threads: any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/core/filter.h"
#include "registryd/operations/access.h"
#include "registryd/replica/replica.h"

namespace registryd::operations {

using ViewPtr = std::shared_ptr<const replica::View>;

struct ReadOptions {
  bool linearizable = false;
  Revision min_revision;
  int64_t max_staleness_ms = 0;  // 0: any
  int64_t timeout_ms = 10'000;   // how long to wait for the revision
  bool special() const { return linearizable || min_revision || max_staleness_ms != 0; }
};

// What every answer says of itself (registry.v1.AnswerInfo).
struct AnswerStamp {
  ClusterId cluster;
  Revision revision;
  int64_t lag_ms = 0;
  bool leader_known = false;
};

// Which instances of a service are wanted.
struct LookupQuery {
  std::string service_name;  // "namespace/service"
  core::InstanceFilter filter;
  uint64_t filter_id = 0;  // from Reads::FilterId; 0: nothing is kept for the next lookup
  std::string zone;        // these first
  uint32_t limit = 0;      // 0: all
  bool plain = false;      // nothing but the service: answered from the encoded bytes
};

struct Selection {
  std::vector<core::InstancePtr>
      instances;       // PASSING first, SUSPECT last; the zone's first within, then by id
  uint32_t total = 0;  // before the limit
};
Selection Select(const replica::ServiceView& service, const LookupQuery& query);

class Reads {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<ViewPtr>) &&>;

  struct Parts {
    replica::Replica* replica = nullptr;
    consensus::Proposer* proposer = nullptr;
    Access* access = nullptr;
    const Clock* clock = nullptr;
  };
  explicit Reads(Parts parts) : parts_(parts) {}

  // May the caller look this service up?
  absl::Status Authorize(const Caller& caller, std::string_view service_name) {
    return parts_.access->Authorize(caller, Verb::kLookup, service_name);
  }
  // What a list may show the caller; null: everything.
  absl::StatusOr<std::shared_ptr<const core::NameSet>> Visible(const Caller& caller) {
    return parts_.access->Visible(caller, Verb::kLookup);
  }
  absl::Status AuthorizeStatus(const Caller& caller) {
    return parts_.access->Authorize(caller, Verb::kStatus, {});
  }
  // A number for filters that choose alike, for LookupQuery::filter_id. It is never that of another
  // filter. Cost: a hash lookup under a lock.
  uint64_t FilterId(const core::InstanceFilter& filter);
  ViewPtr Local() const { return parts_.replica->view(); }
  // The past, as of now. Take a view before: the history has every revision of it.
  absl::StatusOr<std::unique_ptr<storage::HistoryReader>> Past() const {
    return parts_.replica->ReadHistory();
  }
  // A view that is as fresh as the options ask. UNAVAILABLE: no quorum, or staler than allowed;
  // DEADLINE_EXCEEDED: the revision has not come.
  void Fresh(const ReadOptions& options, Done done);
  const Clock& clock() const { return *parts_.clock; }
  AnswerStamp Stamp(const replica::View& view) const;

 private:
  // Beyond this the numbers begin anew with higher ones, and what was kept under the old ones ages
  // out.
  static constexpr size_t kFiltersMax = 10'000;

  const Parts parts_;
  Mutex filters_mutex_;
  absl::flat_hash_map<std::string, uint64_t> filter_ids_ ABSL_GUARDED_BY(filters_mutex_);
  uint64_t last_filter_id_ ABSL_GUARDED_BY(filters_mutex_) = 0;
};

}  // namespace registryd::operations
