// The part of the configuration that says who gets in (docs/security.md).
//
//   AddSecurityOptions(app, &config.security);
//   if (absl::Status status = CheckSecurity(config.security, exposures, insecure); !status.ok()) ...
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace registryd::server {

struct SecurityConfig {
  std::string tls_cert;  // PEM
  std::string tls_key;
  std::string tls_ca;
  std::string tls_crl_dir;

  std::string auth_policy;  // TOML; set: whoever calls must be identified
  std::string auth_jwks;    // set: bearer tokens are taken
  std::string auth_issuer;
  std::vector<std::string> auth_audiences;

  std::string audit_log;  // file, or "-" for stdout
  uint64_t audit_log_bytes = 64ull << 20;
  int audit_log_files = 8;

  double calls_per_second = 0;  // of one identity; 0: no limit
  double renewals_per_second = 0;
  size_t connections = 0;  // 0: as many as the process may have files for
  size_t connections_per_address = 0;
  int streams_per_connection = 1'000;
  size_t subscriptions = 100'000;        // of one identity
  uint64_t instances_per_namespace = 0;  // 0: no limit
  uint64_t instances_per_identity = 0;
  bool open_pages = false;  // --http-listen may be reached by others

  bool tls() const { return !tls_cert.empty(); }
  bool authenticates() const { return !auth_policy.empty(); }
};

void AddSecurityOptions(CLI::App& app, SecurityConfig* config);

// An address that the daemon listens on: the flag, the text, and whether others can reach it.
struct Exposure {
  std::string flag;
  std::string address;
  bool loopback = true;
  enum class Door { kClients, kPeers, kPages } door = Door::kClients;
};
// INVALID_ARGUMENT: options that do not go together, or a door that is open to others and not
// secured. `insecure` allows the latter.
absl::Status CheckSecurity(const SecurityConfig& config, const std::vector<Exposure>& exposures,
                           bool insecure);

}  // namespace registryd::server
