#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/commands/sidecar_options.h"
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
  SidecarArguments sidecar;
  bool check_only = false;
};

ExitCode Run(const Options& options, Session& session) {
  Signals signals;
  Console& console = session.console();
  const auto read = [file = options.file, ns = session.ns()] { return ReadSidecarFile(file, ns); };
  const auto services = read();
  if (!services.ok()) return console.Usage(services.status());
  absl::StatusOr<Sidecar::Options> sidecar_options = ParseSidecarOptions(options.sidecar, session);
  if (!sidecar_options.ok()) return console.Usage(sidecar_options.status());
  if (options.check_only) {
    std::string text;
    for (const Service& service : *services) {
      absl::StrAppend(&text, service.key(), ": ", ToString(service.check.probe), "\n");
    }
    return console.Print(text);
  }
  sidecar_options->reload = read;
  Sidecar sidecar(*std::move(sidecar_options), &signals, *services);
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
  AddSidecarOptions(command, &options->sidecar);
  command->footer(kFooter);
  command->callback(
      [=] { *action = [options](Session& session) { return Run(*options, session); }; });
}

}  // namespace registry::cli
