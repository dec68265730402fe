#include <algorithm>
#include <utility>

#include "client/local/convert.h"
#include "client/src/ask.h"
#include "client/src/calls.h"
#include "client/src/client_core.h"
#include "registry/admin.h"
#include "registry/v1/history.grpc.pb.h"
#include "registry/v1/subscribers.grpc.pb.h"

namespace registry {
namespace {

constexpr uint32_t kPage = 1'000;

Change ToChange(const v1::Change& message) {
  Change change{.revision = message.revision(),
                .time_ms = message.time_ms(),
                .actor = message.actor(),
                .cause = message.cause(),
                .evidence = message.evidence(),
                .ns = message.namespace_(),
                .service = message.service(),
                .id = message.id()};
  if (message.has_before()) change.before = ToInstance(message.before());
  if (message.has_after()) change.after = ToInstance(message.after());
  return change;
}

v1::Moment ToProto(const Moment& moment) {
  v1::Moment message;
  message.set_revision(moment.revision);
  message.set_time_ms(moment.time_ms);
  return message;
}

}  // namespace

absl::StatusOr<ChangesResult> Admin::ListChanges(const ChangesQuery& query) {
  v1::ListChangesRequest request;
  request.set_namespace_(query.ns);
  request.set_service(query.service);
  request.set_id(query.id);
  request.set_since_ms(query.since_ms);
  ChangesResult result;
  do {
    const size_t left = query.limit == 0 ? kPage : query.limit - result.changes.size();
    request.set_page_size(static_cast<uint32_t>(std::min<size_t>(left, kPage)));
    v1::ListChangesResponse response;
    const absl::Status status = Ask<v1::History>(
        *core_, "ListChanges", false, &v1::History::StubInterface::ListChanges, request, &response);
    if (!status.ok()) return status;
    for (const v1::Change& change : response.changes()) result.changes.push_back(ToChange(change));
    result.info = ToInfo(response.info());
    result.oldest_revision = response.oldest_revision();
    const uint64_t next = response.next_before_revision();
    if (next != 0 && next == request.before_revision()) {
      return MalformedAnswer("a page that is followed by itself");
    }
    request.set_before_revision(next);
    result.more = next != 0;
  } while (result.more && (query.limit == 0 || result.changes.size() < query.limit));
  std::reverse(result.changes.begin(), result.changes.end());
  return result;
}

absl::StatusOr<PastLookup> Admin::LookupPast(const LookupQuery& query, const Moment& at) {
  v1::LookupPastRequest request;
  *request.mutable_lookup() = registry::ToProto(query);
  *request.mutable_at() = ToProto(at);
  v1::LookupPastResponse response;
  const absl::Status status = Ask<v1::History>(
      *core_, "LookupPast", false, &v1::History::StubInterface::LookupPast, request, &response);
  if (!status.ok()) return status;
  return PastLookup{.lookup = ToResult(response.lookup()),
                    .revision_time_ms = response.revision_time_ms()};
}

absl::StatusOr<DiffResult> Admin::Diff(const std::string& ns, const std::string& service,
                                       const Moment& from, const Moment& to) {
  v1::DiffRequest request;
  request.set_namespace_(ns);
  request.set_service(service);
  *request.mutable_from() = ToProto(from);
  *request.mutable_to() = ToProto(to);
  v1::DiffResponse response;
  const absl::Status status = Ask<v1::History>(
      *core_, "Diff", false, &v1::History::StubInterface::Diff, request, &response);
  if (!status.ok()) return status;
  DiffResult result{.info = ToInfo(response.info()),
                    .from_revision = response.from_revision(),
                    .to_revision = response.to_revision()};
  for (const auto& message : response.differences()) {
    Difference& difference = result.differences.emplace_back();
    if (message.has_before()) difference.before = ToInstance(message.before());
    if (message.has_after()) difference.after = ToInstance(message.after());
  }
  return result;
}

absl::StatusOr<ExplainResult> Admin::Explain(const LookupQuery& query, const std::string& id) {
  v1::ExplainRequest request;
  *request.mutable_lookup() = registry::ToProto(query);
  request.set_id(id);
  v1::ExplainResponse response;
  const absl::Status status = Ask<v1::History>(
      *core_, "Explain", false, &v1::History::StubInterface::Explain, request, &response);
  if (!status.ok()) return status;
  ExplainResult result{.info = ToInfo(response.info())};
  for (const auto& message : response.verdicts()) {
    Verdict& verdict = result.verdicts.emplace_back();
    verdict.id = message.id();
    verdict.position = message.position();
    if (message.has_instance()) verdict.instance = ToInstance(message.instance());
    for (const auto& step : message.steps()) {
      verdict.steps.push_back({step.name(), step.passed(), step.detail()});
    }
    if (message.has_last_change()) verdict.last_change = ToChange(message.last_change());
  }
  return result;
}

absl::StatusOr<SubscribersResult> Admin::ListSubscribers(const std::string& ns,
                                                         const std::string& service) {
  v1::ListSubscribersRequest request;
  request.set_namespace_(ns);
  request.set_service(service);
  v1::ListSubscribersResponse response;
  const absl::Status status =
      Ask<v1::Subscribers>(*core_, "ListSubscribers", false,
                           &v1::Subscribers::StubInterface::ListSubscribers, request, &response);
  if (!status.ok()) return status;
  SubscribersResult result{.info = ToInfo(response.info())};
  for (const auto& one : response.subscribers()) result.subscribers.push_back(ToSubscriber(one));
  result.unreachable_nodes = {response.unreachable_nodes().begin(),
                              response.unreachable_nodes().end()};
  return result;
}

absl::StatusOr<DrainResult> Admin::Drain(const InstanceRef& instance, absl::Duration wait,
                                         const std::string& message, bool force) {
  return registry::Drain(*core_, instance, message, force, ToSteady(wait));
}

}  // namespace registry
