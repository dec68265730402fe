#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/check_flags.h"
#include "cli/commands/commands.h"
#include "cli/commands/instance_file.h"
#include "cli/output/json.h"
#include "cli/stop_signals.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(Without --keep nobody renews the lease, and the instance turns critical after its ttl: use --keep for
a process in the foreground, --permanent for what shall stay until it is deregistered.

The file of -f is an array of instances, or {"instances": [...]}, with the keys that -o json prints:
  [{"service": "web", "id": "i-1", "endpoints": [{"name": "http", "host": "10.0.0.1", "port": 8080}]}]

Examples:
  registry-cli register web --id i-1 --endpoint http=10.0.0.1:8080 --keep
  registry-cli register shop/web --endpoint http=10.0.0.1:80 --endpoint api/grpc=[2001:db8::1]:81 \
      --label env=prod --version 1.4.2 --zone a --region eu --weight 10 --ttl 10s --keep
  registry-cli register db --id primary --endpoint 10.0.0.5:5432 --permanent --check tcp
  registry-cli register -f instances.json --permanent)";

constexpr uint64_t kMaxWeight = 65'535;

struct Options {
  std::string service;
  std::string id;
  std::vector<std::string> endpoints;
  std::vector<std::string> labels;
  std::string version;
  std::string zone;
  std::string region;
  std::string weight = "1";
  std::string ttl = "6s";
  std::string file;
  CheckFlags check;
  bool permanent = false;
  bool keep = false;
};

absl::StatusOr<std::vector<InstanceSpec>> ReadSpecs(const Options& options, const std::string& ns) {
  absl::StatusOr<std::string> bytes = ReadFile(options.file);
  absl::Status status = bytes.status();
  if (status.ok()) {
    absl::StatusOr<std::vector<InstanceSpec>> specs = ParseInstances(*bytes, ns);
    if (specs.ok()) return specs;
    status = specs.status();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("file ", options.file, ": ", std::string(status.message())));
}

absl::StatusOr<std::vector<InstanceSpec>> MakeSpecs(const Options& options, const std::string& ns) {
  if (!options.file.empty()) return ReadSpecs(options, ns);
  if (options.service.empty()) {
    return absl::InvalidArgumentError("no service given: write SERVICE, or -f FILE");
  }
  InstanceSpec spec;
  absl::StatusOr<ServiceName> name = ParseServiceName(options.service, ns);
  if (!name.ok()) return name.status();
  spec.ns = name->ns;
  spec.service = name->service;
  spec.id = options.id;
  if (options.endpoints.empty()) {
    return absl::InvalidArgumentError("no endpoint given: write --endpoint NAME=HOST:PORT");
  }
  auto endpoints = ParseEndpoints(options.endpoints);
  if (!endpoints.ok()) return endpoints.status();
  spec.endpoints = *std::move(endpoints);
  auto labels = ParseLabels(options.labels);
  if (!labels.ok()) return labels.status();
  spec.labels = *std::move(labels);
  spec.version = options.version;
  spec.zone = options.zone;
  spec.region = options.region;
  absl::StatusOr<uint64_t> weight = ParseNumber(options.weight, 1, kMaxWeight);
  if (!weight.ok()) return WrongFlag("--weight", weight.status());
  spec.weight = static_cast<uint32_t>(*weight);
  absl::StatusOr<std::optional<Check>> check = ParseCheck(options.check);
  if (!check.ok()) return check.status();
  spec.check = *std::move(check);
  return std::vector<InstanceSpec>{spec};
}

std::string RegisteredText(const std::vector<InstanceSpec>& specs, const RegisterResult& result) {
  std::string text;
  for (size_t i = 0; i < specs.size() && i < result.instances.size(); ++i) {
    InstanceSpec spec = specs[i];
    spec.id = result.instances[i].id;
    absl::StrAppend(&text, "registered ", InstanceName(spec), ", incarnation ",
                    result.instances[i].incarnation, "\n");
  }
  return text;
}

ExitCode PrintRegistered(const std::vector<InstanceSpec>& specs, const RegisterResult& result,
                         Session& session) {
  return session.console().Print(session.json() ? RegisterJson(specs, result)
                                                : RegisteredText(specs, result));
}

