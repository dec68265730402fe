#include "cli/commands/sidecar_options.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"

namespace registry::cli {

void AddSidecarOptions(CLI::App* command, SidecarArguments* arguments) {
  command->add_option("--ttl", arguments->ttl, "How long our silence is tolerated, 2s to 1h")
      ->type_name("DURATION")
      ->capture_default_str();
  command
      ->add_option("--drain-timeout", arguments->drain_timeout,
                   "How long to wait for the callers' acknowledgements on SIGTERM")
      ->type_name("DURATION")
      ->capture_default_str();
}

absl::StatusOr<Sidecar::Options> ParseSidecarOptions(const SidecarArguments& arguments,
                                                     Session& session) {
  Sidecar::Options options;
  absl::StatusOr<ClientOptions> client = session.client_options();
  if (!client.ok()) return client.status();
  if (const auto servers = session.client(); !servers.ok()) return servers.status();
  options.registrar.client = *std::move(client);
  options.registrar.note = [&console = session.console()](const std::string& text) {
    console.Note(text);
  };
  for (const auto& [flag, text, out] :
       {std::tuple{"--ttl ", &arguments.ttl, &options.registrar.ttl},
        std::tuple{"--drain-timeout ", &arguments.drain_timeout, &options.drain_timeout}}) {
    const auto duration = ParsePositiveDuration(*text);
    if (!duration.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(flag, std::string(duration.status().message())));
    }
    *out = *duration;
  }
  return options;
}

}  // namespace registry::cli
