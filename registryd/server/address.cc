#include "registryd/server/address.h"

#include <charconv>

#include "registryd/base/text.h"

namespace registryd::server {

std::string Address::ToString() const {
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? Text("[", host, "]:", port) : Text(host, ":", port);
}

bool Address::IsLoopback() const {
  return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  const auto bad = [text](std::string_view why) {
    return absl::InvalidArgumentError(
        Text("\"", text, "\" is not host:port (", why, "); for example 127.0.0.1:7400"));
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad("an IPv6 address needs brackets");
  }
  if (host.empty()) return bad("no host");
  Address address{.host = std::string(host), .port = 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size())
    return bad("the port must be 0 to 65535");
  return address;
}

}  // namespace registryd::server
