// Membership under chaos, the same for every random test: one change of some member, by way of
// whoever leads.
//
//   SimCluster cluster({.members = 3, .spares = 4});
//   if (world.Chance(3)) ChangeMembers(cluster);
//
// Spares are added as standbys, standbys promoted, others removed or demoted while there is a spare
// to take their place. A refusal is an answer like any other.
#pragma once

#include "tests/sim/sim_cluster.h"

namespace registryd::sim {

inline void ChangeMembers(SimCluster& cluster) {
  using Kind = consensus::MembershipChange::Kind;
  World& world = cluster.world();
  const consensus::Configuration members = cluster.Members();
  const consensus::Server& some =
      members[static_cast<size_t>(world.Between(0, static_cast<int64_t>(members.size()) - 1))];
  const NodeId spare = cluster.NextSpare();
  if (some.suffrage == consensus::Suffrage::kStandby) {
    cluster.Change(world.Chance(80) ? Kind::kPromote : Kind::kRemove, some.id);
  } else if (spare && world.Chance(60)) {
    cluster.Change(Kind::kAdd, spare);
  } else if (members.size() > 2 && spare) {
    cluster.Change(world.Chance(70) ? Kind::kRemove : Kind::kDemote, some.id);
  }
}

}  // namespace registryd::sim
