// What a registryd can be told: by flag, by environment (REGISTRYD_*) and by a TOML file, in that
// order of strength.
//
//   Config config;
//   switch (ReadConfig(argc, argv, &config)) ...
//
// deploy/registryd.toml explains every key. Units: durations as "60s", "500ms"; sizes as "256MiB".
#pragma once

#include <cstdint>
#include <string>

#include "registryd/base/log.h"
#include "registryd/core/guard.h"
#include "registryd/server/security_config.h"

namespace registryd::server {

struct Config {
  std::string name;  // default: the host's name
  std::string data_dir = "./registry-data";
  std::string listen = "127.0.0.1:7400";
  std::string peer_listen = "127.0.0.1:7401";
  std::string peer_advertise;  // empty: from initial_cluster, else peer_listen
  // Only for a node without data: the first members of a new cluster.
  std::string initial_cluster;
  std::string cluster_token = "registryd";
  std::string join;                // a member's peer address; only read by a node without data
  std::string restore;             // a backup file; only read by a node without data
  bool force_new_cluster = false;  // the others are lost for good
  int64_t log_entries = 50'000;    // the log is cut every so often, and keeps as many
  int64_t election_timeout_ms = 500;
  int64_t heartbeat_ms = 75;
  std::string http_listen = "127.0.0.1:7402";
  std::string ready_file;
  bool insecure = false;
  SecurityConfig security;
  int64_t remove_after_ms = 60'000;
  core::GuardRule guard;
  uint64_t disk_reserve_bytes = 256ull << 20;
  int64_t history_keep_ms = int64_t{24} * 60 * 60 * 1'000;
  uint64_t history_bytes = 256ull << 20;
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kText;
};

enum class ConfigResult {
  kRun,        // start the daemon
  kExitOk,     // --help, --version, --check-config: it is said, leave with 0
  kExitUsage,  // the error is printed, leave with 2
};
ConfigResult ReadConfig(int argc, char** argv, Config* config);

}  // namespace registryd::server
