// A view on disk: what was known last, for a start without the registry.
//
// Written to a file beside it, synced, and renamed over it, so that there is always a whole one:
//
//   bytes 0-7    "RGVIEW1\n"
//   bytes 8-15   XXH64 (seed 0) of all that follows, little endian
//   bytes 16-23  milliseconds since the Unix epoch when it was written
//   bytes 24-31  XXH64 of the query that it answers
//   from 32      registry.v1.Snapshot
//
// Threads: any, one a file. Limit: 1 GiB.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/subscription.h"
#include "registry/view.h"

namespace registry {

struct StoredView {
  ViewPtr view;
  int64_t written_ms = 0;
};

absl::Status WriteViewFile(const std::string& path, const WatchQuery& query, const View& view,
                           int64_t now_ms);

// NOT_FOUND: there is none. DATA_LOSS: it is damaged, or answers another query; it says which file.
absl::StatusOr<StoredView> ReadViewFile(const std::string& path, const WatchQuery& query);

}  // namespace registry
