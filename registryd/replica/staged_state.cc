#include "registryd/replica/staged_state.h"

#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::replica {

absl::StatusOr<std::unique_ptr<StagedState>> StagedState::Load(
    consensus::SnapshotRecord record, uint64_t generation,
    std::shared_ptr<storage::StateStore> store) {
  std::unique_ptr<StagedState> staged(new StagedState);
  staged->record_ = std::move(record);
  staged->generation_ = generation;
  staged->store_ = std::move(store);
  const auto add = [&staged](const core::InstancePtr& instance) {
    staged->builder_.Load(instance);
  };
  ASSIGN_OR_RETURN(const auto position, staged->store_->Load(&staged->registry_, add));
  if (position.index != staged->record_.index || position.term != staged->record_.term) {
    return absl::DataLossError(Text("a snapshot says that it is of entry ", staged->record_.index,
                                    " and holds the state of entry ", position.index));
  }
  staged->builder_.LoadRecords(staged->registry_);
  staged->builder_.Build(staged->registry_.counters(), staged->registry_.lease_count(),
                         staged->registry_.silent_lease_count());
  return staged;
}

StagedState::~StagedState() {
  if (store_ != nullptr) store_->RemoveWhenClosed();
}

}  // namespace registryd::replica
