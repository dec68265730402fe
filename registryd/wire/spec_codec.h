// What commands and stored records have in common: specs and their parts, between core and
// registryd.internal.v1. Used by command_codec.cc and record_codec.cc only. Errors: DATA_LOSS
// saying what is wrong. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "registryd/core/types.h"
#include "registryd/internal/v1/record.pb.h"

namespace registryd::wire {

using RepeatedEndpoints = google::protobuf::RepeatedPtrField<internal::v1::Endpoint>;
using RepeatedLabels = google::protobuf::RepeatedPtrField<internal::v1::Label>;

void EndpointsToProto(const std::vector<core::Endpoint>& endpoints, RepeatedEndpoints* out);
void LabelsToProto(const std::vector<core::Label>& labels, RepeatedLabels* out);
void SpecToProto(const core::InstanceSpec& spec, internal::v1::Spec* out);

absl::StatusOr<core::InstanceName> NameFromProto(const std::string& joined);
absl::StatusOr<core::Report> ReportFromProto(uint32_t report);
absl::StatusOr<std::vector<core::Endpoint>> EndpointsFromProto(const RepeatedEndpoints& endpoints);
absl::StatusOr<std::vector<core::Label>> LabelsFromProto(const RepeatedLabels& labels);
absl::StatusOr<core::InstanceSpec> SpecFromProto(const internal::v1::Spec& spec);

}  // namespace registryd::wire
