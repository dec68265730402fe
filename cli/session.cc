#include "cli/session.h"

#include <utility>

#include "cli/arguments.h"

namespace registry::cli {

absl::StatusOr<ClientOptions> Session::client_options() const {
  ClientOptions result;
  result.name = "registry-cli";
  if (!options_.servers.empty()) {
    absl::StatusOr<std::vector<std::string>> servers = ParseServers(options_.servers);
    if (!servers.ok()) return WrongFlag("--server", servers.status());
    result.servers = *std::move(servers);
  }
  absl::StatusOr<absl::Duration> timeout = ParsePositiveDuration(options_.timeout);
  if (!timeout.ok()) return WrongFlag("--timeout", timeout.status());
  result.timeout = *timeout;
  result.tls_ca = options_.tls_ca;
  result.tls_cert = options_.tls_cert;
  result.tls_key = options_.tls_key;
  result.token_file = options_.token_file;
  return result;
}

absl::StatusOr<Client*> Session::client() {
  if (client_ == nullptr) {
    absl::StatusOr<ClientOptions> options = client_options();
    if (!options.ok()) return options.status();
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(*std::move(options));
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
  }
  return client_.get();
}

absl::StatusOr<Admin*> Session::admin() {
  if (admin_ == nullptr) {
    absl::StatusOr<ClientOptions> options = client_options();
    if (!options.ok()) return options.status();
    absl::StatusOr<std::unique_ptr<Admin>> admin = Admin::Create(*std::move(options));
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
  }
  return admin_.get();
}

}  // namespace registry::cli
