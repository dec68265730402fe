#include "registryd/api/history_service.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "registryd/api/call.h"
#include "registryd/api/lookup_codec.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/validate.h"
#include "registryd/wire/api_codec.h"

namespace registryd::api {
namespace {

constexpr int64_t kWaitMaxMs = 10'000;
constexpr uint32_t kPageDefault = 1'000;
constexpr uint32_t kPageMax = 10'000;

void ChangeToApi(const wire::HistoryEntry& entry, const core::InstanceChange& change,
                 registry::v1::Change* out) {
  out->set_revision(entry.revision.value());
  out->set_time_ms(entry.time_ms);
  out->set_actor(entry.actor);
  out->set_cause(std::string(core::ToString(change.cause)));
  out->set_evidence(change.evidence);
  out->set_namespace_(std::string(change.name().ns()));
  out->set_service(std::string(change.name().service()));
  out->set_id(std::string(change.name().id()));
  if (change.before) wire::InstanceToApi(*change.before, out->mutable_before());
  if (change.after) wire::InstanceToApi(*change.after, out->mutable_after());
}

absl::StatusOr<operations::Moment> MomentFromApi(std::string_view path,
                                                 const registry::v1::Moment& moment) {
  if (moment.revision() != 0 && moment.time_ms() != 0) {
    return absl::InvalidArgumentError(Text(path, ": give a revision or a time, not both"));
  }
  if (moment.time_ms() < 0) {
    return absl::InvalidArgumentError(Text(path, ".time_ms: must not be negative"));
  }
  return operations::Moment{Revision(moment.revision()), moment.time_ms()};
}

absl::StatusOr<operations::ChangesQuery> ChangesFromApi(
    const registry::v1::ListChangesRequest& request) {
  operations::ChangesQuery query;
  const bool all = request.namespace_() == "*";
  if (!request.service().empty()) {
    if (all) return absl::InvalidArgumentError("namespace: a service has one namespace");
    ASSIGN_OR_RETURN(query.scope.name, ServiceNameFromApi(request.namespace_(), request.service()));
    query.id = request.id();
  } else {
    if (!request.id().empty()) return absl::InvalidArgumentError("id: needs a service");
    query.scope.prefix = true;
    if (!all) {
      const std::string_view ns =
          request.namespace_().empty() ? std::string_view("default") : request.namespace_();
      RETURN_IF_ERROR(core::ValidateName("namespace", ns));
      query.scope.name = Text(ns, "/");
    }
  }
  if (request.page_size() > kPageMax) {
    return absl::InvalidArgumentError(
        Text("page_size: at most ", kPageMax, ", is ", request.page_size()));
  }
  query.page = request.page_size() == 0 ? kPageDefault : request.page_size();
  query.since_ms = request.since_ms();
  query.before = Revision(request.before_revision());
  return query;
}

}  // namespace

grpc::ServerUnaryReactor* HistoryService::ListChanges(
    grpc::CallbackServerContext* context, const registry::v1::ListChangesRequest* request,
    registry::v1::ListChangesResponse* response) {
  const CountedCall call(context->DefaultReactor(), list_changes_);
  call.Finish(FillChanges(CallerOf(*context), *request, response));
  return call.reactor();
}

absl::Status HistoryService::FillChanges(const operations::Caller& caller,
                                         const registry::v1::ListChangesRequest& request,
                                         registry::v1::ListChangesResponse* response) const {
  ASSIGN_OR_RETURN(const operations::ChangesQuery query, ChangesFromApi(request));
  ASSIGN_OR_RETURN(const operations::ChangesPage page, history_->List(caller, query));
  StampToApi(reads_->Stamp(*page.view), response->mutable_info());
  for (const wire::HistoryEntry& entry : page.entries) {
    for (const core::InstanceChange& change : entry.changes) {
      ChangeToApi(entry, change, response->add_changes());
    }
  }
  response->set_next_before_revision(page.next_before.value());
  response->set_oldest_revision(page.floor.value());
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* HistoryService::LookupPast(grpc::CallbackServerContext* context,
                                                     const registry::v1::LookupPastRequest* request,
                                                     registry::v1::LookupPastResponse* response) {
  const CountedCall call(context->DefaultReactor(), lookup_past_);
  call.Finish(FillPast(CallerOf(*context), *request, response));
  return call.reactor();
}

absl::Status HistoryService::FillPast(const operations::Caller& caller,
                                      const registry::v1::LookupPastRequest& request,
                                      registry::v1::LookupPastResponse* response) const {
  ASSIGN_OR_RETURN(const operations::LookupQuery query, QueryFromApi("lookup", request.lookup()));
  ASSIGN_OR_RETURN(const operations::Moment moment, MomentFromApi("at", request.at()));
  ASSIGN_OR_RETURN(const operations::PastService past,
                   history_->At(caller, query.service_name, moment));
  const operations::Selection selection = operations::Select(*past.service, query);
  StampToApi(reads_->Stamp(*past.view), response->mutable_lookup()->mutable_info());
  response->mutable_lookup()->mutable_info()->set_revision(past.revision.value());
  response->mutable_lookup()->set_total(selection.total);
  for (const core::InstancePtr& instance : selection.instances) {
    wire::InstanceToApi(*instance, response->mutable_lookup()->add_instances());
  }
  response->set_revision_time_ms(past.revision_time_ms);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* HistoryService::Diff(grpc::CallbackServerContext* context,
                                               const registry::v1::DiffRequest* request,
                                               registry::v1::DiffResponse* response) {
  const CountedCall call(context->DefaultReactor(), diff_);
  call.Finish(FillDiff(CallerOf(*context), *request, response));
  return call.reactor();
}

absl::Status HistoryService::FillDiff(const operations::Caller& caller,
                                      const registry::v1::DiffRequest& request,
                                      registry::v1::DiffResponse* response) const {
  ASSIGN_OR_RETURN(const std::string service,
                   ServiceNameFromApi(request.namespace_(), request.service()));
  ASSIGN_OR_RETURN(const operations::Moment from, MomentFromApi("from", request.from()));
  ASSIGN_OR_RETURN(const operations::Moment to, MomentFromApi("to", request.to()));
  ASSIGN_OR_RETURN(const operations::PastService then, history_->At(caller, service, from));
  ASSIGN_OR_RETURN(const operations::PastService later, history_->At(caller, service, to));
  StampToApi(reads_->Stamp(*later.view), response->mutable_info());
  response->set_from_revision(then.revision.value());
  response->set_to_revision(later.revision.value());
  std::map<std::string, std::pair<core::InstancePtr, core::InstancePtr>> sides;  // by id
  then.service->instances.ForEach([&](const core::InstancePtr& instance) {
    sides[std::string(instance->name().id())].first = instance;
  });
  later.service->instances.ForEach([&](const core::InstancePtr& instance) {
    sides[std::string(instance->name().id())].second = instance;
  });
  for (const auto& [id, side] : sides) {
    const auto& [before, after] = side;
    if (before && after && before->changed == after->changed) continue;
    auto* difference = response->add_differences();
    if (before) wire::InstanceToApi(*before, difference->mutable_before());
    if (after) wire::InstanceToApi(*after, difference->mutable_after());
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* HistoryService::Explain(grpc::CallbackServerContext* context,
                                                  const registry::v1::ExplainRequest* request,
                                                  registry::v1::ExplainResponse* response) {
  const CountedCall call(context->DefaultReactor(), explain_);
  const operations::Caller caller = CallerOf(*context);
  auto query = QueryFromApi("lookup", request->lookup());
  absl::Status valid = query.status();
  if (valid.ok()) valid = reads_->Authorize(caller, query->service_name);
  if (valid.ok() && !request->id().empty()) valid = core::ValidateInstanceId("id", request->id());
  const auto options =
      ReadOptionsFromApi(request->lookup().read(), TimeLeftMs(*context, kWaitMaxMs));
  if (valid.ok()) valid = options.status();
  if (!valid.ok()) {
    call.Finish(valid);
    return call.reactor();
  }
  // Whoever may look up is told why it finds what it finds; who did that is history.
  const operations::History* history =
      history_->MayRead(caller, query->service_name) ? history_ : nullptr;
  reads_->Fresh(*options, [this, call, request, response, history, query = *std::move(query)](
                              absl::StatusOr<operations::ViewPtr> view) mutable {
    if (!view.ok()) return call.Finish(view.status());
    // A view that was waited for comes on the loop, which must not read the disk.
    const bool posted = worker_->Post(
        [this, call, request, response, history, query = std::move(query), view = *view] {
          call.Finish(FillVerdicts(*view, query, request->id(), history, response));
        });
    if (!posted) call.Finish(absl::UnavailableError("this node stops"));
  });
  return call.reactor();
}

absl::Status HistoryService::FillVerdicts(const replica::View& view,
                                          const operations::LookupQuery& query,
                                          const std::string& id, const operations::History* history,
                                          registry::v1::ExplainResponse* response) const {
  ASSIGN_OR_RETURN(const auto verdicts, operations::Explain(view, query, id, history));
  StampToApi(reads_->Stamp(view), response->mutable_info());
  for (const operations::Verdict& verdict : verdicts) {
    auto* out = response->add_verdicts();
    out->set_id(verdict.id);
    out->set_returned(verdict.position != 0);
    out->set_position(verdict.position);
    if (verdict.instance) wire::InstanceToApi(*verdict.instance, out->mutable_instance());
    for (const operations::ExplainStep& step : verdict.steps) {
      auto* one = out->add_steps();
      one->set_name(step.name);
      one->set_passed(step.passed);
      one->set_detail(step.detail);
    }
    if (verdict.last_change) {
      ChangeToApi(*verdict.last_change, verdict.last_change->changes.front(),
                  out->mutable_last_change());
    }
  }
  return absl::OkStatus();
}

}  // namespace registryd::api
