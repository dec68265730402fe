#include "registryd/api/discovery_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "registryd/api/call.h"
#include "registryd/api/lookup_codec.h"
#include "registryd/api/watch_call.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/validate.h"
#include "registryd/wire/api_codec.h"

namespace registryd::api {
namespace {

constexpr int64_t kWaitMaxMs = 10'000;
constexpr uint32_t kPageDefault = 1'000;
constexpr uint32_t kPageMax = 10'000;
constexpr int kBatchMax = 1'000;

uint32_t PageSize(uint32_t asked) { return asked == 0 ? kPageDefault : asked; }

// `slashes`: how many a token of this list has.
absl::Status ValidPage(uint32_t page_size, const std::string& page_token, int slashes) {
  if (page_size > kPageMax) {
    return absl::InvalidArgumentError(Text("page_size: at most ", kPageMax, ", is ", page_size));
  }
  if (!page_token.empty() && std::count(page_token.begin(), page_token.end(), '/') != slashes) {
    return absl::InvalidArgumentError("page_token: not one that this list gave out");
  }
  return absl::OkStatus();
}

// Authorizes, waits until the view is fresh, lets `answer(view)` fill the response, finishes.
template <class Answer>
grpc::ServerUnaryReactor* ReadCall(grpc::CallbackServerContext* context, const CountedCall& call,
                                   operations::Reads* reads, const absl::Status& valid,
                                   const registry::v1::ReadOptions& read, Answer answer) {
  const auto options = ReadOptionsFromApi(read, TimeLeftMs(*context, kWaitMaxMs));
  if (!valid.ok() || !options.ok()) {
    call.Finish(valid.ok() ? options.status() : valid);
    return call.reactor();
  }
  reads->Fresh(*options, [call, answer = std::move(answer)](
                             absl::StatusOr<operations::ViewPtr> view) mutable {
    if (view.ok()) answer(*view);
    call.Finish(view.status());
  });
  return call.reactor();
}

using VisibleNames = std::shared_ptr<const core::NameSet>;

absl::Status VisibleTo(operations::Reads* reads, const operations::Caller& caller,
                       VisibleNames* visible) {
  ASSIGN_OR_RETURN(*visible, reads->Visible(caller));
  return absl::OkStatus();
}

absl::Status ValidOptional(std::string_view path, std::string_view name) {
  return name.empty() ? absl::OkStatus() : core::ValidateName(path, name);
}

}  // namespace

grpc::ServerUnaryReactor* DiscoveryService::Lookup(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* bytes,
                                                   grpc::ByteBuffer* response) {
  const CountedCall call(context->DefaultReactor(), lookup_);
  registry::v1::LookupRequest request;
  if (!ParseRequest(*bytes, &request)) {
    call.Finish(absl::InvalidArgumentError("not a LookupRequest"));
    return call.reactor();
  }
  auto query = QueryFromApi("", request);
  absl::Status allowed = query.status();
  if (query.ok() && !query->plain) query->filter_id = reads_->FilterId(query->filter);
  if (query.ok()) allowed = reads_->Authorize(CallerOf(*context), query->service_name);
  if (!allowed.ok()) {
    call.Finish(allowed);
    return call.reactor();
  }
  const auto options = ReadOptionsFromApi(request.read(), kWaitMaxMs);
  if (options.ok() && !options->special()) {
    const operations::ViewPtr view = reads_->Local();
    *response = EncodeLookup(reads_->Stamp(*view), view, *query);
    call.Finish(absl::OkStatus());
    return call.reactor();
  }
  return ReadCall(context, call, reads_, absl::OkStatus(), request.read(),
                  [this, response, query = *std::move(query)](const operations::ViewPtr& view) {
                    *response = EncodeLookup(reads_->Stamp(*view), view, query);
                  });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* DiscoveryService::Watch(
    grpc::CallbackServerContext* context) {
  auto call = std::make_shared<WatchCall>(watches_, CallerOf(*context), context);
  WatchReactor* reactor = call.get();
  call->Start(&watch_);
  watches_->hub().AddBeating(call);
  streams_->Add(std::move(call));
  return reactor;
}

grpc::ServerUnaryReactor* DiscoveryService::BatchLookup(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* bytes,
                                                        grpc::ByteBuffer* response) {
  registry::v1::BatchLookupRequest request;
  if (!ParseRequest(*bytes, &request)) {
    const CountedCall call(context->DefaultReactor(), batch_lookup_);
    call.Finish(absl::InvalidArgumentError("not a BatchLookupRequest"));
    return call.reactor();
  }
  std::vector<operations::LookupQuery> queries;
  const operations::Caller caller = CallerOf(*context);
  const absl::Status valid = [&]() -> absl::Status {
    if (request.lookups_size() == 0 || request.lookups_size() > kBatchMax) {
      return absl::InvalidArgumentError(
          Text("lookups: must be 1 to ", kBatchMax, ", are ", request.lookups_size()));
    }
    for (int i = 0; i < request.lookups_size(); ++i) {
      ASSIGN_OR_RETURN(auto query, QueryFromApi(Text("lookups[", i, "]"), request.lookups(i)));
      if (!query.plain) query.filter_id = reads_->FilterId(query.filter);
      RETURN_IF_ERROR(reads_->Authorize(caller, query.service_name));
      queries.push_back(std::move(query));
    }
    return absl::OkStatus();
  }();
  return ReadCall(context, CountedCall(context->DefaultReactor(), batch_lookup_), reads_, valid,
                  request.read(),
                  [this, response, queries = std::move(queries)](const operations::ViewPtr& view) {
                    *response = EncodeBatchLookup(reads_->Stamp(*view), view, queries);
                  });
}

grpc::ServerUnaryReactor* DiscoveryService::ListServices(
    grpc::CallbackServerContext* context, const registry::v1::ListServicesRequest* request,
    registry::v1::ListServicesResponse* response) {
  absl::Status valid = ValidOptional("namespace", request->namespace_());
  if (valid.ok()) valid = ValidPage(request->page_size(), request->page_token(), 1);
  VisibleNames visible;
  if (valid.ok()) valid = VisibleTo(reads_, CallerOf(*context), &visible);
  return ReadCall(
      context, CountedCall(context->DefaultReactor(), list_services_), reads_, valid,
      request->read(), [this, request, response, visible](const operations::ViewPtr& view) {
        StampToApi(reads_->Stamp(*view), response->mutable_info());
        // Names sort as "namespace/service", so a namespace and a prefix of names are one range.
        const std::string range = request->namespace_().empty()
                                      ? std::string()
                                      : Text(request->namespace_(), "/", request->prefix());
        const uint32_t page = PageSize(request->page_size());
        uint32_t listed = 0;
        view->services.ForEachFrom(
            std::max(range, request->page_token()), [&](const replica::ServicePtr& service) {
              if (service->name.compare(0, range.size(), range) != 0) return false;
              if (visible != nullptr && !visible->Contains(service->name)) return true;
              const size_t slash = service->name.find('/');
              // All namespaces with a prefix of names: not one range, so each name is looked at.
              if (range.empty() && service->name.compare(slash + 1, request->prefix().size(),
                                                         request->prefix()) != 0) {
                return true;
              }
              if (listed++ == page) {
                response->set_next_page_token(service->name);
                return false;
              }
              auto* summary = response->add_services();
              summary->set_namespace_(service->name.substr(0, slash));
              summary->set_service(service->name.substr(slash + 1));
              summary->set_passing(service->Count(core::Health::kPassing));
              summary->set_suspect(service->Count(core::Health::kSuspect));
              summary->set_critical(service->Count(core::Health::kCritical));
              summary->set_draining(service->Count(core::Health::kDraining));
              summary->set_changed_revision(service->changed.value());
              return true;
            });
      });
}

grpc::ServerUnaryReactor* DiscoveryService::ListInstances(
    grpc::CallbackServerContext* context, const registry::v1::ListInstancesRequest* request,
    registry::v1::ListInstancesResponse* response) {
  absl::Status valid = ValidOptional("namespace", request->namespace_());
  if (valid.ok()) valid = ValidOptional("service", request->service());
  if (valid.ok()) valid = ValidPage(request->page_size(), request->page_token(), 2);
  VisibleNames visible;
  if (valid.ok()) valid = VisibleTo(reads_, CallerOf(*context), &visible);
  return ReadCall(
      context, CountedCall(context->DefaultReactor(), list_instances_), reads_, valid,
      request->read(), [this, request, response, visible](const operations::ViewPtr& view) {
        StampToApi(reads_->Stamp(*view), response->mutable_info());
        // A token is "namespace/service/id": where the next page begins.
        const std::string& token = request->page_token();
        const size_t id_at = token.rfind('/');
        const std::string token_service =
            id_at == std::string::npos ? std::string() : token.substr(0, id_at);
        std::string_view ns = request->namespace_();
        if (ns.empty() && !request->service().empty()) ns = "default";
        const std::string range = ns.empty() ? std::string() : Text(ns, "/", request->service());
        const bool one_service = !request->service().empty();
        const uint32_t page = PageSize(request->page_size());
        uint32_t listed = 0;
        view->services.ForEachFrom(
            std::max(range, token_service), [&](const replica::ServicePtr& s) {
              if (s->name.compare(0, range.size(), range) != 0) return false;
              if (one_service && s->name != range) return false;
              if (visible != nullptr && !visible->Contains(s->name)) return true;
              bool more = true;
              const std::string from =
                  s->name == token_service ? token.substr(id_at + 1) : std::string();
              s->instances.ForEachFrom(from, [&](const core::InstancePtr& instance) {
                if (listed++ == page) {
                  response->set_next_page_token(instance->name().text());
                  return more = false;
                }
                wire::InstanceToApi(*instance, response->add_instances());
                return true;
              });
              return more;
            });
      });
}

}  // namespace registryd::api
