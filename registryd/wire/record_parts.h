// Parts of stored records that replies between members carry, too: between core and
// registryd.internal.v1. Used by record_codec.cc, which has them, and reply_codec.cc only. Errors:
// DATA_LOSS saying what is wrong. Threads: any.
#pragma once

#include "absl/status/statusor.h"
#include "registryd/core/service_record.h"
#include "registryd/internal/v1/record.pb.h"

namespace registryd::wire {

void LeaseToProto(const core::Lease& lease, internal::v1::LeaseRecord* out);
core::Lease LeaseFromProto(const internal::v1::LeaseRecord& lease);

void OverrideToProto(const core::Override& o, internal::v1::Override* out);
core::OverridePtr OverrideFromProto(const internal::v1::Override& o);

void ServiceToProto(const core::ServiceRecord& service, internal::v1::ServiceRecord* out);
absl::StatusOr<core::ServiceRecordPtr> ServiceFromProto(const internal::v1::ServiceRecord& service);

}  // namespace registryd::wire
