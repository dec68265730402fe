#include "registryd/replica/replica_snapshots.h"

#include <string>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/replica/staged_state.h"
#include "registryd/storage/snapshot_stream.h"
#include "registryd/storage/state_store.h"

namespace registryd::replica {
namespace {

class Source final : public consensus::SnapshotSource {
 public:
  explicit Source(std::shared_ptr<const storage::StatePicture> picture)
      : writer_(std::move(picture)) {}
  absl::StatusOr<std::string> Next() override { return writer_.Next(); }

 private:
  storage::SnapshotWriter writer_;
};

class Sink final : public consensus::SnapshotSink {
 public:
  Sink(std::string dir, uint64_t generation, ClusterId cluster,
       std::unique_ptr<storage::StateImport> import)
      : dir_(std::move(dir)),
        generation_(generation),
        cluster_(cluster),
        import_(std::move(import)) {}

  absl::Status Add(std::string_view chunk) override { return import_->Add(chunk); }

  absl::StatusOr<std::unique_ptr<consensus::StagedSnapshot>> Finish() override {
    ASSIGN_OR_RETURN(storage::SnapshotHead head, import_->Finish());
    if (cluster_ && head.cluster != cluster_) {
      return absl::FailedPreconditionError(Text("the snapshot is of cluster ", head.cluster,
                                                ", this node is of cluster ", cluster_));
    }
    ASSIGN_OR_RETURN(std::unique_ptr<storage::StateStore> store, storage::StateStore::Open(dir_));
    ASSIGN_OR_RETURN(auto staged,
                     StagedState::Load(std::move(head.record), generation_, std::move(store)));
    return std::unique_ptr<consensus::StagedSnapshot>(std::move(staged));
  }

 private:
  const std::string dir_;
  const uint64_t generation_;
  const ClusterId cluster_;
  const std::unique_ptr<storage::StateImport> import_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<consensus::SnapshotSource>> ReplicaSnapshots::Open() {
  return std::unique_ptr<consensus::SnapshotSource>(
      std::make_unique<Source>(replica_->store()->Pin()));
}

absl::StatusOr<std::unique_ptr<consensus::SnapshotSink>> ReplicaSnapshots::Receive() {
  const uint64_t generation = last_generation_.fetch_add(1) + 1;
  const std::string dir = data_dir_->StateDir(generation);
  ASSIGN_OR_RETURN(auto import, storage::StateImport::Begin(dir));
  return std::unique_ptr<consensus::SnapshotSink>(std::make_unique<Sink>(
      dir, generation, replica_->view()->counters.cluster, std::move(import)));
}

}  // namespace registryd::replica
