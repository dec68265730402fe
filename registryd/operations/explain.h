// Why a lookup returns an instance, or does not: the steps of Select (operations/reads.h) one by
// one.
//
//   ASSIGN_OR_RETURN(std::vector<Verdict> verdicts, Explain(view, query, "i-1", &history));
//
// The decision itself is Select's and InstanceFilter::FirstMiss's, so the two cannot differ; this
// file only words it. Threads: any; it reads the history, so it may wait for the disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/operations/history.h"
#include "registryd/operations/reads.h"

namespace registryd::operations {

struct ExplainStep {
  // "lease", "check", "override", "guard", "health", "selector", "version", "zone", "limit"
  std::string name;
  bool passed = true;
  std::string detail;
};

struct Verdict {
  std::string id;
  core::InstancePtr instance;  // null: not in the registry
  uint32_t position = 0;       // in the answer, from 1; 0: not returned
  std::vector<ExplainStep> steps;
  std::optional<wire::HistoryEntry> last_change;  // absent: not kept, or not to be told
};

// Of one instance, or of all of the service where `id` is empty: the returned ones first, in the
// answer's order. `history` null: nothing of the past is told.
absl::StatusOr<std::vector<Verdict>> Explain(const replica::View& view, const LookupQuery& query,
                                             const std::string& id, const History* history);

}  // namespace registryd::operations
