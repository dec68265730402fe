#include "registryd/operations/administration.h"

#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::operations {
namespace {

class CountedSource final : public consensus::SnapshotSource {
 public:
  CountedSource(std::unique_ptr<consensus::SnapshotSource> source, std::atomic<int>* count)
      : source_(std::move(source)), count_(count) {}
  ~CountedSource() override {
    source_.reset();
    count_->fetch_sub(1);
  }
  absl::StatusOr<std::string> Next() override { return source_->Next(); }

 private:
  std::unique_ptr<consensus::SnapshotSource> source_;
  std::atomic<int>* const count_;
};

}  // namespace

Administration::Done Administration::Recorded(const Caller& caller, Verb verb, Done done) {
  return [this, caller, verb, done = std::move(done)](absl::Status status) mutable {
    parts_.access->Record(caller, verb, {}, Revision(), status);
    std::move(done)(std::move(status));
  };
}

void Administration::Change(const Caller& caller, consensus::MembershipChange change, Done done) {
  absl::Status refused = parts_.access->Authorize(caller, Verb::kMember, {});
  if (refused.ok() && !change.id) refused = absl::InvalidArgumentError("node_id: missing");
  if (refused.ok() && change.kind == consensus::MembershipChange::Kind::kAdd &&
      change.address.find(':') == std::string::npos) {
    refused = absl::InvalidArgumentError(
        Text("address: \"", change.address, "\" is not host:port of a peer port"));
  }
  if (!refused.ok()) {
    std::move(done)(std::move(refused));
    return;
  }
  parts_.members->Change(std::move(change), Recorded(caller, Verb::kMember, std::move(done)));
}

void Administration::Transfer(const Caller& caller, NodeId to, Done done) {
  absl::Status refused = parts_.access->Authorize(caller, Verb::kMember, {});
  if (!refused.ok()) {
    std::move(done)(std::move(refused));
    return;
  }
  parts_.members->Transfer(to, Recorded(caller, Verb::kMember, std::move(done)));
}

absl::StatusOr<std::unique_ptr<consensus::SnapshotSource>> Administration::OpenBackup(
    const Caller& caller) {
  RETURN_IF_ERROR(parts_.access->Authorize(caller, Verb::kOperate, {}));
  if (backups_.fetch_add(1) >= kBackupsMax) {
    backups_.fetch_sub(1);
    return absl::ResourceExhaustedError(
        Text(kBackupsMax, " backups of this node are under way; try again when one has ended"));
  }
  auto source = parts_.snapshots->Open();
  parts_.access->Record(caller, Verb::kOperate, {}, Revision(), source.status());
  if (!source.ok()) {
    backups_.fetch_sub(1);
    return source.status();
  }
  return std::unique_ptr<consensus::SnapshotSource>(
      std::make_unique<CountedSource>(*std::move(source), &backups_));
}

}  // namespace registryd::operations
