// One change of the membership, as an operator or a joining node asks for it.
//
//   driver.ChangeMembership({.kind = MembershipChange::Kind::kAdd, .id = id, .address = "c:7401"},
//                           done);
//
// One change is under way at a time, and only on a leader that is ready. A new member comes as a
// standby, which gets the log and has no vote, and is promoted when it has caught up.
//
// "Reachable" is who was heard within the last election timeout, and whose connection did not break
// since. So a host that vanished less than that ago, without a reset, still counts; a leader cannot
// know better, and by the same measure it would not have stepped down yet.
#pragma once

#include <string>

#include "registryd/consensus/types.h"

namespace registryd::consensus {

struct MembershipChange {
  enum class Kind : uint8_t {
    kAdd,      // as a standby
    kPromote,  // a standby that has caught up becomes a voter
    kDemote,   // a voter becomes a standby
    kRemove,
  };
  Kind kind = Kind::kAdd;
  NodeId id;
  std::string address;  // kAdd only
  // Also when the members that are reachable now are no majority of what is left.
  bool force = false;
};

}  // namespace registryd::consensus
