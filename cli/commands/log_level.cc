#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"
#include "cli/output/json.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(Of the first server that answers; name one with --server where there are several. It lasts until the node
restarts or is told otherwise.

Examples:
  registry-cli log-level
  registry-cli log-level debug --server 10.0.0.2:7400)";

ExitCode Run(const std::string& level, Session& session) {
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return session.console().Usage(admin.status());
  absl::StatusOr<LogLevel> now = (*admin)->SetLogLevel(level);
  if (!now.ok()) return session.console().Fail(now.status());
  if (session.json()) return session.console().Print(LogLevelJson(*now));
  return session.console().Print(level.empty() ? absl::StrCat(now->node, " logs ", now->level, "\n")
                                               : absl::StrCat(now->node, " logs ", now->level,
                                                              ", before: ", now->before, "\n"));
}

}  // namespace

void AddLogLevel(CLI::App& app, Action* action) {
  auto level = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("log-level", "Show or change what a node logs");
  command->add_option("level", *level, "debug, info, warning or error; left out: only show it");
  command->footer(kFooter);
  command->callback([=] { *action = [level](Session& session) { return Run(*level, session); }; });
}

}  // namespace registry::cli
