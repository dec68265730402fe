#include "registryd/server/config.h"

#include <unistd.h>

#include <toml++/toml.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <map>
#include <sstream>

#include "absl/time/time.h"
#include "registryd/base/text.h"
#include "registryd/server/address.h"
#include "registryd/server/cluster_setup.h"
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
    "  registryd --name a --initial-cluster "
    "a=10.0.0.1:7401,b=10.0.0.2:7401,c=10.0.0.3:7401 \\\n"
    "      --listen 10.0.0.1:7400 --peer-listen 10.0.0.1:7401 --insecure\n"
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

// "1/3", "0.25" or "1": more than 0, at most 1.
bool ParseShare(const std::string& text, core::GuardRule* rule) {
  constexpr uint32_t kMost = 1'000'000;
  const auto number = [](std::string_view digits, uint32_t* out) {
    const char* const end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, *out);
    return error == std::errc() && at == end && *out <= kMost;
  };
  uint32_t num = 0;
  uint32_t den = 1;
  if (const size_t slash = text.find('/'); slash != std::string::npos) {
    if (!number(std::string_view(text).substr(0, slash), &num)) return false;
    if (!number(std::string_view(text).substr(slash + 1), &den)) return false;
  } else {
    const size_t dot = std::min(text.find('.'), text.size());
    const std::string_view fraction = std::string_view(text).substr(std::min(dot + 1, text.size()));
    if (fraction.size() > 6) return false;
    for (size_t i = 0; i < fraction.size(); ++i) den *= 10;
    if (!number(text.substr(0, dot) + std::string(fraction), &num)) return false;
  }
  if (num == 0 || num > den) return false;
  rule->share_num = num;
  rule->share_den = den;
  return true;
}

std::string EnvironmentName(std::string flag) {
  for (char& c : flag)
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "REGISTRYD_" + flag;
}

