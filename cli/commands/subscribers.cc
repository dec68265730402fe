#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/output/past_output.h"

namespace registry::cli {
namespace {

constexpr char kSubscribersFooter[] =
    R"(Those who are the furthest behind stand first. APPLIED is the time from a change to its
acknowledgement, the last one; SLOWEST the longest so far. A star ends a prefix.

Examples:
  registry-cli subscribers web
  registry-cli subscribers shop/web -o json | jq '.subscribers[] | select(.behind > 0)')";
constexpr char kConsumersFooter[] = R"(Examples:
  registry-cli consumers web)";
constexpr char kDependenciesFooter[] = R"(Examples:
  registry-cli dependencies
  registry-cli dependencies checkout)";

using ShowTable = std::function<std::string(const SubscribersResult& result, bool wide)>;

// `service` empty: of all. `client`: only of clients with this id or name.
ExitCode Show(const std::string& service, const std::string& client, const ShowTable& table,
              Session& session) {
  Console& console = session.console();
  ServiceName name;
  if (!service.empty()) {
    absl::StatusOr<ServiceName> parsed = ParseServiceName(service, session.ns());
    if (!parsed.ok()) return console.Usage(parsed.status());
    name = *parsed;
  }
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return console.Usage(admin.status());
  absl::StatusOr<SubscribersResult> result = (*admin)->ListSubscribers(name.ns, name.service);
  if (!result.ok()) return console.Fail(result.status());
  if (!client.empty()) {
    std::erase_if(result->subscribers, [&client](const Subscriber& one) {
      return one.client_id != client && one.client_name != client;
    });
  }
  if (session.json()) return console.Print(SubscribersJson(*result));
  if (!result->unreachable_nodes.empty()) {
    console.Note(absl::StrCat("nodes that do not answer, so their subscribers are missing: ",
                              absl::StrJoin(result->unreachable_nodes, ", ")));
  }
  if (result->subscribers.empty()) {
    console.Note("nobody watches");
    return ExitCode::kOk;
  }
  return console.Print(table(*result, session.wide()));
}

void Add(CLI::App& app, Action* action, const char* command_name, const char* about,
         const char* footer, bool of_service, ShowTable table) {
  auto argument = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(command_name, about);
  if (of_service) {
    command->add_option("service", *argument, "SERVICE or NAMESPACE/SERVICE")->required();
  } else {
    command->add_option("client", *argument, "Only clients with this id or name");
  }
  command->footer(footer);
  command->callback([argument, of_service, table = std::move(table), action] {
    *action = [argument, of_service, table](Session& session) {
      return of_service ? Show(*argument, "", table, session) : Show("", *argument, table, session);
    };
  });
}

}  // namespace

void AddSubscribers(CLI::App& app, Action* action) {
  Add(app, action, "subscribers", "Who watches a service, and how far each has come",
      kSubscribersFooter, true, [](const SubscribersResult& result, bool wide) {
        return SubscribersTable(result.subscribers, wide);
      });
}

void AddConsumers(CLI::App& app, Action* action) {
  Add(app, action, "consumers", "Which clients watch a service", kConsumersFooter, true,
      [](const SubscribersResult& result, bool) { return ConsumersTable(result); });
}

void AddDependencies(CLI::App& app, Action* action) {
  Add(app, action, "dependencies", "Which services each client watches", kDependenciesFooter, false,
      [](const SubscribersResult& result, bool) { return DependenciesTable(result); });
}

}  // namespace registry::cli
