#include "registryd/consensus/configuration_history.h"

#include <algorithm>

namespace registryd::consensus {

void ConfigurationHistory::Add(LogIndex index, Configuration configuration) {
  by_index_[index] = std::make_shared<const Configuration>(std::move(configuration));
}

void ConfigurationHistory::Truncate(LogIndex first) {
  by_index_.erase(by_index_.lower_bound(first), by_index_.end());
}

void ConfigurationHistory::Cut(LogIndex index) {
  const auto kept = by_index_.find(AsOf(index).first);
  if (kept != by_index_.end()) by_index_.erase(by_index_.begin(), kept);
}

std::pair<LogIndex, ConfigurationHistory::Shared> ConfigurationHistory::AsOf(LogIndex index) const {
  static const Shared kNone = std::make_shared<const Configuration>();
  auto after = by_index_.upper_bound(index);
  if (after == by_index_.begin()) return {LogIndex(), kNone};
  --after;
  return {after->first, after->second};
}

const Server* FindServer(const Configuration& configuration, NodeId id) {
  const auto found = std::find_if(configuration.begin(), configuration.end(),
                                  [id](const Server& server) { return server.id == id; });
  return found == configuration.end() ? nullptr : &*found;
}

bool IsVoter(const Configuration& configuration, NodeId id) {
  const Server* server = FindServer(configuration, id);
  return server != nullptr && server->suffrage == Suffrage::kVoter;
}

size_t VoterCount(const Configuration& configuration) {
  return static_cast<size_t>(
      std::count_if(configuration.begin(), configuration.end(),
                    [](const Server& server) { return server.suffrage == Suffrage::kVoter; }));
}

}  // namespace registryd::consensus