// Flags that neither the environment nor a file can set.
bool OnlyFlag(const std::string& name) {
  return name == "help" || name == "version" || name == "check-config";
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
    if (option == nullptr || name == "config" || OnlyFlag(name)) {
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

void CheckExposure(const Config& config) {
  const auto door = [](const char* flag, const std::string& text, Exposure::Door which) {
    return Exposure{flag, text, ParseAddress(text)->IsLoopback(), which};
  };
  const absl::Status secured =
      CheckSecurity(config.security,
                    {door("--listen", config.listen, Exposure::Door::kClients),
                     door("--peer-listen", config.peer_listen, Exposure::Door::kPeers),
                     door("--http-listen", config.http_listen, Exposure::Door::kPages)},
                    config.insecure);
  if (!secured.ok()) throw CLI::ValidationError(std::string(secured.message()));
}

void CheckCluster(const Config& config) {
  if (absl::Status name = CheckNodeName(config.name); !name.ok()) {
    throw CLI::ValidationError("--name", std::string(name.message()));
  }
  if (config.heartbeat_ms < 1 || config.election_timeout_ms < 4 * config.heartbeat_ms ||
      config.election_timeout_ms > 60'000) {
    throw CLI::ValidationError(
        "--election-timeout",
        Text(config.election_timeout_ms, "ms with a --heartbeat of ", config.heartbeat_ms,
             "ms: it has to be at least four heartbeats and at most 60s"));
  }
  if (!config.initial_cluster.empty() + !config.join.empty() + !config.restore.empty() > 1) {
    throw CLI::ValidationError("--initial-cluster",
                               "with --join or --restore: a node begins by one of them only");
  }
  if (config.initial_cluster.empty()) return;
  const auto members = ParseInitialCluster(config.initial_cluster);
  if (!members.ok()) {
    throw CLI::ValidationError("--initial-cluster", std::string(members.status().message()));
  }
  for (const InitialMember& member : *members) {
    if (member.name == config.name) return;
  }
  throw CLI::ValidationError("--initial-cluster",
                             Text("this node, \"", config.name, "\", is not in \"",
                                  config.initial_cluster, "\"; which one is it? Give --name"));
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
    return app.add_option("--" + name, field, help)->capture_default_str();
  };
  add("config", file, "TOML file with any of these options")->type_name("FILE");
  add("data-dir", config->data_dir, "Where the data lies; made when absent")->type_name("DIR");
  add("name", config->name, "Name of this node, fixed when the data directory is made");
  add("listen", config->listen, "gRPC address for clients; port 0: any")
      ->transform(ListenAddress());
  add("peer-listen", config->peer_listen, "Address for the other members of a cluster")
      ->transform(ListenAddress());
  add("peer-advertise", config->peer_advertise,
      "Address that the other members reach this node by; default: that of --initial-cluster, else "
      "--peer-listen")
      ->check(CLI::Validator(ListenAddress()).description("HOST:PORT"));
  add("initial-cluster", config->initial_cluster,
      "First members of a new cluster, a=host:7401,b=host:7401,...; the same on each, and only "
      "read "
      "by a node without data")
      ->type_name("LIST");
  add("cluster-token", config->cluster_token,
      "Keeps apart clusters of the same names and addresses; with --initial-cluster");
  add("join", config->join,
      "Peer address of any member of a running cluster, which takes this node in; only read by a "
      "node that has no vote yet")
      ->check(CLI::Validator(ListenAddress()).description("HOST:PORT"));
  add("restore", config->restore,
      "Begin a new cluster with this backup; only read by a node without data")
      ->type_name("FILE");
  app.add_flag("--force-new-cluster", config->force_new_cluster,
               "Go on as a cluster of one after the other members are lost for good");
  add("log-entries", config->log_entries,
      "Cut the Raft log after so many entries, and keep as many; a member further behind gets a "
      "snapshot")
      ->check(CLI::Range(int64_t{100}, int64_t{10'000'000}));
  add("election-timeout", config->election_timeout_ms,
      "A follower that hears no leader for one to two times this long stands for election")
      ->default_str("500ms")
      ->transform(DurationMs());
  add("heartbeat", config->heartbeat_ms,
      "How often a leader speaks at the least; at most a fourth of --election-timeout")
      ->default_str("75ms")
      ->transform(DurationMs());
  add("http-listen", config->http_listen,
      "HTTP address for /metrics, /healthz, /readyz; port 0: any")
      ->transform(ListenAddress());
  add("ready-file", config->ready_file, "Write the addresses there (api=host:port) once it serves")
      ->type_name("FILE");
  app.add_flag("--insecure", config->insecure, "Listen beyond loopback without TLS or policy");
  AddSecurityOptions(app, &config->security);
  add("remove-after", config->remove_after_ms,
      "Remove an instance whose lease expired after this time")
      ->default_str("60s")
      ->transform(DurationMs());
  std::string guard_share = "1/3";
  add("guard-share", guard_share,
      "Share of a service, and of the registry, that may leave for silence within a ttl; 1: all")
      ->type_name("SHARE")
      ->each([config](const std::string& text) {
        if (!ParseShare(text, &config->guard)) {
          throw CLI::ValidationError("--guard-share",
                                     Text("\"", text, "\" is not a share such as 1/3, 0.25 or 1"));
        }
      });
  add("guard-hold", config->guard.hold_ms, "Let go of what the guard holds after this time")
      ->default_str("1h")
      ->transform(DurationMs());
  add("disk-reserve", config->disk_reserve_bytes, "Refuse writes when less disk space is free")
      ->default_str("256MiB")
      ->transform(CLI::AsSizeValue(false));
  add("history-keep", config->history_keep_ms, "Forget changes that are older than this")
      ->default_str("24h")
      ->transform(DurationMs());
  add("history-size", config->history_bytes, "Forget the oldest changes when they take more disk")
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
  for (CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name().substr(2);  // without the dashes
    if (!OnlyFlag(name)) option->envname(EnvironmentName(name));
  }

  try {
    app.parse(argc, argv);
    if (!file.empty()) ApplyFile(file, app);
    CheckExposure(*config);
    CheckCluster(*config);
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
