#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/output/operator_output.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(TARGET is an instance (SERVICE/ID or NAMESPACE/SERVICE/ID), or with --service a whole service (SERVICE or
NAMESPACE/SERVICE). It is taken out of lookups: draining, with the reason maintenance. It is known by name: restarts
and reconnects of the instance do not end it.

Examples:
  registry-cli maintenance on web/i-1 --reason 'kernel update' --for 2h
  registry-cli maintenance on --service shop/cart --reason 'migration' --owner team-cart
  registry-cli maintenance off web/i-1
  registry-cli maintenance list)";

struct Options {
  std::string target;
  bool service = false;
  std::string owner;
  std::string reason;
  std::string duration;
  bool force = false;
};

absl::StatusOr<OperatorTarget> ParseTarget(const Options& options, const std::string& ns) {
  if (options.service) {
    absl::StatusOr<ServiceName> name = ParseServiceName(options.target, ns);
    if (!name.ok()) return name.status();
    return OperatorTarget{.ns = name->ns, .service = name->service};
  }
  absl::StatusOr<InstanceRef> instance = ParseInstanceName(options.target, ns);
  if (!instance.ok()) return instance.status();
  return OperatorTarget{.ns = instance->ns, .service = instance->service, .id = instance->id};
}

ExitCode On(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<OperatorTarget> target = ParseTarget(options, session.ns());
  if (!target.ok()) return console.Usage(target.status());
  MaintenanceOptions set{.owner = options.owner, .reason = options.reason, .force = options.force};
  if (!options.duration.empty()) {
    absl::StatusOr<absl::Duration> duration = ParsePositiveDuration(options.duration);
    if (!duration.ok()) return console.Usage(WrongFlag("--for", duration.status()));
    set.duration = *duration;
  }
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());
  absl::StatusOr<MaintenanceResult> result = (*admin)->SetMaintenance(*target, set);
  if (!result.ok()) return console.Fail(result.status());
  if (session.json()) return console.Print(MaintenanceResultJson(*result));
  return console.Print(absl::StrCat(TargetText(*target), " is in maintenance: ", result->instances,
                                    " instances changed at revision ", result->revision, "\n"));
}

ExitCode Off(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<OperatorTarget> target = ParseTarget(options, session.ns());
  if (!target.ok()) return console.Usage(target.status());
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());
  absl::StatusOr<MaintenanceResult> result = (*admin)->EndMaintenance(*target);
  if (!result.ok()) return console.Fail(result.status());
  if (session.json()) return console.Print(MaintenanceResultJson(*result));
  return console.Print(absl::StrCat("maintenance of ", TargetText(*target),
                                    " has ended: ", result->instances,
                                    " instances changed at revision ", result->revision, "\n"));
}

ExitCode List(const Options& options, Session& session) {
  Console& console = session.console();
  std::string ns;
  std::string service;
  if (!options.target.empty()) {
    absl::StatusOr<ServiceName> name = ParseServiceName(options.target, session.ns());
    if (!name.ok()) return console.Usage(name.status());
    ns = name->ns;
    service = name->service;
  }
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());
  absl::StatusOr<std::vector<Maintenance>> entries = (*admin)->ListMaintenance(ns, service);
  if (!entries.ok()) return console.Fail(entries.status());
  return console.Print(session.json() ? MaintenanceJson(*entries) : MaintenanceTable(*entries));
}

}  // namespace

void AddMaintenance(CLI::App& app, Action* action) {
  CLI::App* maintenance =
      app.add_subcommand("maintenance", "Take instances or services out by hand");
  maintenance->require_subcommand(1);
  maintenance->footer(kFooter);
  auto options = std::make_shared<Options>();

  CLI::App* on = maintenance->add_subcommand("on", "Begin, or change what was said");
  on->add_option("target", options->target, "What to take out")->required();
  on->add_flag("--service", options->service, "The target is a whole service");
  on->add_option("--reason", options->reason, "Why, for people; up to 256 characters");
  on->add_option("--owner", options->owner, "Who is to be asked; default: you");
  on->add_option("--for", options->duration, "End by itself after this time")
      ->type_name("DURATION");
  on->add_flag("--force", options->force, "Also below the service's min-healthy");
  on->callback([options, action] {
    *action = [options](Session& session) { return On(*options, session); };
  });

  CLI::App* off = maintenance->add_subcommand("off", "End");
  off->add_option("target", options->target, "What to put back")->required();
  off->add_flag("--service", options->service, "The target is a whole service");
  off->callback([options, action] {
    *action = [options](Session& session) { return Off(*options, session); };
  });

  CLI::App* list = maintenance->add_subcommand("list", "Show all, or those of a service");
  list->add_option("service", options->target, "SERVICE or NAMESPACE/SERVICE");
  list->callback([options, action] {
    *action = [options](Session& session) { return List(*options, session); };
  });
}

}  // namespace registry::cli
