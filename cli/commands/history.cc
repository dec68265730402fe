#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/commands/moment.h"
#include "cli/output/past_output.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(The changes stand in their order, the newest last. -o wide adds the evidence.

Examples:
  registry-cli history web
  registry-cli history web --since 1h
  registry-cli history --instance shop/web/i-1 -o wide
  registry-cli history --all-namespaces --limit 20
  registry-cli history web -o json | jq '.changes[] | select(.cause == "lease expired")')";

struct Options {
  std::string service;
  std::string instance;
  std::string since;
  std::string limit = "100";
  bool all_namespaces = false;
};

absl::StatusOr<ChangesQuery> MakeQuery(const Options& options, const std::string& ns) {
  ChangesQuery query;
  query.ns = options.all_namespaces ? "*" : ns;
  if (!options.service.empty()) {
    absl::StatusOr<ServiceName> name = ParseServiceName(options.service, ns);
    if (!name.ok()) return name.status();
    query.ns = name->ns;
    query.service = name->service;
  }
  if (!options.instance.empty()) {
    absl::StatusOr<InstanceRef> name = ParseInstanceName(options.instance, ns);
    if (!name.ok()) return name.status();
    query.ns = name->ns;
    query.service = name->service;
    query.id = name->id;
  }
  if (!options.since.empty()) {
    absl::StatusOr<Moment> since = ParseMoment(options.since);
    if (!since.ok()) return WrongFlag("--since", since.status());
    query.since_ms = since->time_ms;
  }
  absl::StatusOr<uint64_t> limit = ParseNumber(options.limit, 0, 1'000'000);
  if (!limit.ok()) return WrongFlag("--limit", limit.status());
  query.limit = static_cast<uint32_t>(*limit);
  return query;
}

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  if (!options.service.empty() && !options.instance.empty()) {
    return console.Usage("a service and --instance exclude each other: choose one");
  }
  if (options.all_namespaces && (!options.service.empty() || !options.instance.empty())) {
    return console.Usage("--all-namespaces is for all services: leave the name out");
  }
  absl::StatusOr<ChangesQuery> query = MakeQuery(options, session.ns());
  if (!query.ok()) return console.Usage(query.status());
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());
  absl::StatusOr<ChangesResult> result = (*admin)->ListChanges(*query);
  if (!result.ok()) return console.Fail(result.status());
  if (session.json()) return console.Print(ChangesJson(*result));
  if (result->more) console.Note("there are older changes: give a larger --limit, or 0 for all");
  if (result->changes.empty()) {
    console.Note(
        absl::StrCat("no changes; those after revision ", result->oldest_revision, " are kept"));
    return ExitCode::kOk;
  }
  return console.Print(ChangesTable(*result, session.wide(), LocalTime));
}

}  // namespace

void AddHistory(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("history", "What changed, when, by whom and why");
  command->add_option("service", options->service,
                      "SERVICE or NAMESPACE/SERVICE; without it all of the namespace");
  command->add_option("--instance", options->instance, "Of one instance: SERVICE/ID")
      ->type_name("INSTANCE");
  command->add_option("--since", options->since, "1h for the last hour, or a time like 14:03")
      ->type_name("TIME");
  command->add_option("--limit", options->limit, "The newest so many; 0: all that are kept")
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("-A,--all-namespaces", options->all_namespaces, "Of all namespaces");
  command->footer(kFooter);
  command->callback([options, action] {
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
