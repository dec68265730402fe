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
    R"(A moment is a revision (4711), a time (14:03, 2026-11-24T14:03:20Z), so long ago (10m), or now.

Examples:
  registry-cli diff web --from 1h
  registry-cli diff web --from 4700 --to 4711
  registry-cli diff shop/web --from 14:00 --to 14:10 -o json)";

struct Options {
  std::string service;
  std::string from;
  std::string to = "now";
};

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<ServiceName> name = ParseServiceName(options.service, session.ns());
  if (!name.ok()) return console.Usage(name.status());
  absl::StatusOr<Moment> from = ParseMomentOrRevision(options.from);
  if (!from.ok()) return console.Usage(WrongFlag("--from", from.status()));
  absl::StatusOr<Moment> to = ParseMomentOrRevision(options.to);
  if (!to.ok()) return console.Usage(WrongFlag("--to", to.status()));
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());
  absl::StatusOr<DiffResult> result = (*admin)->Diff(name->ns, name->service, *from, *to);
  if (!result.ok()) return console.Fail(result.status());
  if (session.json()) return console.Print(DiffJson(*result));
  const std::string range =
      absl::StrCat("revisions ", result->from_revision, " and ", result->to_revision);
  if (result->differences.empty()) {
    console.Note(absl::StrCat("no difference between ", range));
    return ExitCode::kOk;
  }
  console.Note(absl::StrCat("between ", range));
  return console.Print(DiffTable(*result));
}

}  // namespace

void AddDiff(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("diff", "What differs in a service between two moments");
  command->add_option("service", options->service, "SERVICE or NAMESPACE/SERVICE")->required();
  command->add_option("--from", options->from, "The earlier moment")
      ->type_name("MOMENT")
      ->required();
  command->add_option("--to", options->to, "The later moment")
      ->type_name("MOMENT")
      ->capture_default_str();
  command->footer(kFooter);
  command->callback([options, action] {
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
