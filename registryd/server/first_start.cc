#include "registryd/server/first_start.h"

#include <optional>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/random.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/server/joining.h"
#include "registryd/server/recovery.h"

namespace registryd::server {
namespace {

using storage::NodeIdentity;

// This node is a first member of the cluster that it was told of, or a cluster of its own.
absl::Status Bootstrap(const FirstStart& start, NodeIdentity* identity) {
  const std::vector<InitialMember> members = InitialMembers(start.config);
  consensus::Configuration configuration;
  if (members.empty()) {
    configuration.push_back({identity->node, start.peer_address});
  } else {
    const std::string& token = start.config.cluster_token;
    identity->cluster = ClusterIdOf(token, members);
    identity->node = NodeIdOf(token, identity->name);
    for (const InitialMember& member : members) {
      configuration.push_back({NodeIdOf(token, member.name), member.address});
    }
  }
  ASSIGN_OR_RETURN(auto payload, consensus::EncodeConfiguration(configuration));
  log::Info("a new cluster", {{"cluster", identity->cluster},
                              {"name", identity->name},
                              {"node", identity->node},
                              {"members", configuration.size()}});
  return start.log.Bootstrap(*identity, {Term(1), consensus::EntryType::kConfiguration, payload});
}

// A cluster runs, and this node becomes a member of it once the leader says so (Joining).
absl::Status Join(const FirstStart& start, NodeIdentity* identity) {
  ASSIGN_OR_RETURN(identity->cluster, AskForCluster(start.peers, start.config.join,
                                                    {ClusterId(), identity->node, identity->name,
                                                     start.peer_address, identity->data_id},
                                                    start.clock));
  log::Info("joins a cluster", {{"cluster", identity->cluster},
                                {"name", identity->name},
                                {"node", identity->node},
                                {"by", start.config.join}});
  return start.log.Join(*identity);
}

}  // namespace

std::vector<InitialMember> InitialMembers(const Config& config) {
  if (config.initial_cluster.empty()) return {};
  auto members = ParseInitialCluster(config.initial_cluster);
  return members.ok() ? *std::move(members) : std::vector<InitialMember>();
}

absl::StatusOr<NodeIdentity> OpenIdentity(const FirstStart& start) {
  ASSIGN_OR_RETURN(auto known, start.log.LoadIdentity());
  if (known) {
    NodeIdentity identity = *std::move(known);
    if (start.config.force_new_cluster) {
      RETURN_IF_ERROR(ForceNewCluster(start.data_dir, start.log, start.peer_address, &identity));
    }
    return identity;
  }
  NodeIdentity identity = {ClusterId(RandomId()), NodeId(RandomId()), start.config.name,
                           RandomId()};
  if (!start.config.restore.empty()) {
    RETURN_IF_ERROR(RestoreBackup(start.config.restore, start.data_dir, start.log, identity,
                                  start.peer_address));
  } else if (!start.config.join.empty()) {
    RETURN_IF_ERROR(Join(start, &identity));
  } else {
    RETURN_IF_ERROR(Bootstrap(start, &identity));
  }
  return identity;
}

}  // namespace registryd::server
