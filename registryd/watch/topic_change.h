// One change of one instance as a topic shows it, and pages made of them: the same whether they
// come from a topic's ring or from the history.
//
//   if (auto shown = Shown(filter, change, revision, time_ms)) ring.push_back(*std::move(shown));
//   Page page = EncodePage(from, ring.begin(), ring.end());
//
// Threads: any.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "registryd/base/ids.h"
#include "registryd/core/filter.h"
#include "registryd/core/registry.h"
#include "registryd/watch/page_codec.h"

namespace registryd::watch {

// Everything of a topic that changed in (from, to], once per instance, as the encoded fields of a
// WatchResponse behind its `subscription`: the same bytes for every subscriber at this cursor.
struct Page {
  Revision to;
  std::shared_ptr<const std::string> bytes;
};

struct TopicChange {
  Revision revision;
  core::InstancePtr instance;  // as it was after the change, or before when it is gone
  bool gone = false;           // left, or no longer matches
  int8_t count_delta = 0;
  uint64_t digest_delta = 0;
  int64_t time_ms = 0;       // when the change was made, by the leader's clock
  int64_t published_ms = 0;  // when this node told of it, by its monotonic clock
};

// Absent: it does not concern the filter.
inline std::optional<TopicChange> Shown(const core::InstanceFilter& filter,
                                        const core::InstanceChange& change, Revision revision,
                                        int64_t time_ms) {
  const bool was = change.before != nullptr && filter.Matches(*change.before);
  const bool is = change.after != nullptr && filter.Matches(*change.after);
  if (!was && !is) return std::nullopt;
  return TopicChange{
      .revision = revision,
      .instance = is ? change.after : change.before,
      .gone = !is,
      .count_delta = static_cast<int8_t>(static_cast<int>(is) - static_cast<int>(was)),
      .digest_delta = (is ? core::InstanceDigest(*change.after) : 0) -
                      (was ? core::InstanceDigest(*change.before) : 0),
      .time_ms = time_ms,
      .published_ms = 0};
}

// The first instances of a page's worth; a revision is never split, so it may be one call's more.
inline constexpr size_t kPageMax = 1'000;

// [first, end) are changes in order, at least one. The page holds whole revisions of them.
template <class Iterator>
Page EncodePage(Revision from, Iterator first, Iterator end) {
  Iterator stop = first;
  while (stop != end && static_cast<size_t>(stop - first) < kPageMax) {
    const Revision revision = stop->revision;
    while (stop != end && stop->revision == revision) ++stop;
  }
  // The last change of an instance is its final state.
  absl::flat_hash_set<std::string_view> seen;
  ChangesEncoder encoder;
  for (Iterator at = stop; at != first;) {
    const TopicChange& change = *--at;
    if (!seen.insert(change.instance->name().text()).second) continue;
    if (change.gone) {
      encoder.AddGone(*change.instance);
    } else {
      encoder.AddChanged(*change.instance);
    }
  }
  const TopicChange& newest = *(stop - 1);
  return {newest.revision, std::make_shared<const std::string>(
                               encoder.Finish(from, newest.revision, newest.time_ms))};
}

}  // namespace registryd::watch
