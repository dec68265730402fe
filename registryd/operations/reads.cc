#include "registryd/operations/reads.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "registryd/base/text.h"

namespace registryd::operations {
namespace {

// SUSPECT goes last among the served; the others follow in the order of the enum.
int Rank(core::Health health) { return static_cast<int>(health); }

}  // namespace

Selection Select(const replica::ServiceView& service, const LookupQuery& query) {
  struct Candidate {
    int health;
    bool elsewhere;
    const core::InstancePtr* instance;
  };
  std::vector<Candidate> candidates;
  service.instances.ForEachLeaf([&](const std::vector<core::InstancePtr>& instances,
                                    const replica::EncodedLeafCache& cache) {
    uint64_t matching = cache.Matching(query.filter_id, query.filter, instances);
    for (; matching != 0; matching &= matching - 1) {
      const core::InstancePtr& instance =
          instances[static_cast<size_t>(std::countr_zero(matching))];
      candidates.push_back({Rank(instance->health()),
                            !query.zone.empty() && instance->spec.zone != query.zone, &instance});
    }
  });
  Selection selection;
  selection.total = static_cast<uint32_t>(candidates.size());
  // Stable, so that the map's order by id is kept within equals.
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) {
                     return std::pair(a.health, a.elsewhere) < std::pair(b.health, b.elsewhere);
                   });
  if (query.limit != 0 && candidates.size() > query.limit) candidates.resize(query.limit);
  selection.instances.reserve(candidates.size());
  for (const Candidate& candidate : candidates) selection.instances.push_back(*candidate.instance);
  return selection;
}

uint64_t Reads::FilterId(const core::InstanceFilter& filter) {
  std::string canonical = filter.Canonical();
  MutexLock lock(filters_mutex_);
  if (filter_ids_.size() >= kFiltersMax) filter_ids_.clear();
  const auto [at, made] = filter_ids_.try_emplace(std::move(canonical), last_filter_id_ + 1);
  if (made) ++last_filter_id_;
  return at->second;
}

AnswerStamp Reads::Stamp(const replica::View& view) const {
  return {view.counters.cluster, view.revision(), parts_.replica->lag_ms(),
          static_cast<bool>(parts_.replica->leadership().leader)};
}

void Reads::Fresh(const ReadOptions& options, Done done) {
  if (options.max_staleness_ms < 0) {
    return std::move(done)(absl::InvalidArgumentError(
        Text("read.max_staleness_ms: must not be negative, is ", options.max_staleness_ms)));
  }
  if (options.max_staleness_ms > 0) {
    if (const int64_t lag = parts_.replica->lag_ms(); lag > options.max_staleness_ms) {
      return std::move(done)(absl::UnavailableError(
          Text("this node was last level with the leader ", lag, " ms ago, more than the ",
               options.max_staleness_ms, " ms asked for; try another node")));
    }
  }
  const int64_t deadline_ms = parts_.clock->MonotonicMs() + options.timeout_ms;
  auto reached_revision = [this, min_revision = options.min_revision, deadline_ms,
                           done = std::move(done)](absl::Status status) mutable {
    if (!status.ok()) return std::move(done)(std::move(status));
    parts_.replica->WaitForRevision(min_revision, deadline_ms,
                                    [this, done = std::move(done)](absl::Status reached) mutable {
                                      if (!reached.ok()) return std::move(done)(std::move(reached));
                                      std::move(done)(parts_.replica->view());
                                    });
  };
  if (!options.linearizable) return reached_revision(absl::OkStatus());
  parts_.proposer->ReadIndex([this, deadline_ms, next = std::move(reached_revision)](
                                 absl::StatusOr<LogIndex> index) mutable {
    if (!index.ok()) return next(index.status());
    parts_.replica->WaitForApplied(*index, deadline_ms, std::move(next));
  });
}

}  // namespace registryd::operations
