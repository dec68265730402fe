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
    R"(What is not given stays as it is. --label and --endpoint replace all labels and all endpoints.
An empty --version or --zone takes it away.

Examples:
  registry-cli update web/i-1 --weight 20
  registry-cli update web/i-1 --label env=prod --label tier=a
  registry-cli update web/i-1 --clear-labels --endpoint http=10.0.0.9:8080 --version 1.5.0
  registry-cli update web/i-1 --weight 1 --expected-revision 4711)";

constexpr uint64_t kMaxWeight = 65'535;

struct Options {
  std::string instance;
  std::vector<std::string> labels;
  std::vector<std::string> endpoints;
  std::string weight;
  std::string version;
  std::string zone;
  std::string expected_revision;
  bool clear_labels = false;
  bool version_given = false;
  bool zone_given = false;
};

absl::Status Named(const char* option, const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat(option, " ", std::string(status.message())));
}

absl::StatusOr<InstanceUpdate> MakeUpdate(const Options& options, const std::string& ns) {
  InstanceUpdate update;
  absl::StatusOr<InstanceRef> instance = ParseInstanceName(options.instance, ns);
  if (!instance.ok()) return instance.status();
  update.instance = *std::move(instance);
  if (!options.labels.empty() && options.clear_labels) {
    return absl::InvalidArgumentError("--label and --clear-labels exclude each other: choose one");
  }
  if (!options.labels.empty() || options.clear_labels) {
    auto labels = ParseLabels(options.labels);
    if (!labels.ok()) return labels.status();
    update.labels = *std::move(labels);
  }
  if (!options.endpoints.empty()) {
    auto endpoints = ParseEndpoints(options.endpoints);
    if (!endpoints.ok()) return endpoints.status();
    update.endpoints = *std::move(endpoints);
  }
  if (!options.weight.empty()) {
    absl::StatusOr<uint64_t> weight = ParseNumber(options.weight, 1, kMaxWeight);
    if (!weight.ok()) return Named("--weight", weight.status());
    update.weight = static_cast<uint32_t>(*weight);
  }
  if (options.version_given) update.version = options.version;
  if (options.zone_given) update.zone = options.zone;
  if (!update.labels && !update.endpoints && !update.weight && !update.version && !update.zone) {
    return absl::InvalidArgumentError(
        "nothing to change: give --label, --clear-labels, --endpoint, --weight, --version or "
        "--zone");
  }
  if (!options.expected_revision.empty()) {
    absl::StatusOr<uint64_t> revision = ParseNumber(options.expected_revision, 1, UINT64_MAX);
    if (!revision.ok()) return Named("--expected-revision", revision.status());
    update.expected_revision = *revision;
  }
  return update;
}

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<InstanceUpdate> update = MakeUpdate(options, session.ns());
  if (!update.ok()) return console.Usage(update.status());
  absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return console.Usage(client.status());

  absl::StatusOr<ChangeResult> result = (*client)->Update(*update);
  if (!result.ok()) return console.Fail(result.status());
  if (session.json()) return console.Print(ChangeJson(*result));
  return console.Print(absl::StrCat("updated ", InstanceName(update->instance), " at revision ",
                                    result->revision, "\n"));
}

}  // namespace

void AddUpdate(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("update", "Change parts of one instance");
  command->add_option("instance", options->instance, "SERVICE/ID or NAMESPACE/SERVICE/ID")
      ->required();
  command->add_option("--label", options->labels, "A label; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_flag("--clear-labels", options->clear_labels, "Take all labels away");
  command
      ->add_option("--endpoint", options->endpoints,
                   "An address as [NAME[/PROTOCOL]=]HOST:PORT; repeatable")
      ->type_name("ENDPOINT")
      ->allow_extra_args(false);
  command->add_option("--weight", options->weight, "Share of traffic, 1 to 65535")->type_name("N");
  CLI::Option* version =
      command->add_option("--version", options->version, "Version of the instance, as SemVer");
  CLI::Option* zone = command->add_option("--zone", options->zone, "Zone of the instance");
  command
      ->add_option("--expected-revision", options->expected_revision,
                   "Refuse unless this is the instance's changed_revision")
      ->type_name("N");
  command->footer(kFooter);
  command->callback([options, version, zone, action] {
    options->version_given = version->count() > 0;
    options->zone_given = zone->count() > 0;
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
