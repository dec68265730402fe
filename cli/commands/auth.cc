#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/output/operator_output.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(Verbs: register, deregister, update, lease, lookup, watch, drain, override, history, status, operate, member.
Without a service the registry as a whole is meant. Exit code 0: allowed, 1: denied.

Examples:
  registry-cli auth check register shop/web
  registry-cli auth check --as spiffe://example.org/shop/web register payments
  registry-cli auth check --as jwt:alice operate)";

struct Options {
  std::string identity;
  std::string verb;
  std::string service;
};

ExitCode Check(const Options& options, Session& session) {
  Console& console = session.console();
  AccessQuery query{.identity = options.identity, .verb = options.verb};
  if (!options.service.empty()) {
    absl::StatusOr<ServiceName> name = ParseServiceName(options.service, session.ns());
    if (!name.ok()) return console.Usage(name.status());
    query.ns = name->ns;
    query.service = name->service;
  }
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());
  absl::StatusOr<AccessAnswer> answer = (*admin)->CheckAccess(query);
  if (!answer.ok()) return console.Fail(answer.status());
  const ExitCode code = answer->allowed ? ExitCode::kOk : ExitCode::kError;
  if (session.json()) return console.Print(AccessJson(*answer), code);
  return console.Print(absl::StrCat(answer->allowed ? "allowed: " : "denied: ", answer->why, "\n"),
                       code);
}

}  // namespace

void AddAuth(CLI::App& app, Action* action) {
  CLI::App* command = app.add_subcommand("auth", "Ask what the policy allows");
  command->require_subcommand(1);
  command->footer(kFooter);
  CLI::App* check = command->add_subcommand("check", "Would this be allowed, and why?");
  check->footer(kFooter);
  auto options = std::make_shared<Options>();
  check->add_option("--as", options->identity, "Identity to judge; else whoever calls")
      ->type_name("IDENTITY");
  check->add_option("verb", options->verb, "register, lookup, ...")->required();
  check->add_option("service", options->service, "SERVICE or NAMESPACE/SERVICE");
  check->callback([options, action] {
    *action = [options](Session& session) { return Check(*options, session); };
  });
}

}  // namespace registry::cli
