#include "registryd/server/security_config.h"

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::server {
namespace {

absl::Status Wrong(std::string_view why) { return absl::InvalidArgumentError(std::string(why)); }

}  // namespace

void AddSecurityOptions(CLI::App& app, SecurityConfig* config) {
  const auto add = [&app](const std::string& name, auto& field, const std::string& help) {
    return app.add_option("--" + name, field, help)->group("Security");
  };
  add("tls-cert", config->tls_cert, "Certificate of this node, PEM; read again when it changes")
      ->type_name("FILE");
  add("tls-key", config->tls_key, "Private key of the certificate, PEM")->type_name("FILE");
  add("tls-ca", config->tls_ca, "Who may sign the certificates of clients and members, PEM")
      ->type_name("FILE");
  add("tls-crl-dir", config->tls_crl_dir, "Directory of hashed CRLs (openssl rehash)")
      ->type_name("DIR");
  add("auth-policy", config->auth_policy,
      "Who may do what, TOML; from then on whoever calls must be identified")
      ->type_name("FILE");
  add("auth-jwks", config->auth_jwks, "Public keys of those who sign bearer tokens, JSON")
      ->type_name("FILE");
  add("auth-issuer", config->auth_issuer, "The issuer (iss) that tokens must have");
  add("auth-audience", config->auth_audiences, "The audiences (aud) that tokens may have")
      ->delimiter(',');
  add("audit-log", config->audit_log,
      "Write who changed what and who was denied there; - is stdout")
      ->type_name("FILE");
  add("audit-log-size", config->audit_log_bytes, "Begin a new file when it is so large")
      ->default_str("64MiB")
      ->transform(CLI::AsSizeValue(false));
  add("audit-log-files", config->audit_log_files, "Keep so many files")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  add("limit-calls", config->calls_per_second, "Calls a second of one identity; 0: no limit")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  add("limit-renewals", config->renewals_per_second,
      "Renewal frames a second of one identity; 0: no limit")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  add("limit-connections", config->connections,
      "Connections of clients; 0: as many as the process may have files for, but 512")
      ->capture_default_str();
  add("limit-address-connections", config->connections_per_address,
      "Connections from one address; 0: no limit")
      ->capture_default_str();
  add("limit-subscriptions", config->subscriptions,
      "Watched scopes of one identity at once; 0: no limit")
      ->capture_default_str();
  add("limit-streams", config->streams_per_connection, "Calls at once on one connection")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  add("limit-namespace-instances", config->instances_per_namespace,
      "Instances in one namespace; 0: no limit")
      ->capture_default_str();
  add("limit-identity-instances", config->instances_per_identity,
      "Instances on the leases of one identity; 0: no limit")
      ->capture_default_str();
  app.add_flag("--http-open", config->open_pages,
               "Others may read the pages of --http-listen, which have no TLS and ask nobody who "
               "they are")
      ->group("Security");
}

absl::Status CheckSecurity(const SecurityConfig& config, const std::vector<Exposure>& exposures,
                           bool insecure) {
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    return Wrong("--tls-cert and --tls-key go together");
  }
  if (!config.tls() && !(config.tls_ca.empty() && config.tls_crl_dir.empty())) {
    return Wrong("--tls-ca and --tls-crl-dir need --tls-cert");
  }
  if (config.auth_jwks.empty() != config.auth_issuer.empty() ||
      config.auth_jwks.empty() != config.auth_audiences.empty()) {
    return Wrong("--auth-jwks, --auth-issuer and --auth-audience go together");
  }
  if (!config.auth_jwks.empty() && !config.authenticates()) {
    return Wrong("--auth-jwks needs --auth-policy: without one everything is allowed to everybody");
  }
  if (config.authenticates() && config.auth_jwks.empty() && config.tls_ca.empty()) {
    return Wrong(
        "--auth-policy needs a way to know who calls: --tls-ca for client certificates or "
        "--auth-jwks for tokens");
  }
  if (insecure) return absl::OkStatus();
  for (const Exposure& exposure : exposures) {
    if (exposure.loopback) continue;
    std::string missing;
    switch (exposure.door) {
      case Exposure::Door::kClients:
        if (!config.tls())
          missing = "TLS (--tls-cert, --tls-key)";
        else if (!config.authenticates())
          missing = "a policy (--auth-policy)";
        break;
      case Exposure::Door::kPeers:
        if (!config.tls() || config.tls_ca.empty()) {
          missing = "mutual TLS (--tls-cert, --tls-key, --tls-ca)";
        }
        break;
      case Exposure::Door::kPages:
        if (!config.open_pages)
          missing = "TLS, which the pages do not have (--http-open allows it)";
        break;
    }
    if (missing.empty()) continue;
    return Wrong(Text(exposure.flag, ": ", exposure.address,
                      " is reachable from other machines without ", missing,
                      ": configure it, listen on 127.0.0.1, or give --insecure if that is meant"));
  }
  return absl::OkStatus();
}

}  // namespace registryd::server
