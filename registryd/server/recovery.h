// Making a cluster of what is left: of a backup, or of one member after the others are lost for
// good.
//
//   if (!config.restore.empty() && !identity) RETURN_IF_ERROR(RestoreBackup(...));
//   if (config.force_new_cluster) RETURN_IF_ERROR(ForceNewCluster(...));
//
// Either makes a new cluster id, so that neither a cursor nor a member of the former cluster is
// taken for one of this. Both are done before anything runs, and a crash within them leaves a node
// that starts by doing them again. docs/operations.md says when to use which.
//
// Errors: DATA_LOSS, FAILED_PRECONDITION name the file and what to do; nothing is changed then.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "registryd/storage/data_dir.h"
#include "registryd/storage/log_store.h"

namespace registryd::server {

// Into a directory without data: a cluster of one, `identity`, with the state of the backup.
absl::Status RestoreBackup(const std::string& file, const storage::DataDir& data_dir,
                           storage::RocksLogStore& log, const storage::NodeIdentity& identity,
                           const std::string& peer_address);

// The node goes on as a cluster of one: everything that its log holds counts as committed, the
// other members are forgotten. `identity` gets its new cluster id. Does nothing when the node is
// the only member already.
absl::Status ForceNewCluster(const storage::DataDir& data_dir, storage::RocksLogStore& log,
                             const std::string& peer_address, storage::NodeIdentity* identity);

}  // namespace registryd::server
