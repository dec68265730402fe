#include <memory>
#include <string>

#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/commands/lookup_filters.h"
#include "cli/commands/moment.h"
#include "cli/commands/read_options.h"
#include "cli/output/past_output.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(Takes the filters of lookup, and says of each instance at which step it was kept or dropped, and why it
is as it is. Of an instance that has left it says who took it out.

Examples:
  registry-cli explain web
  registry-cli explain web --instance i-1
  registry-cli explain shop/web --selector env=prod --zone a --limit 2)";

struct Options {
  std::string service;
  std::string instance;
  LookupFilters filters;
  ReadArguments read;
};

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<LookupQuery> query = ParseLookup(options.filters, options.service, session.ns());
  if (!query.ok()) return console.Usage(query.status());
  absl::StatusOr<ReadOptions> read = ParseReadOptions(options.read);
  if (!read.ok()) return console.Usage(read.status());
  query->read = *read;
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());
  absl::StatusOr<ExplainResult> result = (*admin)->Explain(*query, options.instance);
  if (!result.ok()) return console.Fail(result.status());
  const ExitCode code = result->verdicts.empty() ? ExitCode::kNotFound : ExitCode::kOk;
  if (session.json()) return console.Print(ExplainJson(*result), code);
  if (result->verdicts.empty()) {
    console.Note("the service has no instances: registry-cli history says what became of them");
    return code;
  }
  return console.Print(ExplainText(*result, LocalTime), code);
}

}  // namespace

void AddExplain(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("explain", "Why a lookup returns an instance, or does not");
  command->add_option("service", options->service, "SERVICE or NAMESPACE/SERVICE")->required();
  command->add_option("--instance", options->instance, "Only the instance of this id")
      ->type_name("ID");
  AddLookupFilters(command, &options->filters);
  AddReadOptions(command, &options->read);
  command->footer(kFooter);
  command->callback([options, action] {
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
