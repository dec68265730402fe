#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/commands/read_options.h"
#include "cli/output/json.h"
#include "cli/output/tables.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(Its JSON can be registered again: registry-cli instances -o json | registry-cli register -f -

Examples:
  registry-cli instances
  registry-cli instances shop/web -o wide
  registry-cli instances --all-namespaces -o json > backup.json)";

constexpr uint32_t kPageSize = 1'000;  // of one answer; all pages are fetched

struct Options {
  std::string service;
  bool all_namespaces = false;
  ReadArguments read;
};

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  ListInstancesQuery query;
  query.ns = options.all_namespaces ? "" : session.ns();
  if (!options.service.empty()) {
    if (options.all_namespaces) {
      return console.Usage("SERVICE and --all-namespaces exclude each other: choose one");
    }
    absl::StatusOr<ServiceName> name = ParseServiceName(options.service, session.ns());
    if (!name.ok()) return console.Usage(name.status());
    query.ns = name->ns;
    query.service = name->service;
  }
  absl::StatusOr<ReadOptions> read = ParseReadOptions(options.read);
  if (!read.ok()) return console.Usage(read.status());
  query.read = *read;
  query.page_size = kPageSize;
  absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return console.Usage(client.status());

  absl::StatusOr<InstancesPage> page = (*client)->ListInstances(query);
  if (!page.ok()) return console.Fail(page.status());
  if (session.json()) return console.Print(InstancesJson(*page));
  if (page->instances.empty()) {
    console.Note(options.all_namespaces
                     ? std::string("no instances")
                     : absl::StrCat("no instances in ", query.ns, query.service.empty() ? "" : "/",
                                    query.service, ": --all-namespaces shows all there are"));
    return ExitCode::kOk;
  }
  return console.Print(InstanceTable(
      page->instances,
      {.wide = session.wide(), .service = true, .namespaces = options.all_namespaces}));
}

}  // namespace

void AddInstances(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("instances", "List instances of all health states, sorted by name");
  command->add_option("service", options->service,
                      "SERVICE or NAMESPACE/SERVICE; without it those of all services");
  command->add_flag("-A,--all-namespaces", options->all_namespaces, "Of all namespaces");
  AddReadOptions(command, &options->read);
  command->footer(kFooter);
  command->callback([options, action] {
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
