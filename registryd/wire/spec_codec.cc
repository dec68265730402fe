#include "registryd/wire/spec_codec.h"

#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/grammar.h"
#include "registryd/wire/proto_reader.h"

namespace registryd::wire {

void EndpointsToProto(const std::vector<core::Endpoint>& endpoints, RepeatedEndpoints* out) {
  out->Reserve(static_cast<int>(endpoints.size()));
  for (const core::Endpoint& endpoint : endpoints) {
    internal::v1::Endpoint* to = out->Add();
    to->set_name(std::string(endpoint.name));
    to->set_host(endpoint.host);
    to->set_port(endpoint.port);
    to->set_protocol(std::string(endpoint.protocol));
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

namespace {

bool ReadEndpoint(std::string_view bytes, core::Endpoint* out) {
  Reader reader(bytes);
  while (reader.Next()) {
    switch (reader.tag()) {
      case Tag(1, kLength):
        out->name = reader.Text();
        break;
      case Tag(2, kLength):
        out->host = reader.Text();
        break;
      case Tag(3, kVarint): {
        const uint64_t port = reader.Varint();
        if (port > 65'535) return false;
        out->port = static_cast<uint16_t>(port);
        break;
      }
      case Tag(4, kLength):
        out->protocol = reader.Text();
        break;
      default:
        return false;
    }
  }
  return reader.ok();
}

bool ReadLabel(std::string_view bytes, core::Label* out) {
  Reader reader(bytes);
  while (reader.Next()) {
    switch (reader.tag()) {
      case Tag(1, kLength):
        out->key = reader.Text();
        break;
      case Tag(2, kLength):
        out->value = reader.Text();
        break;
      default:
        return false;
    }
  }
  return reader.ok();
}

// How often a field comes, so that its vector is made once.
size_t Count(std::string_view bytes, uint64_t tag) {
  size_t count = 0;
  for (Reader reader(bytes); reader.Next();) {
    count += reader.tag() == tag ? 1 : 0;
    if ((reader.tag() & 7) == kLength) {
      reader.Bytes();
    } else if ((reader.tag() & 7) == kVarint) {
      reader.Varint();
    } else {
      break;
    }
  }
  return count;
}

}  // namespace

bool ReadSpec(std::string_view bytes, core::InstanceSpec* out) {
  constexpr uint64_t kEndpoint = Tag(2, kLength);
  constexpr uint64_t kLabel = Tag(4, kLength);
  out->endpoints.reserve(Count(bytes, kEndpoint));
  out->labels.reserve(Count(bytes, kLabel));
  out->weight = 0;
  Reader reader(bytes);
  while (reader.Next()) {
    switch (reader.tag()) {
      case Tag(1, kLength): {
        const std::string_view name = reader.Text();
        if (!core::InstanceName::IsJoined(name)) return false;
        out->name = core::InstanceName(std::string(name));
        break;
      }
      case kEndpoint:
        if (!ReadEndpoint(reader.Bytes(), &out->endpoints.emplace_back())) return false;
        break;
      case Tag(3, kLength):
        out->version = reader.Text();
        break;
      case kLabel: {
        core::Label& label = out->labels.emplace_back();
        if (!ReadLabel(reader.Bytes(), &label)) return false;
        const size_t n = out->labels.size();
        if (n > 1 && out->labels[n - 2].key >= label.key) return false;
        break;
      }
      case Tag(5, kLength):
        out->region = reader.Text();
        break;
      case Tag(6, kLength):
        out->zone = reader.Text();
        break;
      case Tag(7, kVarint): {
        const uint64_t weight = reader.Varint();
        if (weight > UINT32_MAX) return false;
        out->weight = static_cast<uint32_t>(weight);
        break;
      }
      default:
        return false;
    }
  }
  return reader.ok() && !out->name.text().empty();
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

absl::StatusOr<core::CheckSpec> CheckFromProto(const internal::v1::Check& check) {
  if (check.kind() > static_cast<uint32_t>(core::CheckKind::kGrpc)) {
    return absl::DataLossError(Text("unknown kind of check ", check.kind()));
  }
  return core::CheckSpec{static_cast<core::CheckKind>(check.kind()),
                         check.endpoint(),
                         check.path(),
                         check.interval_ms(),
                         check.timeout_ms(),
                         check.passes(),
                         check.failures()};
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
  if (spec.has_check()) {
    ASSIGN_OR_RETURN(core::CheckSpec check, CheckFromProto(spec.check()));
    out.check = core::Boxed<core::CheckSpec>(std::move(check));
  }
  return out;
}

}  // namespace registryd::wire
