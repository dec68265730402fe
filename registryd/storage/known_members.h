// Who the other members of the cluster are, as this node has met them: their names, and which data
// each of them has.
//
// A member that comes back without its data has forgotten what it voted for and what it
// acknowledged, so it must not take part as if nothing had happened. Every data directory has a
// random id, told at each meeting; this file remembers it before anything that the other node says
// is counted.
//
//   ASSIGN_OR_RETURN(auto known, KnownMembers::Open(dir + "/members", cluster));
//   RETURN_IF_ERROR(known->Meet(id, "b", data_id));  // FAILED_PRECONDITION: b has lost its data
//
// One line a member, "node data-id name", behind a first line with the cluster; written whole and
// synced, then renamed. What was known of another cluster is forgotten. Threads: any; a first
// meeting writes a file. Limits: kMembersMax, the oldest is forgotten.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registryd/base/ids.h"
#include "registryd/base/mutex.h"

namespace registryd::storage {

class KnownMembers {
 public:
  static constexpr size_t kMembersMax = 256;

  // DATA_LOSS: the file cannot be read as what it should be.
  static absl::StatusOr<std::unique_ptr<KnownMembers>> Open(const std::string& path,
                                                            ClusterId cluster);

  // OK: it is whom it was before, or it is new here and now written down.
  absl::Status Meet(NodeId node, const std::string& name, uint64_t data_id);
  // Its name only, as the configuration of the cluster says it; keeps what was met.
  void Name(NodeId node, const std::string& name);
  // Empty: never heard of.
  std::string NameOf(NodeId node) const;

 private:
  struct Member {
    uint64_t data_id = 0;  // 0: not met yet
    std::string name;
  };
  KnownMembers(std::string path, ClusterId cluster) : path_(std::move(path)), cluster_(cluster) {}
  absl::Status Write() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const ClusterId cluster_;
  mutable Mutex mutex_;
  std::map<NodeId, Member> members_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace registryd::storage
