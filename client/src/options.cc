#include "client/src/options.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/src/channel_credentials.h"

namespace registry {
namespace {

constexpr char kDefaultServer[] = "127.0.0.1:7400";
constexpr char kDefaultPort[] = "7400";
constexpr size_t kServersMax = 16;
constexpr size_t kNameMax = 128;

absl::Status BadServer(const std::string& server, const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("servers: \"", server, "\": ", why,
                                                 "; write host:port, for example 127.0.0.1:7400"));
}

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}

bool IsIpv6Character(char c) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(c)) || c == ':' || c == '.';
}

absl::StatusOr<std::string> NormalizeServer(const std::string& server) {
  if (server.rfind(kDnsScheme, 0) == 0) {
    auto rest = NormalizeServer(server.substr(sizeof(kDnsScheme) - 1));
    if (!rest.ok()) return rest.status();
    return absl::StrCat(kDnsScheme, *rest);
  }
  std::string host = server;
  std::string port = kDefaultPort;
  if (!server.empty() && server[0] == '[') {
    const size_t close = server.find(']');
    if (close == std::string::npos) return BadServer(server, "the bracket is not closed");
    host = server.substr(1, close - 1);
    if (host.find(':') == std::string::npos ||
        !std::all_of(host.begin(), host.end(), IsIpv6Character)) {
      return BadServer(server, "no IPv6 address between the brackets");
    }
    host = absl::StrCat("[", host, "]");
    const std::string rest = server.substr(close + 1);
    if (!rest.empty()) {
      if (rest[0] != ':') return BadServer(server, "a colon must follow the bracket");
      port = rest.substr(1);
    }
  } else {
    if (const size_t colon = server.find(':'); colon != std::string::npos) {
      host = server.substr(0, colon);
      port = server.substr(colon + 1);
      if (port.find(':') != std::string::npos) {
        return BadServer(server, "an IPv6 address needs brackets");
      }
    }
    if (host.empty()) return BadServer(server, "the host is missing");
    if (!std::all_of(host.begin(), host.end(), IsHostCharacter)) {
      return BadServer(server, "not a host name");
    }
  }
  int number = 0;
  if (port.empty() || !std::all_of(port.begin(), port.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(port, &number) || number < 1 || number > 65535) {
    return BadServer(server, "the port must be 1 to 65535");
  }
  return absl::StrCat(host, ":", number);
}

absl::StatusOr<std::vector<std::string>> NormalizeServers(const std::vector<std::string>& given) {
  std::vector<std::string> servers;
  for (const std::string& server : given) {
    auto normalized = NormalizeServer(server);
    if (!normalized.ok()) return normalized.status();
    if (std::find(servers.begin(), servers.end(), *normalized) == servers.end()) {
      servers.push_back(*std::move(normalized));
    }
  }
  if (servers.empty() || servers.size() > kServersMax) {
    return absl::InvalidArgumentError(absl::StrCat("servers: must be 1 to ", kServersMax,
                                                   " different ones, are ", servers.size()));
  }
  return servers;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseServers(const std::string& comma_separated) {
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(comma_separated, ',')) {
    parts.emplace_back(absl::StripAsciiWhitespace(part));
  }
  return NormalizeServers(parts);
}

absl::StatusOr<ClientOptions> CheckOptions(ClientOptions options) {
  absl::StatusOr<std::vector<std::string>> servers;
  if (!options.servers.empty()) {
    servers = NormalizeServers(options.servers);
  } else if (const char* from_environment = std::getenv("REGISTRY_SERVER");
             from_environment != nullptr && *from_environment != '\0') {
    servers = ParseServers(from_environment);
    if (!servers.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("environment variable REGISTRY_SERVER: ", servers.status().message()));
    }
  } else {
    servers = std::vector<std::string>{kDefaultServer};
  }
  if (!servers.ok()) return servers.status();
  options.servers = *std::move(servers);
  for (const auto& [field, variable] :
       {std::pair<std::string*, const char*>{&options.tls_ca, "REGISTRY_TLS_CA"},
        {&options.tls_cert, "REGISTRY_TLS_CERT"},
        {&options.tls_key, "REGISTRY_TLS_KEY"},
        {&options.token_file, "REGISTRY_TOKEN_FILE"}}) {
    const char* value = std::getenv(variable);
    if (field->empty() && value != nullptr) *field = value;
  }
  if (absl::Status status = CheckCredentials(options); !status.ok()) return status;
  if (options.timeout < absl::Milliseconds(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("timeout: must be at least 1ms, is ", absl::FormatDuration(options.timeout)));
  }
  if (options.name.empty() || options.name.size() > kNameMax ||
      !std::all_of(options.name.begin(), options.name.end(), absl::ascii_isprint)) {
    return absl::InvalidArgumentError(
        absl::StrCat("name: must be 1 to ", kNameMax, " printable ASCII characters"));
  }
  if (options.client_id.size() > kNameMax ||
      !std::all_of(options.client_id.begin(), options.client_id.end(), absl::ascii_isprint)) {
    return absl::InvalidArgumentError(
        absl::StrCat("client_id: must be up to ", kNameMax, " printable ASCII characters"));
  }
  return options;
}

}  // namespace registry
