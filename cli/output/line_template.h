// The template of `lookup --format`: one line of text for each instance, for shells.
//
//   absl::StatusOr<LineTemplate> line = LineTemplate::Parse("{{id}} {{address:http}}");
//   if (!line.ok()) return session.console().Usage(line.status());
//   std::optional<std::string> text = line->Render(instance);   // "i-1 10.0.0.1:8080"
//
// Fields: namespace, service, id, health, version, zone, region, weight, label:KEY; and of an
// endpoint: host, port, protocol, address (host:port, IPv6 in brackets) and endpoint (its name).
// These five take the first endpoint, or with ":NAME" the one of that name. Everything outside {{
// }} is copied.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/types.h"

namespace registry::cli {

class LineTemplate {
 public:
  // InvalidArgument: an unknown field, or braces that do not close.
  static absl::StatusOr<LineTemplate> Parse(const std::string& text);

  // Nothing where the instance lacks an endpoint that is asked for: a line with a hole would be
  // taken for an address. A label that it lacks is empty. Control characters are written as \xNN,
  // so one instance is one line.
  std::optional<std::string> Render(const Instance& instance) const;

 private:
  struct Piece {
    std::string literal;   // used where `field` is empty
    std::string field;     // "host"
    std::string argument;  // of {{host:http}}: "http"
  };
  std::vector<Piece> pieces_;
};

}  // namespace registry::cli
