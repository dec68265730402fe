#include "registryd/api/administration_service.h"

#include <memory>
#include <utility>

#include "registryd/api/call.h"

namespace registryd::api {
namespace {

using consensus::MembershipChange;
using registry::v1::BackupChunk;
using registry::v1::ChangeMemberRequest;

// Reads a chunk on the worker, writes it, and so on. Owns itself.
class BackupStream final : public grpc::ServerWriteReactor<BackupChunk> {
 public:
  BackupStream(absl::StatusOr<std::unique_ptr<consensus::SnapshotSource>> source, Loop* worker,
               MethodMetrics* metrics)
      : worker_(worker), metrics_(metrics) {
    metrics_->StreamOpened();
    if (!source.ok()) {
      End(ToGrpc(source.status()));
      return;
    }
    source_ = *std::move(source);
    Read();
  }
  void OnWriteDone(bool ok) override {
    if (!ok) {
      End(grpc::Status(grpc::StatusCode::CANCELLED, "the client has gone"));
    } else if (chunk_.last()) {
      End(grpc::Status::OK);
    } else {
      Read();
    }
  }
  void OnDone() override { delete this; }

 private:
  void Read() {
    // Nothing but the write that this leads to calls this object meanwhile.
    const bool posted = worker_->Post([this] {
      absl::StatusOr<std::string> next = source_->Next();
      if (!next.ok()) {
        End(ToGrpc(next.status()));
        return;
      }
      chunk_.set_last(next->empty());
      chunk_.set_data(*std::move(next));
      StartWrite(&chunk_);
    });
    if (!posted) End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "this node stops"));
  }
  void End(const grpc::Status& status) {
    metrics_->StreamEnded(status.error_code());
    Finish(status);
  }

  Loop* const worker_;
  MethodMetrics* const metrics_;
  std::unique_ptr<consensus::SnapshotSource> source_;
  BackupChunk chunk_;
};

}  // namespace

grpc::ServerUnaryReactor* AdministrationService::ChangeMember(grpc::CallbackServerContext* context,
                                                              const ChangeMemberRequest* request,
                                                              registry::v1::ChangeMemberResponse*) {
  const CountedCall call(context->DefaultReactor(), change_member_);
  const auto done = [call](absl::Status status) { call.Finish(status); };
  const operations::Caller caller = CallerOf(*context);
  const NodeId id(request->node_id());
  using Kind = MembershipChange::Kind;
  const auto change = [&](Kind kind) {
    administration_->Change(caller, {kind, id, request->address(), request->force()}, done);
  };
  switch (request->change()) {
    case ChangeMemberRequest::CHANGE_ADD:
      change(Kind::kAdd);
      break;
    case ChangeMemberRequest::CHANGE_PROMOTE:
      change(Kind::kPromote);
      break;
    case ChangeMemberRequest::CHANGE_DEMOTE:
      change(Kind::kDemote);
      break;
    case ChangeMemberRequest::CHANGE_REMOVE:
      change(Kind::kRemove);
      break;
    case ChangeMemberRequest::CHANGE_TRANSFER:
      administration_->Transfer(caller, id, done);
      break;
    default:
      done(absl::InvalidArgumentError("change: not one that this registry knows"));
  }
  return call.reactor();
}

grpc::ServerWriteReactor<BackupChunk>* AdministrationService::Backup(
    grpc::CallbackServerContext* context, const registry::v1::BackupRequest*) {
  return new BackupStream(administration_->OpenBackup(CallerOf(*context)), worker_, &backup_);
}

}  // namespace registryd::api
