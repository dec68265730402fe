// What commands and stored records have in common: specs and their parts, between core and
// registryd.internal.v1. Used by command_codec.cc and record_codec.cc only. Errors: DATA_LOSS
// saying what is wrong. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "registryd/core/types.h"
#include "registryd/internal/v1/record.pb.h"
#include "registryd/wire/proto_writer.h"

namespace registryd::wire {

using RepeatedEndpoints = google::protobuf::RepeatedPtrField<internal::v1::Endpoint>;
using RepeatedLabels = google::protobuf::RepeatedPtrField<internal::v1::Label>;

void EndpointsToProto(const std::vector<core::Endpoint>& endpoints, RepeatedEndpoints* out);
void LabelsToProto(const std::vector<core::Label>& labels, RepeatedLabels* out);

// Specs are most of what is logged and stored, so they go the short way (proto_writer.h): the
// fields of internal.v1.Spec. A field that is added there is added to both, and to SpecFromProto.
template <class Sink>
void PutSpec(Sink& sink, const core::InstanceSpec& spec) {
  PutText(sink, 1, spec.name.text());
  for (const core::Endpoint& endpoint : spec.endpoints) {
    PutMessageBy(sink, 2, [&endpoint](auto& to) {
      PutText(to, 1, endpoint.name);
      PutText(to, 2, endpoint.host);
      PutNumber(to, 3, endpoint.port);
      PutText(to, 4, endpoint.protocol);
    });
  }
  PutText(sink, 3, spec.version);
  for (const core::Label& label : spec.labels) {
    PutMessageBy(sink, 4, [&label](auto& to) {
      PutText(to, 1, label.key);
      PutText(to, 2, label.value);
    });
  }
  PutText(sink, 5, spec.region);
  PutText(sink, 6, spec.zone);
  PutNumber(sink, 7, spec.weight);
  if (spec.check.empty()) return;
  PutMessageBy(sink, 20, [&check = *spec.check](auto& to) {
    PutNumber(to, 1, static_cast<uint64_t>(check.kind));
    PutText(to, 2, check.endpoint);
    PutText(to, 3, check.path);
    PutNumber(to, 4, static_cast<uint64_t>(check.interval_ms));
    PutNumber(to, 5, static_cast<uint64_t>(check.timeout_ms));
    PutNumber(to, 6, check.passes);
    PutNumber(to, 7, check.failures);
  });
}
// False: not what PutSpec writes, or not a spec that core could take; SpecFromProto says which.
bool ReadSpec(std::string_view bytes, core::InstanceSpec* out);

absl::StatusOr<core::InstanceName> NameFromProto(const std::string& joined);
absl::StatusOr<core::Report> ReportFromProto(uint32_t report);
absl::StatusOr<std::vector<core::Endpoint>> EndpointsFromProto(const RepeatedEndpoints& endpoints);
absl::StatusOr<std::vector<core::Label>> LabelsFromProto(const RepeatedLabels& labels);
absl::StatusOr<core::CheckSpec> CheckFromProto(const internal::v1::Check& check);
absl::StatusOr<core::InstanceSpec> SpecFromProto(const internal::v1::Spec& spec);

}  // namespace registryd::wire
