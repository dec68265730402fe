#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/commands/sidecar_options.h"
#include "cli/sidecar/config_file.h"
#include "cli/sidecar/sidecar.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(The process is started at once; its instance is registered when the check passes, or, without --check, when
the port is listened on. It leaves when the process ends, for whatever reason. On SIGTERM the instance drains, until
every caller that watches has acknowledged it, and leaves; then the process gets the signal. Other signals are passed
on, the exit status is the process's: 127 when it cannot be found, 126 when it cannot be run. A registry that is down
does not keep the process from running.

Checks: http:/PATH, http://HOST:PORT/PATH, tcp, tcp://HOST:PORT, grpc, grpc:SERVICE; of localhost and --port where
they name no other.

Examples:
  registry-cli run --service web --port 8080 -- ./web-server --threads 4
  registry-cli run --service shop/web --port 8080 --check http:/health --label env=prod -- ./web-server)";

constexpr int kNotFound = 127;
constexpr int kNotRun = 126;

struct Options {
  ServiceWords service;
  std::vector<std::string> labels;
  InstanceSpec rest;
  std::string weight = "1";
  std::string port;
  SidecarArguments sidecar;
  std::string grace = "10s";
  std::vector<std::string> command;
};

absl::StatusOr<Service> ServiceOf(const Options& options, const std::string& ns) {
  ServiceWords words = options.service;
  InstanceSpec rest = options.rest;
  auto labels = ParseLabels(options.labels);
  if (!labels.ok()) return labels.status();
  rest.labels = *std::move(labels);
  const auto weight = ParseNumber(options.weight, 1, 65'535);
  if (!weight.ok()) return WrongFlag("--weight", weight.status());
  rest.weight = static_cast<uint32_t>(*weight);
  const auto port = ParseNumber(options.port, 1, 65'535);
  if (!port.ok()) return WrongFlag("--port", port.status());
  words.port = static_cast<uint16_t>(*port);
  auto service = MakeService(words, std::move(rest), ns);
  if (service.ok()) service->check.once = words.check.empty();
  return service;
}

ExitCode Run(const Options& options, Session& session) {
  Signals signals;
  Console& console = session.console();
  auto service = ServiceOf(options, session.ns());
  if (!service.ok()) return console.Usage(service.status());
  absl::StatusOr<Sidecar::Options> sidecar_options = ParseSidecarOptions(options.sidecar, session);
  if (!sidecar_options.ok()) return console.Usage(sidecar_options.status());
  const auto grace = ParsePositiveDuration(options.grace);
  if (!grace.ok()) return console.Usage(WrongFlag("--grace", grace.status()));
  sidecar_options->grace = *grace;

  // Before any thread of ours, because it forks.
  auto child = Child::Start(options.command);
  if (!child.ok()) {
    console.Note(std::string(child.status().message()));
    return static_cast<ExitCode>(absl::IsNotFound(child.status()) ? kNotFound : kNotRun);
  }
  Sidecar sidecar(*std::move(sidecar_options), &signals, {*service});
  return static_cast<ExitCode>(sidecar.Run(*std::move(child)));
}

}  // namespace

void AddRun(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("run", "Run a process as an instance that lives as long as it does");
  ServiceWords& service = options->service;
  command->add_option("--service", service.name, "SERVICE or NAMESPACE/SERVICE")->required();
  command->add_option("--port", options->port, "Where the process listens")
      ->type_name("PORT")
      ->required();
  command->add_option("--check", service.check, "When it works; without it: it listens")
      ->type_name("CHECK");
  command->add_option("--interval", service.interval, "Between two checks")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("--check-timeout", service.timeout, "Of one check")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("--id", service.id, "Id of the instance (default HOSTNAME:PORT)");
  command
      ->add_option("--advertise", service.advertise,
                   "Where others find it (default: our address that faces the registry)")
      ->type_name("HOST[:PORT]");
  command->add_option("--endpoint", service.endpoint_name, "Name of the endpoint")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--protocol", service.protocol, "Protocol of the endpoint");
  command->add_option("--label", options->labels, "A label; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--version", options->rest.version, "Version of the instance, as SemVer");
  command->add_option("--zone", options->rest.zone, "Zone of the instance");
  command->add_option("--region", options->rest.region, "Region of the instance");
  command->add_option("--weight", options->weight, "Share of traffic, 1 to 65535")
      ->type_name("N")
      ->capture_default_str();
  AddSidecarOptions(command, &options->sidecar);
  command
      ->add_option("--grace", options->grace, "How long the process may take to stop, then SIGKILL")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("command", options->command, "The process and its arguments, behind --")
      ->required();
  command->footer(kFooter);
  command->callback(
      [=] { *action = [options](Session& session) { return Run(*options, session); }; });
}

}  // namespace registry::cli
