#include "registryd/wire/spec_codec.h"

#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/grammar.h"

namespace registryd::wire {

void EndpointsToProto(const std::vector<core::Endpoint>& endpoints, RepeatedEndpoints* out) {
  out->Reserve(static_cast<int>(endpoints.size()));
  for (const core::Endpoint& endpoint : endpoints) {
    internal::v1::Endpoint* to = out->Add();
    to->set_name(endpoint.name);
    to->set_host(endpoint.host);
    to->set_port(endpoint.port);
    to->set_protocol(endpoint.protocol);
  }
}

void LabelsToProto(const std::vector<core::Label>& labels, RepeatedLabels* out) {
  out->Reserve(static_cast<int>(labels.size()));
  for (const core::Label& label : labels) {
    internal::v1::Label* to = out->Add();
    to->set_key(label.key);
    to->set_value(label.value);
  }
}

void SpecToProto(const core::InstanceSpec& spec, internal::v1::Spec* out) {
  out->set_name(spec.name.text());
  EndpointsToProto(spec.endpoints, out->mutable_endpoints());
  out->set_version(spec.version);
  LabelsToProto(spec.labels, out->mutable_labels());
  out->set_region(spec.region);
  out->set_zone(spec.zone);
  out->set_weight(spec.weight);
}

absl::StatusOr<core::InstanceName> NameFromProto(const std::string& joined) {
  if (!core::InstanceName::IsJoined(joined)) {
    return absl::DataLossError(Text("not namespace/service/id: ", core::Quoted(joined)));
  }
  return core::InstanceName(joined);
}

absl::StatusOr<core::Report> ReportFromProto(uint32_t report) {
  if (report > static_cast<uint32_t>(core::Report::kDraining)) {
    return absl::DataLossError(Text("unknown health report ", report));
  }
  return static_cast<core::Report>(report);
}

absl::StatusOr<std::vector<core::Endpoint>> EndpointsFromProto(const RepeatedEndpoints& endpoints) {
  std::vector<core::Endpoint> out;
  out.reserve(static_cast<size_t>(endpoints.size()));
  for (const internal::v1::Endpoint& endpoint : endpoints) {
    if (endpoint.port() > 65'535) {
      return absl::DataLossError(Text("an endpoint has port ", endpoint.port()));
    }
    out.push_back({endpoint.name(), endpoint.host(), static_cast<uint16_t>(endpoint.port()),
                   endpoint.protocol()});
  }
  return out;
}

absl::StatusOr<std::vector<core::Label>> LabelsFromProto(const RepeatedLabels& labels) {
  std::vector<core::Label> out;
  out.reserve(static_cast<size_t>(labels.size()));
  for (const internal::v1::Label& label : labels) {
    if (!out.empty() && out.back().key >= label.key()) {
      return absl::DataLossError(Text("labels are not sorted at ", core::Quoted(label.key())));
    }
    out.push_back({label.key(), label.value()});
  }
  return out;
}

absl::StatusOr<core::InstanceSpec> SpecFromProto(const internal::v1::Spec& spec) {
  core::InstanceSpec out;
  ASSIGN_OR_RETURN(out.name, NameFromProto(spec.name()));
  ASSIGN_OR_RETURN(out.endpoints, EndpointsFromProto(spec.endpoints()));
  ASSIGN_OR_RETURN(out.labels, LabelsFromProto(spec.labels()));
  out.version = spec.version();
  out.region = spec.region();
  out.zone = spec.zone();
  out.weight = spec.weight();
  return out;
}

}  // namespace registryd::wire
