// Our types as the shim's plain structs.
#pragma once

#include <vector>

#include "registryd/consensus/raft_shim.h"
#include "registryd/consensus/types.h"

namespace registryd::consensus {

// Points into the configuration, which must outlive it.
class ShimConfiguration {
 public:
  explicit ShimConfiguration(const Configuration& configuration) {
    servers_.reserve(configuration.size());
    for (const Server& server : configuration) {
      servers_.push_back(
          {server.id.value(), server.address.c_str(), static_cast<int>(server.suffrage)});
    }
  }
  RaftShimConfiguration get() const { return {servers_.data(), servers_.size()}; }

 private:
  std::vector<RaftShimServer> servers_;
};

// The bytes of configurations are pointed to; the entries must outlive the result.
inline std::vector<RaftShimEntry> ToShim(const std::vector<LogEntry>& entries) {
  std::vector<RaftShimEntry> out;
  out.reserve(entries.size());
  for (const LogEntry& entry : entries) {
    const bool read = entry.type == EntryType::kConfiguration;
    out.push_back({entry.term.value(), static_cast<int>(entry.type),
                   read ? entry.payload->data() : nullptr, read ? entry.payload->size() : 0});
  }
  return out;
}

}  // namespace registryd::consensus
