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
    R"(All that are there leave in one revision. If one was absent, the exit code is 3.

Examples:
  registry-cli deregister web/i-1
  registry-cli deregister web/i-1 web/i-2 shop/cart/c-1
  registry-cli deregister web --id i-1 --reason 'host is gone' --force)";

constexpr size_t kMaxInstances = 1'000;  // of one call; one call is all or nothing

struct Options {
  std::vector<std::string> names;
  std::string id;
  DeregisterOptions how;
  bool id_given = false;
};

absl::StatusOr<std::vector<InstanceRef>> MakeRefs(const Options& options, const std::string& ns) {
  std::vector<InstanceRef> instances;
  if (options.id_given) {
    if (options.names.size() != 1) {
      return absl::InvalidArgumentError("--id needs exactly one service: write SERVICE --id ID");
    }
    absl::StatusOr<ServiceName> service = ParseServiceName(options.names[0], ns);
    if (!service.ok()) return service.status();
    if (options.id.empty() || options.id.find('/') != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("--id \"", options.id, "\" is no id: write the id alone"));
    }
    InstanceRef instance;
    instance.ns = service->ns;
    instance.service = service->service;
    instance.id = options.id;
    return std::vector<InstanceRef>{instance};
  }
  if (options.names.size() > kMaxInstances) {
    return absl::InvalidArgumentError("more than 1,000 instances: divide them into several calls");
  }
  for (const std::string& name : options.names) {
    absl::StatusOr<InstanceRef> instance = ParseInstanceName(name, ns);
    if (!instance.ok()) return instance.status();
    instances.push_back(*std::move(instance));
  }
  return instances;
}

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<std::vector<InstanceRef>> instances = MakeRefs(options, session.ns());
  if (!instances.ok()) return console.Usage(instances.status());
  absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return console.Usage(client.status());

  absl::StatusOr<DeregisterResult> result = (*client)->Deregister(*instances, options.how);
  if (!result.ok()) return console.Fail(result.status());
  ExitCode code = ExitCode::kOk;
  std::string text;
  for (size_t i = 0; i < instances->size(); ++i) {
    const std::string name = InstanceName((*instances)[i]);
    if (i < result->removed.size() && result->removed[i]) {
      absl::StrAppend(&text, "deregistered ", name, "\n");
    } else {
      console.Note(absl::StrCat(name, " is not registered: registry-cli instances shows what is"));
      code = ExitCode::kNotFound;
    }
  }
  return console.Print(session.json() ? DeregisterJson(*instances, *result) : text, code);
}

}  // namespace

void AddDeregister(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("deregister", "Take instances out");
  command
      ->add_option("instance", options->names,
                   "SERVICE/ID or NAMESPACE/SERVICE/ID; with --id the service alone")
      ->required();
  CLI::Option* id = command->add_option("--id", options->id, "The instance's id")->type_name("ID");
  command
      ->add_option("--reason", options->how.reason,
                   "Why, for people; kept in the history, up to 256 characters")
      ->type_name("TEXT");
  command->add_flag("--force", options->how.force,
                    "Although a service falls below its min-healthy; the history says so");
  command->footer(kFooter);
  command->callback([options, id, action] {
    options->id_given = id->count() > 0;
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
