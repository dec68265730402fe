#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/commands/read_options.h"
#include "cli/output/json.h"
#include "cli/output/line_template.h"
#include "cli/output/tables.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(Finds nothing: exit code 3 (with -o json the object is printed all the same).

Fields of --format: namespace, service, id, health, version, zone, region, weight, label:KEY,
and of the first endpoint, or with :NAME of the one of that name: host, port, address (HOST:PORT,
IPv6 in brackets), protocol, endpoint (its name).

Examples:
  registry-cli lookup web
  registry-cli lookup shop/web --selector 'env=prod,tier in (a,b)' --version-range '^1.4' --zone eu-1
  registry-cli lookup web --format '{{host}}:{{port}}'
  registry-cli lookup web --limit 1 --format 'http://{{address:http}}/'
  registry-cli lookup web --health critical --health draining -o wide
  registry-cli lookup web --consistency linearizable -o json | jq '.revision')";

struct Options {
  std::string service;
  std::vector<std::string> health;
  std::string selector;
  std::string version_range;
  std::string zone;
  std::string limit;
  std::string format;
  bool format_given = false;
  ReadArguments read;
};

absl::StatusOr<LookupQuery> MakeQuery(const Options& options, const std::string& ns) {
  LookupQuery query;
  absl::StatusOr<ServiceName> name = ParseServiceName(options.service, ns);
  if (!name.ok()) return name.status();
  query.ns = name->ns;
  query.service = name->service;
  for (const std::string& text : options.health) {
    const std::vector<std::string> words = absl::StrSplit(text, ',');
    for (const std::string& word : words) {
      absl::StatusOr<Health> health = ParseHealth(word);
      if (!health.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("--health ", std::string(health.status().message())));
      }
      query.health.push_back(*health);
    }
  }
  query.selector = options.selector;
  query.version_range = options.version_range;
  query.zone = options.zone;
  if (!options.limit.empty()) {
    absl::StatusOr<uint64_t> limit = ParseNumber(options.limit, 1, UINT32_MAX);
    if (!limit.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--limit ", std::string(limit.status().message())));
    }
    query.limit = static_cast<uint32_t>(*limit);
  }
  absl::StatusOr<ReadOptions> read = ParseReadOptions(options.read);
  if (!read.ok()) return read.status();
  query.read = *read;
  return query;
}

ExitCode PrintLines(const LineTemplate& line, const LookupResult& result, Session& session) {
  std::string text;
  for (const Instance& instance : result.instances) {
    const std::optional<std::string> rendered = line.Render(instance);
    if (rendered.has_value()) {
      absl::StrAppend(&text, *rendered, "\n");
    } else {
      session.console().Note(absl::StrCat(InstanceName(instance.spec),
                                          " is left out: it has no endpoint of the name that "
                                          "--format asks for"));
    }
  }
  return session.console().Print(text, text.empty() ? ExitCode::kNotFound : ExitCode::kOk);
}

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<LookupQuery> query = MakeQuery(options, session.ns());
  if (!query.ok()) return console.Usage(query.status());
  absl::StatusOr<LineTemplate> line = LineTemplate::Parse(options.format);
  if (!line.ok()) return console.Usage(line.status());
  if (options.format_given && session.json()) {
    return console.Usage("--format and -o json exclude each other: choose one");
  }
  if (options.format_given && options.format.empty()) {
    return console.Usage("--format is empty: write something like '{{host}}:{{port}}'");
  }
  absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return console.Usage(client.status());

  absl::StatusOr<LookupResult> result = (*client)->Lookup(*query);
  if (!result.ok()) return console.Fail(result.status());
  const ExitCode code = result->instances.empty() ? ExitCode::kNotFound : ExitCode::kOk;
  if (session.json()) return console.Print(LookupJson(*query, *result), code);
  if (!result->info.leader_known) {
    console.Note("the node that answered knows no leader: the answer may be old");
  }
  if (result->instances.empty()) {
    console.Note(absl::StrCat(query->ns, "/", query->service,
                              " has no instance that matches: registry-cli instances ", query->ns,
                              "/", query->service, " shows all of its instances"));
    return code;
  }
  if (options.format_given) return PrintLines(*line, *result, session);
  return console.Print(InstanceTable(result->instances, {.wide = session.wide()}));
}

}  // namespace

void AddLookup(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("lookup", "Find the instances of a service that can be used now");
  command->add_option("service", options->service, "SERVICE or NAMESPACE/SERVICE")->required();
  command
      ->add_option("--selector", options->selector,
                   "Labels as in Kubernetes: env=prod,tier in (a,b),!canary")
      ->type_name("SELECTOR");
  command
      ->add_option("--version-range", options->version_range,
                   "SemVer range: '>=1.2 <2', '1.x', '^1.4.0', '~2.1 || ^3'")
      ->type_name("RANGE");
  command->add_option("--zone", options->zone, "Instances of this zone first")->type_name("ZONE");
  command
      ->add_option("--health", options->health,
                   "States wanted, repeated or separated by commas; without it passing and suspect")
      ->type_name("passing|suspect|critical|draining")
      ->allow_extra_args(false);
  command->add_option("--limit", options->limit, "At most so many")->type_name("N");
  CLI::Option* format =
      command->add_option("--format", options->format, "One line for each instance")
          ->type_name("TEMPLATE");
  AddReadOptions(command, &options->read);
  command->footer(kFooter);
  command->callback([options, format, action] {
    options->format_given = format->count() > 0;
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
