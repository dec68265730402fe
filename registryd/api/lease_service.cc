#include "registryd/api/lease_service.h"

#include <deque>
#include <memory>
#include <utility>
#include <variant>

#include "registryd/api/call.h"
#include "registryd/api/write_call.h"
#include "registryd/base/text.h"
#include "registryd/wire/api_codec.h"

namespace registryd::api {
namespace {

using registry::v1::KeepAliveRequest;
using registry::v1::KeepAliveResponse;

// Frames that were read and not answered yet; the next one is read when there is room.
constexpr size_t kFramesUnanswered = 8;

class KeepAliveCall final
    : public StreamMachine<grpc::ServerBidiReactor<KeepAliveRequest, KeepAliveResponse>,
                           KeepAliveResponse> {
 public:
  KeepAliveCall(operations::Renewals* renewals, operations::Caller caller)
      : renewals_(renewals), caller_(std::move(caller)) {}

 private:
  void OnStart() override { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) return EndOfInput();
    if (request_.lease_ids_size() != request_.epochs_size()) {
      return Close(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                                Text("epochs: must be as many as lease_ids, are ",
                                     request_.epochs_size(), " for ", request_.lease_ids_size())));
    }
    liveness::RenewalFrame frame;
    frame.leases.reserve(static_cast<size_t>(request_.lease_ids_size()));
    for (int i = 0; i < request_.lease_ids_size(); ++i) {
      frame.leases.push_back({LeaseId(request_.lease_ids(i)), LeaseEpoch(request_.epochs(i))});
    }
    auto self = std::static_pointer_cast<KeepAliveCall>(shared_from_this());
    frame.done = [self, number = request_.frame()](liveness::RenewalAnswer answer) {
      self->Answer(number, std::move(answer));
    };
    {
      MutexLock lock(mutex_);
      ++unanswered_;
    }
    if (absl::Status status = renewals_->Submit(caller_, std::move(frame)); !status.ok()) {
      return Close(ToGrpc(status));
    }
    {
      MutexLock lock(mutex_);
      reading_paused_ = unanswered_ >= kFramesUnanswered;
      if (reading_paused_) return;
    }
    StartRead(&request_);
  }

  void Answer(uint64_t number, liveness::RenewalAnswer answer) {
    {
      MutexLock lock(mutex_);
      ready_.emplace_back(number, std::move(answer));
    }
    Wake();
  }

  // The client has said all it has to say; what it asked is answered first.
  void EndOfInput() {
    {
      MutexLock lock(mutex_);
      input_ended_ = true;
      if (unanswered_ != 0) return;
    }
    Close(grpc::Status::OK);
  }

  bool Next(KeepAliveResponse* out) override {
    std::pair<uint64_t, liveness::RenewalAnswer> next;
    bool read_on;
    bool over = false;
    {
      MutexLock lock(mutex_);
      over = input_ended_ && unanswered_ == 0;
      if (!over && ready_.empty()) return false;
    }
    if (over) {
      Close(grpc::Status::OK);
      return false;
    }
    {
      MutexLock lock(mutex_);
      next = std::move(ready_.front());
      ready_.pop_front();
      --unanswered_;
      read_on = std::exchange(reading_paused_, false);
    }
    if (read_on) StartRead(&request_);
    const auto& [number, answer] = next;
    out->set_frame(number);
    out->set_accepted(answer.accepted);
    out->set_next_in_ms(answer.next_in_ms);
    for (LeaseId lost : answer.lost) out->add_lost_lease_ids(lost.value());
    return true;
  }

  operations::Renewals* const renewals_;
  const operations::Caller caller_;
  KeepAliveRequest request_;  // gRPC's between StartRead and OnReadDone
  Mutex mutex_;
  std::deque<std::pair<uint64_t, liveness::RenewalAnswer>> ready_ ABSL_GUARDED_BY(mutex_);
  size_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reading_paused_ ABSL_GUARDED_BY(mutex_) = false;
  bool input_ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerUnaryReactor* LeaseService::Grant(grpc::CallbackServerContext* context,
                                              const registry::v1::GrantLeaseRequest* request,
                                              registry::v1::GrantLeaseResponse* response) {
  const auto& lease = request->lease();
  core::GrantLease command{{LeaseId(lease.lease_id()), lease.ttl_ms(), lease.owner()}};
  return WriteCall(context, grant_, writes_, wire::RequestIdFromApi(request->request_id()),
                   core::Command(std::move(command)), [response](const core::Reply& reply) {
                     wire::GrantedLeaseToApi(std::get<core::LeaseReply>(reply.value).lease,
                                             response->mutable_lease());
                   });
}

grpc::ServerUnaryReactor* LeaseService::Revoke(grpc::CallbackServerContext* context,
                                               const registry::v1::RevokeLeaseRequest* request,
                                               registry::v1::RevokeLeaseResponse* response) {
  core::RevokeLease command{LeaseId(request->lease_id()), LeaseEpoch(request->epoch())};
  return WriteCall(context, revoke_, writes_, wire::RequestIdFromApi(request->request_id()),
                   core::Command(command), [response](const core::Reply& reply) {
                     response->set_revision(reply.revision.value());
                     response->set_removed(std::get<core::CountReply>(reply.value).count);
                   });
}

grpc::ServerBidiReactor<KeepAliveRequest, KeepAliveResponse>* LeaseService::KeepAlive(
    grpc::CallbackServerContext* context) {
  auto call =
      std::make_shared<KeepAliveCall>(renewals_, CallerOf(*context, operations::Lane::kRenewals));
  auto* reactor = call.get();
  reactor->Start(&keep_alive_);
  streams_->Add(std::move(call));
  return reactor;
}

}  // namespace registryd::api
