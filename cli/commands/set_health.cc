#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/output/json.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(passing: it can serve. critical: it cannot. draining: it finishes its work and takes no more.

Examples:
  registry-cli set-health web/i-1 draining --message 'deploy 1.4.3'
  registry-cli set-health shop/web/i-1 passing)";

struct Options {
  std::string instance;
  std::string health;
  std::string message;
  bool force = false;
};

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<InstanceRef> instance = ParseInstanceName(options.instance, session.ns());
  if (!instance.ok()) return console.Usage(instance.status());
  absl::StatusOr<Health> health = ParseHealth(options.health);
  if (!health.ok()) return console.Usage(health.status());
  absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return console.Usage(client.status());

  absl::StatusOr<ChangeResult> result =
      (*client)->SetHealth(*instance, *health, options.message, options.force);
  if (!result.ok()) return console.Fail(result.status());
  if (session.json()) return console.Print(ChangeJson(*result));
  // The lease has the last word: an instance whose lease ran out stays critical.
  return console.Print(absl::StrCat(InstanceName(*instance), " is ",
                                    HealthWord(result->instance.health), " at revision ",
                                    result->revision, "\n"));
}

}  // namespace

void AddSetHealth(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("set-health", "Say whether an instance can serve");
  command->add_option("instance", options->instance, "SERVICE/ID or NAMESPACE/SERVICE/ID")
      ->required();
  command->add_option("health", options->health, "What to say of it")
      ->check(CLI::IsMember(std::vector<std::string>{"passing", "critical", "draining"}))
      ->required();
  command->add_option("--message", options->message, "Why, for people; up to 256 characters");
  command->add_flag("--force", options->force,
                    "Draining although the service falls below its min-healthy");
  command->footer(kFooter);
  command->callback([options, action] {
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
