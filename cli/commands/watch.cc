#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/output/change_lines.h"
#include "cli/output/json.h"
#include "cli/stop_signals.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(Prints what is there, then every change, until it is ended (Ctrl-C) or nobody reads it any more. Goes on
after a reconnect where it was, also on another node.

Examples:
  registry-cli watch web
  registry-cli watch shop/web --selector env=prod --health critical,draining
  registry-cli watch --prefix pay -n shop
  registry-cli watch web -o json | jq -c '.changed[] | {id, health}'
  registry-cli watch web --count 1 -o json)";

constexpr absl::Duration kLookAgain = absl::Milliseconds(100);

struct Options {
  std::string service;
  std::string prefix;
  std::vector<std::string> health;
  std::string selector;
  std::string version_range;
  std::string count;
};

absl::StatusOr<WatchQuery> MakeQuery(const Options& options, const std::string& ns) {
  WatchQuery query;
  query.ns = ns;
  if (!options.service.empty()) {
    if (!options.prefix.empty()) {
      return absl::InvalidArgumentError("SERVICE and --prefix exclude each other: choose one");
    }
    absl::StatusOr<ServiceName> name = ParseServiceName(options.service, ns);
    if (!name.ok()) return name.status();
    query.ns = name->ns;
    query.service = name->service;
  }
  query.prefix = options.prefix;
  absl::StatusOr<std::vector<Health>> health = ParseHealthFilter(options.health);
  if (!health.ok()) return health.status();
  query.health = *std::move(health);
  query.selector = options.selector;
  query.version_range = options.version_range;
  return query;
}

// Tells on standard error when the picture grows old, and when it is the present one again.
class Liveness {
 public:
  void Look(const SubscriptionStatus& status, Console& console) {
    if (status.live == live_) return;
    if (!status.live && status.error.ok()) return;  // not connected yet
    live_ = status.live;
    console.Note(
        live_ ? "connected again"
              : absl::StrCat("not connected; trying again: ", std::string(status.error.message())));
  }

 private:
  bool live_ = true;
};

ExitCode Run(const Options& options, Session& session) {
  const StopSignals signals;
  Console& console = session.console();
  absl::StatusOr<WatchQuery> query = MakeQuery(options, session.ns());
  if (!query.ok()) return console.Usage(query.status());
  uint64_t count = UINT64_MAX;
  if (!options.count.empty()) {
    absl::StatusOr<uint64_t> given = ParseNumber(options.count, 1, UINT64_MAX);
    if (!given.ok()) return console.Usage(WrongFlag("--count", given.status()));
    count = *given;
  }
  absl::StatusOr<ClientOptions> client_options = session.client_options();
  if (!client_options.ok()) return console.Usage(client_options.status());
  absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return console.Usage(client.status());

  std::atomic<bool> over{false};
  uint64_t printed = 0;  // the callback's
  bool first = true;
  SubscriptionOptions subscription_options;
  subscription_options.on_change = [&](const ViewChange& change) {
    if (over) return;
    std::string text;
    if (session.json()) {
      text = ChangeJson(change);
    } else {
      if (first) text = ChangeHeader();
      text += ChangeLines(change);
    }
    first = false;
    printed += change.changed.size() + change.gone.size();
    if (!console.PrintMore(text) || printed >= count) over = true;
  };
  auto subscription = (*client)->Subscribe(*query, subscription_options);
  if (!subscription.ok()) return console.Fail(subscription.status());
  const absl::Status ready = (*subscription)->WaitReady(client_options->timeout);
  if (!ready.ok()) return console.Fail(ready);
  Liveness liveness;
  while (!over && !signals.Wait(kLookAgain)) {
    liveness.Look((*subscription)->status(), console);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddWatch(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("watch", "Print the instances of services, then every change of them");
  command->add_option("service", options->service,
                      "SERVICE or NAMESPACE/SERVICE; without it all of the namespace");
  command->add_option("--prefix", options->prefix, "All services whose names begin so")
      ->type_name("TEXT");
  command
      ->add_option("--selector", options->selector,
                   "Labels as in Kubernetes: env=prod,tier in (a,b),!canary")
      ->type_name("SELECTOR");
  command
      ->add_option("--version-range", options->version_range,
                   "SemVer range: '>=1.2 <2', '1.x', '^1.4.0', '~2.1 || ^3'")
      ->type_name("RANGE");
  command
      ->add_option("--health", options->health,
                   "States wanted, repeated or separated by commas; without it all")
      ->type_name("passing|suspect|critical|draining")
      ->allow_extra_args(false);
  command
      ->add_option("--count", options->count,
                   "End after so many instances, present ones and changes together")
      ->type_name("N");
  command->footer(kFooter);
  command->callback([options, action] {
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
