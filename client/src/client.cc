#include "registry/client.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/local/convert.h"
#include "client/src/calls.h"
#include "client/src/client_core.h"
#include "client/src/renewal_entry.h"

namespace registry {
namespace {

absl::Status CheckTtl(absl::Duration ttl) {
  if (ttl > absl::ZeroDuration()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("ttl: must be 2s to 1h, is ", absl::FormatDuration(ttl)));
}

std::vector<InstanceSpec> WithIds(std::vector<InstanceSpec> specs, RequestIds& ids) {
  for (InstanceSpec& spec : specs) {
    if (spec.id.empty()) spec.id = ids.InstanceId();
  }
  return specs;
}

// All pages of a list, each at the revision of the one before or a later one.
template <class Page, class Query, class Ask, class Append>
absl::StatusOr<Page> AllPages(Query query, Ask ask, Append append) {
  Page all;
  bool first = true;
  while (true) {
    auto page = ask(query);
    if (!page.ok()) return page.status();
    if (!first && page->info.cluster_id != all.info.cluster_id) {
      return absl::AbortedError("the registry was restored while it was listed; list it again");
    }
    if (!page->next_page_token.empty() && page->next_page_token == query.page_token) {
      return MalformedAnswer("a page that is followed by itself");
    }
    first = false;
    all.info = page->info;
    query.page_token = page->next_page_token;
    query.read.min_revision = std::max(query.read.min_revision, page->info.revision);
    append(all, *std::move(page));
    if (query.page_token.empty()) return all;
  }
}

// Now, and again after each time.
void AskHealth(ClientCore* core, const std::shared_ptr<RenewalEntry>& entry,
               TimePoint at = Clock::now()) {
  core->callbacks().Schedule(entry.get(), 0, at, [core, entry] {
    const HealthReport report = entry->options().health_check();
    entry->Say(report.health, report.message);
    if (entry->untold()) core->loop().Report(entry);
    AskHealth(core, entry,
              Clock::now() +
                  std::max<Clock::duration>(ToSteady(entry->options().health_every), Millis(10)));
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  auto core = ClientCore::Create(std::move(options));
  if (!core.ok()) return core.status();
  return std::unique_ptr<Client>(new Client(*std::move(core)));
}

Client::Client(std::shared_ptr<ClientCore> core) : core_(std::move(core)) {}

Client::~Client() = default;

absl::StatusOr<LookupResult> Client::Lookup(const LookupQuery& query) {
  const v1::LookupRequest request = ToProto(query);
  v1::LookupResponse response;
  const absl::Status status =
      core_->servers().Call({.name = "Lookup", .timeout = core_->timeout()},
                            [&](const Server& server, grpc::ClientContext* context) {
                              return server.discovery->Lookup(context, request, &response);
                            });
  if (!status.ok()) return status;
  return ToResult(response);
}

absl::StatusOr<ServicesPage> Client::ListServicesPage(const ListServicesQuery& query) {
  const v1::ListServicesRequest request = ToProto(query);
  v1::ListServicesResponse response;
  const absl::Status status =
      core_->servers().Call({.name = "ListServices", .timeout = core_->timeout()},
                            [&](const Server& server, grpc::ClientContext* context) {
                              return server.discovery->ListServices(context, request, &response);
                            });
  if (!status.ok()) return status;
  return ToPage(response);
}

absl::StatusOr<InstancesPage> Client::ListInstancesPage(const ListInstancesQuery& query) {
  const v1::ListInstancesRequest request = ToProto(query);
  v1::ListInstancesResponse response;
  const absl::Status status =
      core_->servers().Call({.name = "ListInstances", .timeout = core_->timeout()},
                            [&](const Server& server, grpc::ClientContext* context) {
                              return server.discovery->ListInstances(context, request, &response);
                            });
  if (!status.ok()) return status;
  return ToPage(response);
}

absl::StatusOr<ServicesPage> Client::ListServices(const ListServicesQuery& query) {
  return AllPages<ServicesPage>(
      query, [this](const ListServicesQuery& page) { return ListServicesPage(page); },
      [](ServicesPage& all, ServicesPage page) {
        std::move(page.services.begin(), page.services.end(), std::back_inserter(all.services));
      });
}

absl::StatusOr<InstancesPage> Client::ListInstances(const ListInstancesQuery& query) {
  return AllPages<InstancesPage>(
      query, [this](const ListInstancesQuery& page) { return ListInstancesPage(page); },
      [](InstancesPage& all, InstancesPage page) {
        std::move(page.instances.begin(), page.instances.end(), std::back_inserter(all.instances));
      });
}

absl::StatusOr<RegisterResult> Client::Register(const std::vector<InstanceSpec>& specs,
                                                const RegisterOptions& options) {
  v1::RegisterRequest request;
  *request.mutable_request_id() = core_->ids().Next();
  for (const InstanceSpec& spec : WithIds(specs, core_->ids())) {
    *request.add_instances() = ToProto(spec);
  }
  if (!options.permanent) {
    v1::LeaseSpec* lease = request.mutable_lease();
    lease->set_owner(options.owner);
    if (options.lease_id != 0) {
      lease->set_lease_id(options.lease_id);
    } else {
      const absl::Status ttl = CheckTtl(options.ttl);
      if (!ttl.ok()) return ttl;
      lease->set_lease_id(core_->ids().Random());
      lease->set_ttl_ms(CeilMillis(options.ttl));
    }
  }
  return registry::Register(*core_, request, core_->timeout());
}

absl::StatusOr<std::unique_ptr<Registration>> Client::KeepRegistered(
    const std::vector<InstanceSpec>& specs, const RegistrationOptions& given) {
  const absl::Status ttl = CheckTtl(given.ttl);
  if (!ttl.ok()) return ttl;
  RegistrationOptions options = given;
  if (options.owner.empty()) options.owner = core_->options().name;
  if (core_->forked()) return ForkedError();
  auto entry = std::make_shared<RenewalEntry>(WithIds(specs, core_->ids()), std::move(options));
  const TimePoint asked_at = Clock::now();
  const auto result = registry::Register(*core_, entry->Request(core_->ids()), core_->timeout());
  if (result.ok()) {
    entry->Granted(*result, asked_at);
  } else {
    const absl::StatusCode code = result.status().code();
    const bool transient = IsTransient(code) || code == absl::StatusCode::kDeadlineExceeded;
    if (!given.keep_trying || !transient) return result.status();
  }
  core_->loop().Add(entry);
  if (entry->options().health_check) AskHealth(core_.get(), entry);
  return std::unique_ptr<Registration>(new Registration(core_, std::move(entry)));
}

absl::StatusOr<std::unique_ptr<Subscription>> Client::Subscribe(
    const WatchQuery& query, const SubscriptionOptions& options) {
  const absl::Status checked = CheckQuery(query);
  if (!checked.ok()) return checked;
  if (core_->forked()) return ForkedError();
  core_->loop();
  // Keeps the core for as long as there is a subscription.
  std::shared_ptr<Subscriptions> owner(core_, &core_->subscriptions());
  auto state = owner->Add(query, options);
  return std::make_unique<Subscription>(std::move(owner), std::move(state));
}

absl::StatusOr<DeregisterResult> Client::Deregister(const std::vector<InstanceRef>& instances,
                                                    const DeregisterOptions& options) {
  return registry::Deregister(*core_, instances, options, core_->timeout());
}

absl::StatusOr<ChangeResult> Client::Update(const InstanceUpdate& update) {
  return registry::Update(*core_, update, core_->timeout());
}

absl::StatusOr<ChangeResult> Client::SetHealth(const InstanceRef& instance, Health health,
                                               const std::string& message, bool force) {
  return registry::SetHealth(*core_, instance, health, message, force, core_->timeout());
}

absl::StatusOr<Lease> Client::GrantLease(const GrantLeaseOptions& options) {
  const absl::Status ttl = CheckTtl(options.ttl);
  if (!ttl.ok()) return ttl;
  v1::GrantLeaseRequest request;
  *request.mutable_request_id() = core_->ids().Next();
  request.mutable_lease()->set_lease_id(options.lease_id != 0 ? options.lease_id
                                                              : core_->ids().Random());
  request.mutable_lease()->set_ttl_ms(CeilMillis(options.ttl));
  request.mutable_lease()->set_owner(options.owner);
  v1::GrantLeaseResponse response;
  const absl::Status status =
      core_->servers().Call({.name = "GrantLease", .timeout = core_->timeout(), .write = true},
                            [&](const Server& server, grpc::ClientContext* context) {
                              return server.lease->Grant(context, request, &response);
                            });
  if (!status.ok()) return status;
  return ToLease(response.lease());
}

absl::StatusOr<RevokeResult> Client::RevokeLease(uint64_t lease_id, uint64_t epoch) {
  return registry::RevokeLease(*core_, lease_id, epoch, core_->timeout());
}

const std::vector<std::string>& Client::servers() const { return core_->options().servers; }

}  // namespace registry
