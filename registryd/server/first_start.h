// Who this node is: what its data directory says, or, where that is empty, what it was told to
// begin with: a new cluster, a cluster that runs, a backup.
//
//   ASSIGN_OR_RETURN(identity, OpenIdentity({config, *data_dir, *log, *peers, peer_address}));
//
// Once, before anything of the data is read. A forced new cluster is made here too (recovery.h).
// Errors: those of the stores and of recovery.h, joining.h; nothing was begun then.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/base/clock.h"
#include "registryd/consensus/peer_transport.h"
#include "registryd/server/cluster_setup.h"
#include "registryd/server/config.h"
#include "registryd/storage/data_dir.h"
#include "registryd/storage/log_store.h"

namespace registryd::server {

// Of --initial-cluster, which config.cc has checked; empty: there is none.
std::vector<InitialMember> InitialMembers(const Config& config);

struct FirstStart {
  const Config& config;
  const storage::DataDir& data_dir;
  storage::RocksLogStore& log;
  consensus::PeerTransport& peers;  // listens already, and asks whom this node joins
  const std::string& peer_address;  // as the others reach this node
  const Clock& clock;
};
absl::StatusOr<storage::NodeIdentity> OpenIdentity(const FirstStart& start);

}  // namespace registryd::server
