#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"
#include "cli/commands/read_options.h"
#include "cli/output/json.h"
#include "cli/output/tables.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] = R"(Examples:
  registry-cli services
  registry-cli services --all-namespaces --prefix pay
  registry-cli services -n shop -o json | jq -r '.services[] | select(.passing == 0) | .service')";

constexpr uint32_t kPageSize = 1'000;  // of one answer; all pages are fetched

struct Options {
  std::string prefix;
  bool all_namespaces = false;
  ReadArguments read;
};

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<ReadOptions> read = ParseReadOptions(options.read);
  if (!read.ok()) return console.Usage(read.status());
  absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return console.Usage(client.status());

  ListServicesQuery query;
  query.ns = options.all_namespaces ? "" : session.ns();
  query.prefix = options.prefix;
  query.page_size = kPageSize;
  query.read = *read;
  absl::StatusOr<ServicesPage> page = (*client)->ListServices(query);
  if (!page.ok()) return console.Fail(page.status());
  if (session.json()) return console.Print(ServicesJson(*page));
  if (page->services.empty()) {
    console.Note(options.all_namespaces
                     ? std::string("no services")
                     : absl::StrCat("no services in namespace ", session.ns(),
                                    ": --all-namespaces shows those of the others"));
    return ExitCode::kOk;
  }
  return console.Print(
      ServiceTable(page->services, {.wide = session.wide(), .namespaces = options.all_namespaces}));
}

}  // namespace

void AddServices(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("services", "List services with the numbers of their instances");
  command->add_option("--prefix", options->prefix, "Only services whose name begins so");
  command->add_flag("-A,--all-namespaces", options->all_namespaces, "Of all namespaces");
  AddReadOptions(command, &options->read);
  command->footer(kFooter);
  command->callback([options, action] {
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
