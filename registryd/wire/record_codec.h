// Stored records (proto/registryd/internal/v1/record.proto) to core's types and back.
//
//   std::string bytes;
//   EncodeInstanceRecord(*instance, &bytes);                       // the same instance gives the
//   same bytes ASSIGN_OR_RETURN(core::InstancePtr read, DecodeInstanceRecord(bytes));
//
// Errors: DATA_LOSS naming what could not be read; UNIMPLEMENTED for a state record of a format
// that this build does not know. Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "registryd/core/registry.h"

namespace registryd::wire {

inline constexpr uint32_t kStateFormat = 1;  // of everything in the state's store

void EncodeInstanceRecord(const core::Instance& instance, std::string* out);  // replaces *out
absl::StatusOr<core::InstancePtr> DecodeInstanceRecord(std::string_view bytes);

void EncodeLeaseRecord(const core::Lease& lease, std::string* out);
absl::StatusOr<core::Lease> DecodeLeaseRecord(std::string_view bytes);

void EncodeRequestRecord(const core::RequestSlot& slot, std::string* out);
absl::StatusOr<core::RequestSlot> DecodeRequestRecord(uint64_t slot, std::string_view bytes);

void EncodeServiceRecord(const core::ServiceRecord& service, std::string* out);
absl::StatusOr<core::ServiceRecordPtr> DecodeServiceRecord(std::string_view bytes);

// The counters and where in the log they stand.
struct StoredState {
  core::Counters counters;
  LogIndex applied_index;
  Term applied_term;
};
void EncodeStateRecord(const StoredState& state, std::string* out);
absl::StatusOr<StoredState> DecodeStateRecord(std::string_view bytes);

}  // namespace registryd::wire
