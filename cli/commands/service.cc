#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/output/operator_output.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(min-healthy: what would leave fewer passing instances (deregister, set-health draining, maintenance, drain) is refused
unless it is forced. Silence, failed checks and ended processes are facts and are never refused.

Examples:
  registry-cli service web
  registry-cli service web --min-healthy 3
  registry-cli service web --min-healthy 0)";

struct Options {
  std::string service;
  std::string min_healthy;
};

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<ServiceName> name = ParseServiceName(options.service, session.ns());
  if (!name.ok()) return console.Usage(name.status());
  const OperatorTarget target{.ns = name->ns, .service = name->service};
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());
  absl::StatusOr<ServiceSettings> settings = ServiceSettings{};
  if (options.min_healthy.empty()) {
    settings = (*admin)->GetService(target);
  } else {
    absl::StatusOr<uint64_t> number = ParseNumber(options.min_healthy, 0, 1'000'000);
    if (!number.ok()) return console.Usage(WrongFlag("--min-healthy", number.status()));
    settings = (*admin)->SetMinHealthy(target, static_cast<uint32_t>(*number));
  }
  if (!settings.ok()) return console.Fail(settings.status());
  if (session.json()) return console.Print(ServiceSettingsJson(*settings));
  return console.Print(
      absl::StrCat(TargetText(target), ": min-healthy ", settings->min_healthy, "\n"));
}

}  // namespace

void AddService(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("service", "Show or change a service's settings");
  command->add_option("service", options->service, "SERVICE or NAMESPACE/SERVICE")->required();
  command
      ->add_option("--min-healthy", options->min_healthy,
                   "Refuse to take out by hand below so many passing instances; 0: never refuse")
      ->type_name("NUMBER");
  command->footer(kFooter);
  command->callback([options, action] {
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
