// A state that a leader sent, loaded beside the one in use: registry, view and store, ready to be
// swapped in on the loop.
//
//   ASSIGN_OR_RETURN(auto staged, StagedState::Load(record, generation, store));   // a worker
//   raft->OnSnapshotReceived(std::move(staged));
//
// Whoever drops it before it was installed removes its store from the disk. Threads: one at a time.
// Cost: as a start: some 5 s of CPU and once more the memory of the state per million instances.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/core/registry.h"
#include "registryd/replica/view.h"
#include "registryd/storage/state_store.h"

namespace registryd::replica {

class StagedState final : public consensus::StagedSnapshot {
 public:
  // DATA_LOSS: the store does not hold what the record says, or its parts contradict each other.
  static absl::StatusOr<std::unique_ptr<StagedState>> Load(
      consensus::SnapshotRecord record, uint64_t generation,
      std::shared_ptr<storage::StateStore> store);
  ~StagedState() override;

  const consensus::SnapshotRecord& record() const override { return record_; }
  uint64_t generation() const override { return generation_; }

 private:
  friend class Replica;
  StagedState() = default;
  consensus::SnapshotRecord record_;
  uint64_t generation_ = 0;
  std::shared_ptr<storage::StateStore> store_;  // the replaced one, once it was installed
  core::Registry registry_;
  ViewBuilder builder_;
};

}  // namespace registryd::replica