ExitCode Keep(const std::vector<InstanceSpec>& specs, absl::Duration ttl, Session& session) {
  const StopSignals signals;
  Console& console = session.console();
  absl::StatusOr<ClientOptions> client_options = session.client_options();
  if (!client_options.ok()) return console.Usage(client_options.status());
  absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return console.Usage(client.status());

  RegistrationOptions options;
  options.ttl = ttl;
  options.deregister_timeout = client_options->timeout;
  // Called on another thread, while this one waits for the signal or for the registration to begin.
  options.on_event = [&console](const RegistrationEvent& event) {
    console.Note(absl::StrCat(ToString(event.kind), event.status.ok() ? "" : ": ",
                              std::string(event.status.message())));
  };
  absl::StatusOr<std::unique_ptr<Registration>> registration =
      (*client)->KeepRegistered(specs, options);
  if (!registration.ok()) return console.Fail(registration.status());

  const RegistrationStatus status = (*registration)->status();
  RegisterResult result;
  result.instances = status.instances;
  result.lease = status.lease;
  // A new lease begins a new life, and an incarnation is the revision at which it began.
  for (const RegisteredInstance& instance : status.instances) {
    result.revision = std::max(result.revision, instance.incarnation);
  }
  if (const ExitCode code = PrintRegistered((*registration)->specs(), result, session);
      code != ExitCode::kOk) {
    return code;
  }
  console.Note("renewing until SIGINT, SIGTERM or SIGHUP");
  signals.Wait();
  const absl::Status gone = (*registration)->Deregister();
  if (!gone.ok()) return console.Fail(gone);
  console.Note("deregistered");
  return ExitCode::kOk;
}

ExitCode Run(const Options& options, Session& session) {
  Console& console = session.console();
  absl::StatusOr<absl::Duration> ttl = ParsePositiveDuration(options.ttl);
  if (!ttl.ok()) return console.Usage(WrongFlag("--ttl", ttl.status()));
  absl::StatusOr<std::vector<InstanceSpec>> specs = MakeSpecs(options, session.ns());
  if (!specs.ok()) return console.Usage(specs.status());
  if (options.keep) return Keep(*specs, *ttl, session);

  absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return console.Usage(client.status());
  RegisterOptions register_options;
  register_options.ttl = *ttl;
  register_options.permanent = options.permanent;
  absl::StatusOr<RegisterResult> result = (*client)->Register(*specs, register_options);
  if (!result.ok()) return console.Fail(result.status());
  if (!options.permanent) {
    console.Note(absl::StrCat("nobody renews its lease, which ends after ",
                              absl::FormatDuration(*ttl), ": use --keep or --permanent"));
  }
  return PrintRegistered(*specs, *result, session);
}

// CLI11's own excludes() would write the exclusions into the help of every option.
void RefuseBoth(const CLI::Option* a, const CLI::Option* b) {
  if (a->count() > 0 && b->count() > 0) throw CLI::ExcludesError(a->get_name(), b->get_name());
}

}  // namespace

void AddRegister(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("register", "Make instances known");
  std::vector<CLI::Option*> of_one;  // what describes a single instance, and a file says itself
  of_one.push_back(
      command->add_option("service", options->service, "SERVICE or NAMESPACE/SERVICE"));
  of_one.push_back(
      command->add_option("--id", options->id, "Id; a random one where it is left out"));
  of_one.push_back(command
                       ->add_option("--endpoint", options->endpoints,
                                    "An address as [NAME[/PROTOCOL]=]HOST:PORT; repeatable")
                       ->type_name("ENDPOINT")
                       ->allow_extra_args(false));
  of_one.push_back(command->add_option("--label", options->labels, "A label; repeatable")
                       ->type_name("KEY=VALUE")
                       ->allow_extra_args(false));
  of_one.push_back(
      command->add_option("--version", options->version, "Version of the instance, as SemVer"));
  of_one.push_back(command->add_option("--zone", options->zone, "Zone of the instance"));
  of_one.push_back(command->add_option("--region", options->region, "Region of the instance"));
  of_one.push_back(command->add_option("--weight", options->weight, "Share of traffic, 1 to 65535")
                       ->type_name("N")
                       ->capture_default_str());
  for (CLI::Option* option : AddCheckFlags(command, &options->check)) of_one.push_back(option);
  CLI::Option* file =
      command->add_option("-f,--file", options->file, "Instances as JSON; - for standard input")
          ->type_name("FILE");
  CLI::Option* ttl =
      command->add_option("--ttl", options->ttl, "How long silence is tolerated, 2s to 1h")
          ->type_name("DURATION")
          ->capture_default_str();
  CLI::Option* permanent = command->add_flag("--permanent", options->permanent,
                                             "No lease: they stay until somebody deregisters them");
  CLI::Option* keep = command->add_flag(
      "--keep", options->keep, "Stay in the foreground and renew; deregister on SIGINT or SIGTERM");
  command->footer(kFooter);
  command->callback([=] {
    for (const CLI::Option* option : of_one) RefuseBoth(file, option);
    RefuseBoth(permanent, ttl);
    RefuseBoth(permanent, keep);
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
