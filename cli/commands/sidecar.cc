#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/sidecar/config_file.h"
#include "cli/sidecar/sidecar.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(For services that run beside it, in other containers or processes: each is registered when its check passes,
critical while it fails, and out when this ends. All instances hang on one lease. SIGHUP reads FILE again.
deploy/sidecar.toml explains every key:

  [[service]]
  name = "shop/web"
  port = 8080
  check = "http:/health"

Examples:
  registry-cli sidecar --config sidecar.toml --check-config
  registry-cli sidecar --config sidecar.toml --server registry:7400)";

struct Options {
  std::string file;
  std::string ttl = "6s";
  std::string drain_timeout = "5s";
  bool check_only = false;
};

ExitCode Run(const Options& options, Session& session) {
  Signals signals;
  Console& console = session.console();
  const auto read = [file = options.file, ns = session.ns()] { return ReadSidecarFile(file, ns); };
  const auto services = read();
  if (!services.ok()) return console.Usage(services.status());
  absl::StatusOr<ClientOptions> client = session.client_options();
  if (!client.ok()) return console.Usage(client.status());
  if (const auto servers = session.client(); !servers.ok()) return console.Usage(servers.status());
  const auto ttl = ParsePositiveDuration(options.ttl);
  if (!ttl.ok()) return console.Usage(absl::StrCat("--ttl ", std::string(ttl.status().message())));
  const auto drain = ParsePositiveDuration(options.drain_timeout);
  if (!drain.ok()) {
    return console.Usage(absl::StrCat("--drain-timeout ", std::string(drain.status().message())));
  }
  if (options.check_only) {
    std::string text;
    for (const Service& service : *services) {
      absl::StrAppend(&text, service.key(), ": ", ToString(service.check.probe), "\n");
    }
    return console.Print(text);
  }
  Sidecar::Options sidecar_options{.drain_timeout = *drain, .reload = read};
  sidecar_options.registrar = {.client = *std::move(client),
                               .ttl = *ttl,
                               .note = [&console](const std::string& text) { console.Note(text); }};
  Sidecar sidecar(std::move(sidecar_options), &signals, *services);
  return static_cast<ExitCode>(sidecar.Run(nullptr));
}

}  // namespace

void AddSidecar(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("sidecar", "Register services that run beside it, as their checks pass");
  command->add_option("--config", options->file, "The services, as TOML")
      ->type_name("FILE")
      ->required();
  command->add_flag("--check-config", options->check_only, "Read the file, show the checks, leave");
  command->add_option("--ttl", options->ttl, "How long our silence is tolerated, 2s to 1h")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("--drain-timeout", options->drain_timeout, "Limit of draining on SIGTERM")
      ->type_name("DURATION")
      ->capture_default_str();
  command->footer(kFooter);
  command->callback(
      [=] { *action = [options](Session& session) { return Run(*options, session); }; });
}

}  // namespace registry::cli
