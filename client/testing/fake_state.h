// The state of a FakeRegistry: the daemon's state machine under a lock, and the changes that
// watches follow. Threads: any.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/core/commands.h"
#include "registryd/core/filter.h"
#include "registryd/core/registry.h"

namespace registry {

class FakeState {
 public:
  struct Change {
    registryd::core::InstancePtr before;
    registryd::core::InstancePtr after;
    uint64_t revision = 0;
  };

  FakeState();

  // A command as it comes from a caller: checked, then applied. Its own status where it is refused.
  absl::StatusOr<registryd::core::Reply> Submit(const registryd::core::RequestId& request,
                                                registryd::core::Command command);
  void ExpireLeases();
  bool Alive(uint64_t lease_id, uint64_t epoch) const;

  uint64_t cluster_id() const { return 1; }
  uint64_t revision() const;
  // Those of "namespace/prefix..." that match, by name, and the revision that they stand for.
  std::vector<registryd::core::InstancePtr> Find(const std::string& prefix,
                                                 const registryd::core::InstanceFilter& filter,
                                                 uint64_t* at_revision) const;
  // The changes after `revision`, and the revision up to which they reach. False: they are no
  // longer kept.
  bool ChangesAfter(uint64_t revision, std::vector<Change>* changes, uint64_t* up_to) const;

  // Who watches: one subscription of one stream. It is waited for by drains until it is removed.
  struct Watcher {
    std::string client_id;
    std::string client_name;
    std::string prefix;  // of the instances' names
    uint64_t acknowledged = 0;
  };
  using WatcherKey = std::pair<const void*, uint64_t>;
  void AddWatcher(const WatcherKey& key, Watcher watcher);
  void Acknowledge(const WatcherKey& key, uint64_t revision);
  void RemoveWatcher(const WatcherKey& key);
  // Those whose prefix begins `name`, and who have not acknowledged the revision.
  std::vector<Watcher> Behind(const std::string& name, uint64_t revision) const;

  // Until a change after `revision`, `stop` becomes true (call Wake), or a beat is due.
  void WaitChange(uint64_t revision, const bool& stop) const;
  void Wake();
  std::mutex& mutex() const { return mutex_; }

 private:
  void Apply(const registryd::core::RequestId& request, const registryd::core::Command& command,
             registryd::core::Reply* reply);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  registryd::core::Registry registry_;
  std::map<std::string, registryd::core::InstancePtr> instances_;  // by name
  std::deque<Change> changes_;
  std::map<WatcherKey, Watcher> watchers_;
  uint64_t kept_from_ = 0;
};

}  // namespace registry
