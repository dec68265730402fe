// Snapshots of this node's state, and those that it receives: storage's stream, with a replica at
// each end.
//
//   ReplicaSnapshots snapshots(&replica, &data_dir, generation);
//   SnapshotTransfers transfers({.store = &snapshots, ...});
//
// A received one lies in a directory of its own, of a generation that was not used since the start.
// Threads: any.
#pragma once

#include <atomic>
#include <memory>

#include "registryd/consensus/interfaces.h"
#include "registryd/replica/replica.h"
#include "registryd/storage/data_dir.h"

namespace registryd::replica {

class ReplicaSnapshots final : public consensus::SnapshotStore {
 public:
  // `generation`: of the state that the node started with.
  ReplicaSnapshots(const Replica* replica, const storage::DataDir* data_dir, uint64_t generation)
      : replica_(replica), data_dir_(data_dir), last_generation_(generation) {}

  absl::StatusOr<std::unique_ptr<consensus::SnapshotSource>> Open() override;
  absl::StatusOr<std::unique_ptr<consensus::SnapshotSink>> Receive() override;

 private:
  const Replica* const replica_;
  const storage::DataDir* const data_dir_;
  std::atomic<uint64_t> last_generation_;
};

}  // namespace registryd::replica
