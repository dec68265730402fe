#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/output/operator_output.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(When more of a service goes silent at once than the guard's share, the rest turns suspect: served last, not
removed. It ends by itself when heartbeats come again, and after the guard's hold (1 h).
release: they are dead, let them go. They turn critical, as if the guard had not been there.

Examples:
  registry-cli guard list
  registry-cli guard list -o json | jq '.services[] | select(.suspect > 0)'
  registry-cli guard release web
  registry-cli guard release --all)";

struct ReleaseOptions {
  std::string service;
  bool all = false;
};

ExitCode List(Session& session) {
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return session.console().Usage(admin.status());
  absl::StatusOr<GuardStatus> status = (*admin)->Guard();
  if (!status.ok()) return session.console().Fail(status.status());
  return session.console().Print(session.json() ? GuardJson(*status) : GuardTable(*status));
}

ExitCode Release(const ReleaseOptions& options, Session& session) {
  Console& console = session.console();
  if (options.all == !options.service.empty()) {
    return console.Usage("name one service, or give --all");
  }
  std::optional<OperatorTarget> target;
  if (!options.all) {
    absl::StatusOr<ServiceName> name = ParseServiceName(options.service, session.ns());
    if (!name.ok()) return console.Usage(name.status());
    target = OperatorTarget{.ns = name->ns, .service = name->service};
  }
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());
  absl::StatusOr<uint64_t> released = (*admin)->ReleaseGuard(target);
  if (!released.ok()) return console.Fail(released.status());
  if (session.json()) return console.Print(ReleasedJson(*released));
  return console.Print(absl::StrCat("released ", *released, " instances\n"));
}

}  // namespace

void AddGuard(CLI::App& app, Action* action) {
  CLI::App* guard = app.add_subcommand("guard", "What the guard holds, and letting it go");
  guard->require_subcommand(1);
  guard->footer(kFooter);
  CLI::App* list = guard->add_subcommand("list", "Show what is held");
  list->callback([action] { *action = List; });
  auto options = std::make_shared<ReleaseOptions>();
  CLI::App* release = guard->add_subcommand("release", "Let go of silent instances");
  release->add_option("service", options->service, "SERVICE or NAMESPACE/SERVICE");
  release->add_flag("--all", options->all, "Of all services");
  release->callback([options, action] {
    *action = [options](Session& session) { return Release(*options, session); };
  });
}

}  // namespace registry::cli
