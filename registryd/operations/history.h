// The past, the same way for every door: authorize, find the moment, read.
//
//   ASSIGN_OR_RETURN(ChangesPage page, history.List(caller, query));
//   ASSIGN_OR_RETURN(PastService past, history.At(caller, "default/web", {.time_ms = when}));
//   Selection then = Select(*past.service, lookup);
//
// A past picture is the present one with the changes since then undone, so it costs what has
// changed since. Threads: any; reads may wait for the disk. Errors: OUT_OF_RANGE for a moment that
// is not kept or has not come, naming the oldest or newest that is; RESOURCE_EXHAUSTED where too
// much happened since; PERMISSION_DENIED.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "registryd/operations/access.h"
#include "registryd/operations/reads.h"

namespace registryd::operations {

// By revision, or by time where that is 0; neither: now.
struct Moment {
  Revision revision;
  int64_t time_ms = 0;
};

struct ChangesQuery {
  storage::HistoryScope scope;
  std::string id;        // of one instance; empty: all
  int64_t since_ms = 0;  // not older
  Revision before;       // changes before this; 0: from the newest on
  uint32_t page = 1'000;
};
struct ChangesPage {
  ViewPtr view;
  std::vector<wire::HistoryEntry> entries;  // the newest first
  Revision next_before;                     // 0: that was the last page
  Revision floor;                           // changes after this are kept
};

struct PastService {
  ViewPtr view;  // the present that it was made from
  Revision revision;
  int64_t revision_time_ms = 0;                         // 0: not kept
  std::shared_ptr<const replica::ServiceView> service;  // never null; empty where there was none
};

class History {
 public:
  // Entries that one call reads.
  static constexpr size_t kEntriesMax = 100'000;

  History(Reads* reads, Access* access) : reads_(reads), access_(access) {}

  absl::StatusOr<ChangesPage> List(const Caller& caller, const ChangesQuery& query) const;
  absl::StatusOr<PastService> At(const Caller& caller, const std::string& service_name,
                                 const Moment& moment) const;
  // May the caller see what was of this service? Leaves no trace.
  bool MayRead(const Caller& caller, const std::string& service_name) const {
    return access_->Allows(caller, Verb::kHistory, service_name);
  }
  // Nobody is authorized by the two below: ask MayRead before.
  //
  // The change that each of these instances of one service is of, by id, each entry with that one
  // change; those that are not kept are missing. Cost: a read for each revision among them.
  absl::StatusOr<absl::flat_hash_map<std::string, wire::HistoryEntry>> ChangesOf(
      const std::string& service_name, const std::vector<core::InstancePtr>& instances) const;
  // The last change of an instance that has left; absent where it is not kept.
  absl::StatusOr<std::optional<wire::HistoryEntry>> LastChange(
      const core::InstanceName& name) const;

 private:
  Reads* const reads_;
  Access* const access_;
};

}  // namespace registryd::operations
