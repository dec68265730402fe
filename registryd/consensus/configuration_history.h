// The configurations that the log and its snapshot record hold, with the index of each.
//
// The core keeps the newest one and the newest committed one. A snapshot record needs the one as of
// any applied index, and a probe needs the newest voters, so the driver keeps its own list. It is
// short: one entry per membership change since the last log cut. Threads: one.
#pragma once

#include <map>
#include <memory>

#include "registryd/consensus/types.h"

namespace registryd::consensus {

class ConfigurationHistory {
 public:
  using Shared = std::shared_ptr<const Configuration>;

  void Add(LogIndex index, Configuration configuration);
  // Entries from `first` on were overwritten.
  void Truncate(LogIndex first);
  // The log was cut at `index`: what is older than the configuration as of `index` is forgotten.
  void Cut(LogIndex index);

  // The newest one, committed or not; index 0 and an empty one before the first.
  std::pair<LogIndex, Shared> Newest() const { return AsOf(LogIndex(UINT64_MAX)); }
  // The newest one at or before `index`.
  std::pair<LogIndex, Shared> AsOf(LogIndex index) const;

 private:
  std::map<LogIndex, Shared> by_index_;
};

const Server* FindServer(const Configuration& configuration, NodeId id);
bool IsVoter(const Configuration& configuration, NodeId id);
size_t VoterCount(const Configuration& configuration);

}  // namespace registryd::consensus
