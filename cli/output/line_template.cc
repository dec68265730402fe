#include "cli/output/line_template.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/output/table.h"

namespace registry::cli {
namespace {

template <size_t kSize>
bool Contains(const std::array<const char*, kSize>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array kPlainFields = {"namespace", "service", "id",     "health",
                                     "version",   "zone",    "region", "weight"};
constexpr std::array kEndpointFields = {"host", "port", "protocol", "address", "endpoint"};

absl::Status CheckField(const std::string& field, bool has_argument) {
  if (Contains(kEndpointFields, field)) return absl::OkStatus();
  if (Contains(kPlainFields, field)) {
    if (!has_argument) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("--format: {{", field, "}} takes no name after a colon: leave it out"));
  }
  if (field == "label") {
    if (has_argument) return absl::OkStatus();
    return absl::InvalidArgumentError("--format: {{label}} names no label: write {{label:KEY}}");
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--format: unknown field {{", field,
      "}}: use namespace, service, id, health, version, zone, region, weight, label:KEY, or host, "
      "port, address, protocol, endpoint, each also with the endpoint's name as {{host:NAME}}"));
}

std::string PlainField(const std::string& field, const Instance& instance) {
  const InstanceSpec& spec = instance.spec;
  if (field == "namespace") return spec.ns;
  if (field == "service") return spec.service;
  if (field == "id") return spec.id;
  if (field == "health") return absl::AsciiStrToLower(ToString(instance.health));
  if (field == "version") return spec.version;
  if (field == "zone") return spec.zone;
  if (field == "region") return spec.region;
  return absl::StrCat(spec.weight);
}

std::optional<std::string> EndpointField(const std::string& field, const std::string& name,
                                         const Instance& instance) {
  const std::vector<Endpoint>& endpoints = instance.spec.endpoints;
  const auto endpoint =
      std::find_if(endpoints.begin(), endpoints.end(),
                   [&name](const Endpoint& one) { return name.empty() || one.name == name; });
  if (endpoint == endpoints.end()) return std::nullopt;
  if (field == "host") return endpoint->host;
  if (field == "port") return absl::StrCat(endpoint->port);
  if (field == "protocol") return endpoint->protocol;
  if (field == "address") return Address(*endpoint);
  return endpoint->name;
}

}  // namespace

absl::StatusOr<LineTemplate> LineTemplate::Parse(const std::string& text) {
  LineTemplate result;
  size_t done = 0;
  while (done < text.size()) {
    const size_t open = text.find("{{", done);
    if (open != done) result.pieces_.push_back({text.substr(done, open - done), "", ""});
    if (open == std::string::npos) break;
    const size_t close = text.find("}}", open);
    if (close == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("--format: \"", text.substr(open), "\" does not close: write {{FIELD}}"));
    }
    Piece piece;
    piece.field = text.substr(open + 2, close - open - 2);
    const size_t colon = piece.field.find(':');
    if (colon != std::string::npos) {
      piece.argument = piece.field.substr(colon + 1);
      piece.field.resize(colon);
    }
    const bool has_argument = colon != std::string::npos;
    if (has_argument && piece.argument.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--format: {{", piece.field, ":}} ends too early: write a name after the colon"));
    }
    if (absl::Status status = CheckField(piece.field, has_argument); !status.ok()) return status;
    result.pieces_.push_back(std::move(piece));
    done = close + 2;
  }
  return result;
}

std::optional<std::string> LineTemplate::Render(const Instance& instance) const {
  std::string line;
  for (const Piece& piece : pieces_) {
    if (piece.field.empty()) {
      line += piece.literal;
    } else if (piece.field == "label") {
      const auto label = instance.spec.labels.find(piece.argument);
      if (label != instance.spec.labels.end()) line += Printable(label->second);
    } else if (Contains(kEndpointFields, piece.field)) {
      const std::optional<std::string> value = EndpointField(piece.field, piece.argument, instance);
      if (!value.has_value()) return std::nullopt;
      line += Printable(*value);
    } else {
      line += Printable(PlainField(piece.field, instance));
    }
  }
  return line;
}

}  // namespace registry::cli
