#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/output/past_output.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(Turns the instance DRAINING and returns when every live subscriber of its service has acknowledged
that: then no caller that watches sends it anything new, and it can be stopped. Exit code 4 when some
have not within --wait; they are listed, and the instance stays DRAINING.

Examples:
  registry-cli drain web/i-1
  registry-cli drain shop/web/i-1 --wait 30s --message 'deploy 1.4.3' && systemctl stop web)";

struct Options {
  std::string instance;
  std::string wait = "30s";
  std::string message;
  bool force = false;
};

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<InstanceRef> instance = ParseInstanceName(options.instance, session.ns());
  if (!instance.ok()) return console.Usage(instance.status());
  absl::StatusOr<absl::Duration> wait = ParsePositiveDuration(options.wait);
  if (!wait.ok()) return console.Usage(WrongFlag("--wait", wait.status()));
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());

  absl::StatusOr<DrainResult> result =
      (*admin)->Drain(*instance, *wait, options.message, options.force);
  if (!result.ok()) return console.Fail(result.status());
  const ExitCode code = result->drained ? ExitCode::kOk : ExitCode::kUnavailable;
  if (session.json()) return console.Print(DrainJson(*result), code);
  if (result->drained) {
    return console.Print(absl::StrCat(InstanceName(*instance), " is drained: every subscriber has ",
                                      "acknowledged revision ", result->revision, "\n"));
  }
  console.Note(absl::StrCat(InstanceName(*instance), " is DRAINING at revision ", result->revision,
                            ", but not everybody has acknowledged that in ", options.wait));
  if (!result->unreachable_nodes.empty()) {
    console.Note(absl::StrCat("nodes that do not answer for their subscribers: ",
                              absl::StrJoin(result->unreachable_nodes, ", ")));
  }
  if (result->waiting_for.empty()) return code;
  return console.Print(SubscribersTable(result->waiting_for, session.wide()), code);
}

}  // namespace

void AddDrain(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("drain", "Take an instance out, and wait until its callers know");
  command->add_option("instance", options->instance, "SERVICE/ID or NAMESPACE/SERVICE/ID")
      ->required();
  command->add_option("--wait", options->wait, "How long to wait for the subscribers")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("--message", options->message, "Why, for people; up to 256 characters");
  command->add_flag("--force", options->force, "Although the service falls below its min-healthy");
  command->footer(kFooter);
  command->callback([options, action] {
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
