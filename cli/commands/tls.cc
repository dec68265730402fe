#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/arguments.h"
#include "cli/certificates/authority.h"
#include "cli/commands/commands.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(The authority is a directory with ca.pem and ca.key. Give ca.pem to everybody; keep ca.key to yourself.

Examples:
  registry-cli tls init --trust-domain example.org
  registry-cli tls issue node a b c --host registry.example.org
  registry-cli tls issue client shop/web
  registryd --tls-ca tls/ca.pem --tls-cert tls/a.pem --tls-key tls/a.key --auth-policy policy.toml
  registry-cli --tls-ca tls/ca.pem --tls-cert tls/shop.web.pem --tls-key tls/shop.web.key lookup shop/web)";

struct Options {
  std::string dir = "tls";
  std::string trust_domain = "registry";
  std::string authority_valid = "87600h";
  std::string valid = "2160h";
  std::vector<std::string> names;
  std::vector<std::string> hosts;
};

ExitCode Init(const Options& options, Session& session) {
  absl::StatusOr<absl::Duration> valid = ParsePositiveDuration(options.authority_valid);
  if (!valid.ok()) return session.console().Usage(WrongFlag("--valid", valid.status()));
  absl::Status made = InitAuthority(options.dir, {options.trust_domain, *valid});
  if (!made.ok()) return session.console().Fail(made);
  return session.console().Print(absl::StrCat(options.dir, "/ca.pem\n", options.dir, "/ca.key\n"));
}

ExitCode Issue(const Options& options, bool node, Session& session) {
  absl::StatusOr<absl::Duration> valid = ParsePositiveDuration(options.valid);
  if (!valid.ok()) return session.console().Usage(WrongFlag("--valid", valid.status()));
  std::string report;
  for (const std::string& name : options.names) {
    IssueRequest request;
    request.server = node;
    request.valid = *valid;
    request.hosts = options.hosts;
    if (node) {
      request.name = name;
      request.path = absl::StrCat("node/", name);
      // What a node is called by on its own machine and in its own network.
      request.hosts.insert(request.hosts.end(), {name, "localhost", "127.0.0.1", "::1"});
    } else {
      request.name = absl::StrReplaceAll(name, {{"/", "."}});
      request.path = name;
    }
    absl::StatusOr<Issued> issued = IssueCertificate(options.dir, request);
    if (!issued.ok()) return session.console().Fail(issued.status());
    absl::StrAppend(
        &report, issued->cert_file, "  ", issued->key_file, "  ", issued->uri, "  until ",
        absl::FormatTime("%Y-%m-%d %H:%M", issued->expires, absl::UTCTimeZone()), "Z\n");
  }
  return session.console().Print(report);
}

}  // namespace

void AddTls(CLI::App& app, Action* action) {
  CLI::App* command =
      app.add_subcommand("tls", "Make a private certificate authority and certificates");
  command->footer(kFooter);
  command->require_subcommand(1);
  auto options = std::make_shared<Options>();
  const auto with_dir = [options](CLI::App* sub) {
    sub->add_option("--dir", options->dir, "Directory of the authority")
        ->type_name("DIR")
        ->capture_default_str();
  };

  CLI::App* init = command->add_subcommand("init", "Make a certificate authority");
  with_dir(init);
  init->add_option("--trust-domain", options->trust_domain,
                   "Begins every identity: spiffe://TRUST_DOMAIN/...")
      ->capture_default_str();
  init->add_option("--valid", options->authority_valid, "How long the authority is good")
      ->type_name("DURATION")
      ->capture_default_str();
  init->callback([options, action] {
    *action = [options](Session& session) { return Init(*options, session); };
  });

  CLI::App* issue = command->add_subcommand("issue", "Issue certificates");
  issue->require_subcommand(1);
  const auto add_kind = [&](const char* kind, const char* what, const char* names, bool node) {
    CLI::App* sub = issue->add_subcommand(kind, what);
    with_dir(sub);
    sub->add_option("names", options->names, names)->required();
    sub->add_option("--host", options->hosts, "A DNS name or IP address that it is good for too")
        ->type_name("HOST");
    sub->add_option("--valid", options->valid, "How long it is good")
        ->type_name("DURATION")
        ->capture_default_str();
    sub->callback([options, node, action] {
      *action = [options, node](Session& session) { return Issue(*options, node, session); };
    });
  };
  add_kind("node", "For nodes: spiffe://TRUST_DOMAIN/node/NAME", "The nodes' names (--name)", true);
  add_kind("client", "For clients: spiffe://TRUST_DOMAIN/PATH",
           "Paths of identities, like shop/web", false);
}

}  // namespace registry::cli
