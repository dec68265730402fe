#include "registryd/server/config.h"

#include <unistd.h>

#include <toml++/toml.h>
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <sstream>

#include "absl/time/time.h"
#include "registryd/base/text.h"
#include "registryd/server/address.h"
#include "registryd/server/version.h"

namespace registryd::server {
namespace {

constexpr char kAbout[] =
    "registryd: a service registry and discovery daemon.\n"
    "Without options it serves on 127.0.0.1:7400 and keeps its data in ./registry-data.";

constexpr char kFooter[] =
    "Every option can be given as a flag, in the environment as REGISTRYD_<NAME> "
    "(REGISTRYD_DATA_DIR), or in the\n"
    "TOML file that --config names (data-dir = \"...\"). A flag is stronger than the environment, "
    "that than the file.\n"
    "\n"
    "Examples:\n"
    "  registryd --data-dir /var/lib/registryd\n"
    "  registryd --listen 127.0.0.1:0 --ready-file /run/registryd.ready\n"
    "  registryd --config /etc/registryd.toml --check-config\n"
    "\n"
    "Then: registry-cli --server 127.0.0.1:7400 status\n"
    "Exit codes: 0 stopped as asked, 1 could not start or had to stop, 2 wrong options.";

// Turns "60s" into milliseconds while CLI11 converts the option.
CLI::Validator DurationMs() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        absl::Duration duration;
        if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration()) {
          return Text("\"", text, "\" is not a duration such as 60s, 500ms or 2m");
        }
        text = Text(absl::ToInt64Milliseconds(duration));
        return {};
      },
      "DURATION");
}

CLI::Validator ListenAddress() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        const auto address = ParseAddress(text);
        return address.ok() ? std::string() : std::string(address.status().message());
      },
      "HOST:PORT");
}

std::string EnvironmentName(std::string flag) {
  for (char& c : flag)
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "REGISTRYD_" + flag;
}

// Gives every key of the file to the option of that name, unless flag or environment has set it.
void ApplyFile(const std::string& path, CLI::App& app) {
  toml::table file;
  try {
    file = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    std::ostringstream where;
    where << error.source().begin;
    throw CLI::ValidationError(
        "--config", Text(path, ": ", std::string(error.description()), " (", where.str(), ")"));
  }
  for (const auto& [key, node] : file) {
    const std::string name(key.str());
    CLI::Option* option = app.get_option_no_throw("--" + name);
    if (option == nullptr || name == "config" || name == "check-config" || name == "help" ||
        name == "version") {
      throw CLI::ValidationError(
          "--config", Text(path, " line ", node.source().begin.line, ": unknown key \"", name,
                           "\"; registryd --help lists the names"));
    }
    if (option->count() != 0) continue;
    std::string text;
    if (const auto* value = node.as_string()) {
      text = value->get();
    } else if (const auto* number = node.as_integer()) {
      text = Text(number->get());
    } else if (const auto* flag = node.as_boolean()) {
      text = flag->get() ? "true" : "false";
    } else {
      throw CLI::ValidationError("--config",
                                 Text(path, " line ", node.source().begin.line, ": \"", name,
                                      "\" must be a text, a number or a boolean"));
    }
    option->add_result(text);
    option->run_callback();
  }
}

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "registryd";
  return name;
}

// Beyond loopback there is no TLS yet to protect what is said, so it has to be asked for.
void CheckExposure(const Config& config) {
  if (config.insecure) return;
  for (const auto& [flag, text] : {std::pair<std::string, std::string>{"--listen", config.listen},
                                   {"--peer-listen", config.peer_listen},
                                   {"--http-listen", config.http_listen}}) {
    if (!ParseAddress(text)->IsLoopback()) {
      throw CLI::ValidationError(
          flag, Text(text,
                     " is reachable from other machines, and there is no TLS: give --insecure if "
                     "that is meant, or listen on 127.0.0.1"));
    }
  }
}

}  // namespace

ConfigResult ReadConfig(int argc, char** argv, Config* config) {
  config->name = HostName();
  std::string file;
  bool check_only = false;
  CLI::App app(kAbout, "registryd");
  app.footer(kFooter);
  app.set_version_flag("--version", Text("registryd ", kVersion));
  const auto add = [&app](const std::string& name, auto& field, const std::string& help) {
    return app.add_option("--" + name, field, help)
        ->envname(EnvironmentName(name))
        ->capture_default_str();
  };
  add("config", file, "TOML file with any of these options")->type_name("FILE");
  add("data-dir", config->data_dir, "Where the data lies; made when absent")->type_name("DIR");
  add("name", config->name, "Name of this node, fixed when the data directory is made");
  add("listen", config->listen, "gRPC address for clients; port 0: any")
      ->transform(ListenAddress());
  add("peer-listen", config->peer_listen, "Address for the other members of a cluster")
      ->transform(ListenAddress());
  add("http-listen", config->http_listen,
      "HTTP address for /metrics, /healthz, /readyz; port 0: any")
      ->transform(ListenAddress());
  add("ready-file", config->ready_file, "Write the addresses there (api=host:port) once it serves")
      ->type_name("FILE");
  app.add_flag("--insecure", config->insecure, "Listen beyond loopback without TLS")
      ->envname("REGISTRYD_INSECURE");
  add("remove-after", config->remove_after_ms,
      "Remove an instance whose lease expired after this time")
      ->default_str("60s")
      ->transform(DurationMs());
  add("disk-reserve", config->disk_reserve_bytes, "Refuse writes when less disk space is free")
      ->default_str("256MiB")
      ->transform(CLI::AsSizeValue(false));
  const std::map<std::string, log::Level> levels{{"debug", log::Level::kDebug},
                                                 {"info", log::Level::kInfo},
                                                 {"warning", log::Level::kWarning},
                                                 {"error", log::Level::kError}};
  const std::map<std::string, log::Format> formats{{"text", log::Format::kText},
                                                   {"json", log::Format::kJson}};
  add("log-level", config->log_level, "debug, info, warning or error")
      ->default_str("info")
      ->transform(CLI::Transformer(levels).description("LEVEL"))
      ->check(CLI::IsMember({0, 1, 2, 3}).description(""));
  add("log-format", config->log_format, "text or json")
      ->default_str("text")
      ->transform(CLI::Transformer(formats).description("FORMAT"))
      ->check(CLI::IsMember({0, 1}).description(""));
  app.add_flag("--check-config", check_only,
               "Read the configuration, say what is wrong, and leave");

  try {
    app.parse(argc, argv);
    if (!file.empty()) ApplyFile(file, app);
    CheckExposure(*config);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? ConfigResult::kExitOk : ConfigResult::kExitUsage;
  }
  if (check_only) {
    std::cout << "The configuration is good.\n";
    return ConfigResult::kExitOk;
  }
  return ConfigResult::kRun;
}

}  // namespace registryd::server
