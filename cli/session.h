// What every command stands on: the global options, the console, and a connection that is made when
// first asked for.
//
//   ExitCode Run(const Options& options, Session& session) {
//     absl::StatusOr<Client*> client = session.client();
//     // --server or --timeout is wrong
//     if (!client.ok()) return session.console().Usage(client.status());
//     ...
//   }
//
// One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/output/console.h"
#include "registry/admin.h"
#include "registry/client.h"

namespace registry::cli {

// As written on the command line.
struct GlobalOptions {
  std::string servers;  // "host:port,host:port"; empty: REGISTRY_SERVER, then 127.0.0.1:7400
  std::string output = "table";
  std::string timeout = "5s";
  std::string ns = "default";
  std::string tls_ca = {};  // empty: REGISTRY_TLS_CA and so on
  std::string tls_cert = {};
  std::string tls_key = {};
  std::string token_file = {};
};

class Session {
 public:
  Session(GlobalOptions options, Console console)
      : options_(std::move(options)), console_(console) {}

  Console& console() { return console_; }
  bool json() const { return options_.output == "json"; }
  bool wide() const { return options_.output == "wide"; }
  const std::string& ns() const { return options_.ns; }

  // InvalidArgument: --server, REGISTRY_SERVER or --timeout is wrong. Nothing connects before the
  // first call.
  absl::StatusOr<Client*> client();
  absl::StatusOr<Admin*> admin();
  // The same options, for what needs a limit of its own.
  absl::StatusOr<ClientOptions> client_options() const;

 private:
  GlobalOptions options_;
  Console console_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Admin> admin_;
};

// What a command does once the whole command line is known to be well-formed.
using Action = std::function<ExitCode(Session&)>;

}  // namespace registry::cli
