// The history as one reader sees it: pinned at a moment, so that it does not change meanwhile.
//
//   const auto history = store.ReadHistory();
//   if (cursor < history->floor()) ...                                  // no longer kept
//   RETURN_IF_ERROR(history->Forward({"default/web", false}, cursor, [&](const auto& entry) {
//     ...; return true; }));
//
// Every revision after floor() and up to last() has one entry: it holds what that command changed.
// Threads: any; one at a time per reader. Cost: a reader pins its moment, so keep it for one
// answer. An entry of a service is found by an index; a prefix reads every entry of the time. Reads
// may wait for the disk. Errors: DATA_LOSS names the record.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registryd/wire/history_codec.h"

namespace registryd::storage {

// One service ("namespace/service"), or every name that begins so ("" is all).
struct HistoryScope {
  std::string name;
  bool prefix = false;
};

class HistoryReader {
 public:
  ~HistoryReader();

  // The oldest state that can be told is that of revision floor().
  Revision floor() const { return floor_; }
  Revision last() const { return last_; }

  // Calls `take(entry)` for entries of (after, to] that hold changes of the scope, and with those
  // changes only; in order, until it returns false.
  using Take = std::function<bool(wire::HistoryEntry&& entry)>;
  absl::Status Forward(const HistoryScope& scope, Revision after, Revision to, const Take& take);
  // The same from the newest to the oldest.
  absl::Status Backward(const HistoryScope& scope, Revision after, Revision to, const Take& take);

  // The last revision that was there at this time of the state's clock; floor() for an earlier one.
  absl::StatusOr<Revision> At(int64_t time_ms);
  // When that revision was made; 0 where its entry is gone.
  absl::StatusOr<int64_t> TimeOf(Revision revision);
  // Bytes of the entries after `revision`.
  absl::StatusOr<uint64_t> BytesAfter(Revision revision);

 private:
  friend class StateStore;
  struct Impl;
  HistoryReader(std::unique_ptr<Impl> impl, Revision floor, Revision last);
  absl::Status Walk(const HistoryScope& scope, Revision after, Revision to, bool forward,
                    const Take& take);

  std::unique_ptr<Impl> impl_;
  const Revision floor_;
  const Revision last_;
};

}  // namespace registryd::storage
