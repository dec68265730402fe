// The families of the state's RocksDB and how it is opened. Only storage's .cc files include this.
#pragma once

#include <string>
#include <string_view>

#include "registryd/storage/rocks_database.h"

namespace registryd::storage {

// In the order of StateDatabase's families.
enum StateFamily : size_t { kInstances, kLeases, kRequests, kMeta, kHistory, kServices };
inline constexpr std::string_view kStateKey = "state";
inline constexpr std::string_view kConfigurationKey = "configuration";

inline DatabaseOptions StateDatabase(const std::string& dir) {
  DatabaseOptions options;
  options.dir = dir;
  options.families = {{"instances", 16u << 20, true}, {"leases", 8u << 20, true},
                      {"requests", 8u << 20, true},   {"meta", 1u << 20},
                      {"history", 16u << 20},         {"services", 4u << 20}};
  options.wal_damage = WalDamage::kStopThere;
  return options;
}

}  // namespace registryd::storage
