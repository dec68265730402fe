// Which member makes the active check of an instance: the one with the highest hash of (instance,
// member), so that a member that leaves moves only its own checks and the rest stay where they are
// (rendezvous hashing).
//
// A pure function of the replicated set of checkers. Cost: one hash per member.
#pragma once

#include <vector>

#include "registryd/core/types.h"

namespace registryd::core {

// NodeId() when there are no checkers.
NodeId CheckOwner(const InstanceName& name, const std::vector<NodeId>& checkers);

}  // namespace registryd::core
