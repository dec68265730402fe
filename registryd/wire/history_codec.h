// One revision of the history to bytes and back (proto registryd/internal/v1/record.proto).
//
//   HistoryEncoder encoder;                                     // kept for its memory
//   encoder.Begin(outcome, position);
//   encoder.Add(change, before_bytes, after_bytes);             // InstanceRecords, encoded before
//   const std::string& bytes = encoder.bytes();
//   ASSIGN_OR_RETURN(HistoryEntry entry, DecodeHistoryRecord(bytes, wanted));
//
// Errors: DATA_LOSS. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/core/registry.h"

namespace registryd::wire {

// What one command changed, when, by whom and why.
struct HistoryEntry {
  Revision revision;
  int64_t time_ms = 0;
  std::string actor;
  uint64_t position = 0;  // bytes of history that were written before this entry
  std::vector<core::InstanceChange> changes;
};

class HistoryEncoder {
 public:
  void Begin(const core::Outcome& outcome, uint64_t position);
  // Empty bytes: it was not there before, or is not there after.
  void Add(const core::InstanceChange& change, std::string_view before, std::string_view after);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Only the changes whose name is wanted; null: all. What is not wanted is not decoded.
using WantedName = std::function<bool(std::string_view name)>;
absl::StatusOr<HistoryEntry> DecodeHistoryRecord(std::string_view bytes, const WantedName& wanted);
// "namespace/service", each once.
absl::StatusOr<std::vector<std::string>> ServicesOfHistoryRecord(std::string_view bytes);

}  // namespace registryd::wire
