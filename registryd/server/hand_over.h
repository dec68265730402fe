// A leader that stops lets somebody else lead first, so that writes pause for a moment only.
//
//   HandOverLeadership(*raft);     // then stop; does nothing on a node that does not lead
//
// What it had taken is answered before this returns, and what comes meanwhile waits or is forwarded
// to the successor. Blocks, some milliseconds as a rule; where no follower takes over in time it
// tries again, and gives up after some seconds.
#pragma once

#include "registryd/consensus/raft_thread.h"

namespace registryd::server {

void HandOverLeadership(consensus::RaftThread& raft);

}  // namespace registryd::server
