#include "registryd/api/subscribers_service.h"

#include <string>
#include <utility>

#include "registryd/api/call.h"
#include "registryd/api/lookup_codec.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/wire/api_codec.h"

namespace registryd::api {
namespace {

constexpr int64_t kAskTimeoutMs = 2'000;
constexpr int64_t kWaitDefaultMs = 30'000;
constexpr int64_t kWaitMaxMs = 600'000;

void Fill(operations::Audience::Answer&& answer,
          google::protobuf::RepeatedPtrField<registry::v1::Subscriber>* subscribers,
          google::protobuf::RepeatedPtrField<std::string>* unreachable) {
  for (auto& subscriber : answer.subscribers) *subscribers->Add() = std::move(subscriber);
  for (auto& node : answer.unreachable) *unreachable->Add() = std::move(node);
}

}  // namespace

grpc::ServerUnaryReactor* SubscribersService::ListSubscribers(
    grpc::CallbackServerContext* context, const registry::v1::ListSubscribersRequest* request,
    registry::v1::ListSubscribersResponse* response) {
  const CountedCall call(context->DefaultReactor(), list_subscribers_);
  operations::Audience::Question question;
  question.waiting_for = Revision(request->waiting_for());
  const absl::Status valid = [&]() -> absl::Status {
    const operations::Caller caller = CallerOf(*context);
    // Who watches what is about everybody.
    if (request->service().empty()) {
      return parts_.access->Authorize(caller, operations::Verb::kStatus, {});
    }
    ASSIGN_OR_RETURN(question.service,
                     ServiceNameFromApi(request->namespace_(), request->service()));
    return parts_.access->Authorize(caller, operations::Verb::kHistory, question.service);
  }();
  if (!valid.ok()) {
    call.Finish(valid);
    return call.reactor();
  }
  StampToApi(parts_.reads->Stamp(*parts_.reads->Local()), response->mutable_info());
  parts_.audience->Ask(question, kAskTimeoutMs,
                       [call, response](operations::Audience::Answer answer) {
                         Fill(std::move(answer), response->mutable_subscribers(),
                              response->mutable_unreachable_nodes());
                         call.Finish(absl::OkStatus());
                       });
  return call.reactor();
}

grpc::ServerUnaryReactor* SubscribersService::Drain(grpc::CallbackServerContext* context,
                                                    const registry::v1::DrainRequest* request,
                                                    registry::v1::DrainResponse* response) {
  const CountedCall call(context->DefaultReactor(), drain_);
  const int64_t wait_ms = request->wait_ms() == 0 ? kWaitDefaultMs : request->wait_ms();
  auto target = wire::TargetFromApi("instance", request->instance());
  absl::Status valid = target.status();
  if (valid.ok() && (wait_ms < 1 || wait_ms > kWaitMaxMs)) {
    valid = absl::InvalidArgumentError(
        Text("wait_ms: must be 1 to ", kWaitMaxMs, ", is ", request->wait_ms()));
  }
  if (!valid.ok()) {
    call.Finish(valid);
    return call.reactor();
  }
  parts_.drains->Drain(CallerOf(*context), wire::RequestIdFromApi(request->request_id()),
                       *std::move(target), request->message(), request->force(), wait_ms,
                       [call, response](absl::StatusOr<operations::Drained> drained) {
                         if (drained.ok()) {
                           response->set_revision(drained->revision.value());
                           response->set_drained(drained->waiting.empty());
                           wire::InstanceToApi(*drained->instance, response->mutable_instance());
                           Fill(std::move(drained->waiting), response->mutable_waiting_for(),
                                response->mutable_unreachable_nodes());
                         }
                         call.Finish(drained.status());
                       });
  return call.reactor();
}

}  // namespace registryd::api
