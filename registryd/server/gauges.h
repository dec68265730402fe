// What /metrics says of the node's state, set when it is asked for. Threads: any.
#pragma once

#include "registryd/consensus/driver.h"
#include "registryd/liveness/liveness_driver.h"
#include "registryd/replica/replica.h"

namespace registryd::server {

// `insecure`: it may listen beyond loopback without TLS. `connections`: of clients.
void RefreshGauges(const replica::Replica& replica, const consensus::RaftStatus& raft,
                   const liveness::IntakeStatus& intake, bool insecure, size_t connections);

}  // namespace registryd::server
