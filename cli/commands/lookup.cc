#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/commands/lookup_filters.h"
#include "cli/commands/moment.h"
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
  registry-cli lookup web --at 14:03
  registry-cli lookup web --consistency linearizable -o json | jq '.revision')";

struct Options {
  std::string service;
  LookupFilters filters;
  std::string at;
  std::string revision;
  std::string format;
  bool format_given = false;
  ReadArguments read;
};

absl::StatusOr<LookupQuery> MakeQuery(const Options& options, const std::string& ns) {
  absl::StatusOr<LookupQuery> query = ParseLookup(options.filters, options.service, ns);
  if (!query.ok()) return query;
  absl::StatusOr<ReadOptions> read = ParseReadOptions(options.read);
  if (!read.ok()) return read.status();
  query->read = *read;
  return query;
}

// Nothing: now.
absl::StatusOr<std::optional<Moment>> ParsePast(const Options& options) {
  if (options.at.empty() && options.revision.empty()) return std::nullopt;
  absl::StatusOr<Moment> moment =
      options.revision.empty() ? ParseMoment(options.at) : ParseRevision(options.revision);
  if (!moment.ok()) {
    return WrongFlag(options.revision.empty() ? "--at" : "--revision", moment.status());
  }
  return *moment;
}

absl::StatusOr<LookupResult> Ask(const LookupQuery& query, const std::optional<Moment>& at,
                                 Session& session) {
  if (!at) {
    absl::StatusOr<Client*> client = session.client();
    if (!client.ok()) return client.status();
    return (*client)->Lookup(query);
  }
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return admin.status();
  absl::StatusOr<PastLookup> past = (*admin)->LookupPast(query, *at);
  if (!past.ok()) return past.status();
  if (!session.json()) {
    session.console().Note(absl::StrCat("as of revision ", past->lookup.info.revision,
                                        past->revision_time_ms == 0 ? "" : ", made at ",
                                        LocalTime(past->revision_time_ms)));
  }
  return past->lookup;
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
  if (!options.at.empty() && !options.revision.empty()) {
    return console.Usage("--at and --revision exclude each other: choose one");
  }
  absl::StatusOr<std::optional<Moment>> at = ParsePast(options);
  if (!at.ok()) return console.Usage(at.status());
  // --server, REGISTRY_SERVER or --timeout
  if (absl::StatusOr<Client*> client = session.client(); !client.ok()) {
    return console.Usage(client.status());
  }
  absl::StatusOr<LookupResult> result = Ask(*query, *at, session);
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
  AddLookupFilters(command, &options->filters);
  command
      ->add_option("--at", options->at,
                   "As it was then: 14:03, 2026-11-24T14:03:20Z, or 10m for ten minutes ago")
      ->type_name("TIME");
  command->add_option("--revision", options->revision, "As it was at this revision")
      ->type_name("N");
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
