#include "cli/commands/commands.h"
#include "cli/output/json.h"
#include "cli/output/tables.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(The first server that answers is shown. A node without a leader answers too: leader is "none", in JSON null.

Examples:
  registry-cli status
  registry-cli status --server 10.0.0.2:7400 -o wide
  registry-cli status -o json | jq -e '.leader != null')";

ExitCode Run(Session& session) {
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return session.console().Usage(admin.status());
  absl::StatusOr<ClusterStatus> status = (*admin)->Status();
  if (!status.ok()) return session.console().Fail(status.status());
  if (session.json()) return session.console().Print(StatusJson(*status));
  return session.console().Print(StatusTable(*status, {.wide = session.wide()}));
}

}  // namespace

void AddStatus(CLI::App& app, Action* action) {
  CLI::App* command = app.add_subcommand("status", "Show a node, its leader and the members");
  command->footer(kFooter);
  command->callback([action] { *action = Run; });
}

}  // namespace registry::cli
