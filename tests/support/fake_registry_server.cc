#include "tests/support/fake_registry_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "tests/support/fake_watch.h"

namespace registryd::testing {

namespace v1 = registry::v1;

namespace {

std::string Key(const std::string& ns, const std::string& service, const std::string& id) {
  return (ns.empty() ? "default" : ns) + "/" + service + "/" + id;
}

std::string Key(const v1::InstanceRef& ref) {
  return Key(ref.namespace_(), ref.service(), ref.id());
}

grpc::Status NotFound(const std::string& what) {
  return {grpc::StatusCode::NOT_FOUND, what + " does not exist"};
}

grpc::Status Refused(const std::string& why) {
  return {grpc::StatusCode::FAILED_PRECONDITION, why};
}

grpc::Status Invalid(const std::string& why) { return {grpc::StatusCode::INVALID_ARGUMENT, why}; }

}  // namespace

// The four services over one state. Methods run with the owner's mutex held, inside its Run.
class FakeServices final {
 public:
  using State = FakeRegistryServer::State;

  explicit FakeServices(FakeRegistryServer* owner)
      : registration(owner), discovery(owner), lease(owner), cluster(owner) {}

  static void FillInfo(const State& state, v1::AnswerInfo* info) {
    info->set_cluster_id(state.cluster_id);
    info->set_revision(state.revision);
    info->set_leader_known(true);
  }

  static bool Outdated(const State& state, const v1::InstanceRef& ref) {
    const auto found = state.instances.find(Key(ref));
    return found != state.instances.end() && ref.incarnation() != 0 &&
           ref.incarnation() != found->second.incarnation();
  }

  // Grants where there is none; the id must not be 0.
  static grpc::Status Attach(State& state, const v1::LeaseSpec& spec, v1::GrantedLease* granted) {
    auto found = state.leases.find(spec.lease_id());
    if (found == state.leases.end()) {
      if (spec.ttl_ms() == 0) return NotFound("lease " + std::to_string(spec.lease_id()));
      found = state.leases.emplace(spec.lease_id(), FakeRegistryServer::LeaseState{}).first;
      found->second = {state.next_epoch++, spec.ttl_ms(), spec.owner()};
    }
    granted->set_lease_id(spec.lease_id());
    granted->set_epoch(found->second.epoch);
    granted->set_ttl_ms(found->second.ttl_ms);
    granted->set_renew_every_ms(found->second.ttl_ms / 3);
    return grpc::Status::OK;
  }

  struct Registration final : v1::Registration::Service {
    explicit Registration(FakeRegistryServer* fake) : owner(fake) {}

    grpc::Status Register(grpc::ServerContext* context, const v1::RegisterRequest* request,
                          v1::RegisterResponse* response) override {
      return owner->Run("Register", context, &request->request_id(), response, [&] {
        State& state = owner->state_;
        state.registers.push_back(*request);
        if (request->instances().empty()) return Invalid("instances: must be 1 to 1000, are 0");
        if (request->has_lease()) {
          const grpc::Status attached = Attach(state, request->lease(), response->mutable_lease());
          if (!attached.ok()) return attached;
        }
        ++state.revision;
        for (const v1::InstanceSpec& spec : request->instances()) {
          v1::Instance& instance =
              state.instances[Key(spec.namespace_(), spec.service(), spec.id())];
          if (instance.incarnation() == 0 || instance.lease_id() != request->lease().lease_id()) {
            instance.set_incarnation(state.revision);
          }
          *instance.mutable_spec() = spec;
          instance.set_lease_id(request->lease().lease_id());
          instance.set_health(v1::HEALTH_PASSING);
          instance.set_health_reason(v1::HEALTH_REASON_REGISTERED);
          instance.set_changed_revision(state.revision);
          auto* registered = response->add_instances();
          registered->set_id(spec.id());
          registered->set_incarnation(instance.incarnation());
        }
        response->set_revision(state.revision);
        return grpc::Status::OK;
      });
    }

    grpc::Status Deregister(grpc::ServerContext* context, const v1::DeregisterRequest* request,
                            v1::DeregisterResponse* response) override {
      return owner->Run("Deregister", context, &request->request_id(), response, [&] {
        State& state = owner->state_;
        for (const v1::InstanceRef& ref : request->instances()) {
          if (Outdated(state, ref)) return Refused("instances[0].incarnation: is an older one");
        }
        for (const v1::InstanceRef& ref : request->instances()) {
          response->add_removed(state.instances.erase(Key(ref)) == 1);
        }
        response->set_revision(++state.revision);
        return grpc::Status::OK;
      });
    }

    template <class Response>
    grpc::Status Change(const v1::InstanceRef& ref, Response* response,
                        const std::function<void(v1::Instance&)>& change) {
      State& state = owner->state_;
      const auto found = state.instances.find(Key(ref));
      if (found == state.instances.end()) return NotFound("instance " + Key(ref));
      if (Outdated(state, ref)) return Refused("instance.incarnation: is an older one");
      change(found->second);
      found->second.set_changed_revision(++state.revision);
      response->set_revision(state.revision);
      *response->mutable_instance() = found->second;
      return grpc::Status::OK;
    }

    grpc::Status Update(grpc::ServerContext* context, const v1::UpdateRequest* request,
                        v1::UpdateResponse* response) override {
      return owner->Run("Update", context, &request->request_id(), response, [&] {
        owner->state_.updates.push_back(*request);
        return Change(request->instance(), response, [&](v1::Instance& instance) {
          v1::InstanceSpec* spec = instance.mutable_spec();
          if (request->has_labels()) *spec->mutable_labels() = request->labels().entries();
          if (request->has_endpoints()) {
            *spec->mutable_endpoints() = request->endpoints().entries();
          }
          if (request->has_weight()) spec->set_weight(request->weight());
          if (request->has_version()) spec->set_version(request->version());
          if (request->has_zone()) spec->set_zone(request->zone());
        });
      });
    }

    grpc::Status SetHealth(grpc::ServerContext* context, const v1::SetHealthRequest* request,
                           v1::SetHealthResponse* response) override {
      return owner->Run("SetHealth", context, &request->request_id(), response, [&] {
        owner->state_.health_reports.push_back(*request);
        return Change(request->instance(), response, [&](v1::Instance& instance) {
          instance.set_health(request->health());
          instance.set_health_reason(v1::HEALTH_REASON_REPORTED);
          instance.set_health_message(request->message());
        });
      });
    }

    FakeRegistryServer* owner;
  };

  struct Discovery final : v1::Discovery::WithCallbackMethod_Watch<v1::Discovery::Service> {
    explicit Discovery(FakeRegistryServer* fake) : owner(fake) {}

    grpc::Status Lookup(grpc::ServerContext* context, const v1::LookupRequest* request,
                        v1::LookupResponse* response) override {
      return owner->Run("Lookup", context, nullptr, response, [&] {
        State& state = owner->state_;
        state.lookups.push_back(*request);
        if (request->service().empty()) return Invalid("service: must not be empty");
        std::set<int> wanted(request->health().begin(), request->health().end());
        if (wanted.empty()) wanted = {v1::HEALTH_PASSING, v1::HEALTH_SUSPECT};
        const std::string prefix = Key(request->namespace_(), request->service(), "");
        for (const auto& [key, instance] : state.instances) {
          if (key.rfind(prefix, 0) != 0 || !wanted.contains(instance.health())) continue;
          response->set_total(response->total() + 1);
          if (request->limit() == 0 || response->total() <= request->limit()) {
            *response->add_instances() = instance;
          }
        }
        FillInfo(state, response->mutable_info());
        return grpc::Status::OK;
      });
    }

    grpc::ServerBidiReactor<v1::WatchRequest, v1::WatchResponse>* Watch(
        grpc::CallbackServerContext* /*context*/) override {
      return new FakeWatch(owner);  // deletes itself
    }

    // A page begins at its token, the key of its first element.
    grpc::Status ListServices(grpc::ServerContext* context, const v1::ListServicesRequest* request,
                              v1::ListServicesResponse* response) override {
      return owner->Run("ListServices", context, nullptr, response, [&] {
        State& state = owner->state_;
        state.service_lists.push_back(*request);
        std::map<std::string, v1::ServiceSummary> services;
        for (const auto& [key, instance] : state.instances) {
          v1::ServiceSummary& summary = services[key.substr(0, key.rfind('/'))];
          summary.set_namespace_(instance.spec().namespace_());
          summary.set_service(instance.spec().service());
          summary.set_passing(summary.passing() + (instance.health() == v1::HEALTH_PASSING));
          summary.set_critical(summary.critical() + (instance.health() == v1::HEALTH_CRITICAL));
        }
        for (const auto& [key, summary] : services) {
          if (key < request->page_token()) continue;
          if (response->services_size() == static_cast<int>(request->page_size())) {
            response->set_next_page_token(key);
            break;
          }
          *response->add_services() = summary;
        }
        FillInfo(state, response->mutable_info());
        return grpc::Status::OK;
      });
    }

    grpc::Status ListInstances(grpc::ServerContext* context,
                               const v1::ListInstancesRequest* request,
                               v1::ListInstancesResponse* response) override {
      return owner->Run("ListInstances", context, nullptr, response, [&] {
        for (const auto& [key, instance] : owner->state_.instances) {
          if (key < request->page_token()) continue;
          if (response->instances_size() == static_cast<int>(request->page_size())) {
            response->set_next_page_token(key);
            break;
          }
          *response->add_instances() = instance;
        }
        FillInfo(owner->state_, response->mutable_info());
        return grpc::Status::OK;
      });
    }

    FakeRegistryServer* owner;
  };

  struct Lease final : v1::Lease::Service {
    explicit Lease(FakeRegistryServer* fake) : owner(fake) {}

    grpc::Status Grant(grpc::ServerContext* context, const v1::GrantLeaseRequest* request,
                       v1::GrantLeaseResponse* response) override {
      return owner->Run("Grant", context, &request->request_id(), response, [&] {
        return Attach(owner->state_, request->lease(), response->mutable_lease());
      });
    }

    grpc::Status Revoke(grpc::ServerContext* context, const v1::RevokeLeaseRequest* request,
                        v1::RevokeLeaseResponse* response) override {
      return owner->Run("Revoke", context, &request->request_id(), response, [&] {
        State& state = owner->state_;
        const auto found = state.leases.find(request->lease_id());
        if (found == state.leases.end()) {
          return NotFound("lease " + std::to_string(request->lease_id()));
        }
        if (request->epoch() != 0 && request->epoch() != found->second.epoch) {
          return Refused("epoch: is an older one");
        }
        response->set_removed(std::erase_if(state.instances, [&](const auto& entry) {
          return entry.second.lease_id() == request->lease_id();
        }));
        state.leases.erase(found);
        response->set_revision(++state.revision);
        return grpc::Status::OK;
      });
    }

    grpc::Status KeepAlive(
        grpc::ServerContext* context,
        grpc::ServerReaderWriter<v1::KeepAliveResponse, v1::KeepAliveRequest>* stream) override {
      {
        std::lock_guard lock(owner->mutex_);
        ++owner->state_.calls["KeepAlive"];
      }
      owner->changed_.notify_all();
      v1::KeepAliveRequest frame;
      while (stream->Read(&frame)) {
        owner->WaitWhileSilent(context);
        v1::KeepAliveResponse answer;
        {
          std::lock_guard lock(owner->mutex_);
          grpc::Status failure;
          if (owner->TakeFailure("KeepAlive", FakeRegistryServer::kBeforeApplying, &failure)) {
            return failure;
          }
          Answer(frame, &answer);
          if (const auto& change = owner->tampering_["KeepAlive"]) change(&answer);
        }
        owner->changed_.notify_all();
        if (!stream->Write(answer)) break;
      }
      return {grpc::StatusCode::UNAVAILABLE, "the server stops"};
    }

    void Answer(const v1::KeepAliveRequest& frame, v1::KeepAliveResponse* answer) {
      State& state = owner->state_;
      state.frames.push_back(frame);
      answer->set_frame(frame.frame());
      answer->set_accepted(owner->accepting_);
      if (!owner->accepting_) return;
      answer->set_next_in_ms(owner->next_in_ms_);
      for (int i = 0; i < frame.lease_ids_size(); ++i) {
        const auto found = state.leases.find(frame.lease_ids(i));
        if (found == state.leases.end() || found->second.epoch != frame.epochs(i)) {
          answer->add_lost_lease_ids(frame.lease_ids(i));
        }
      }
    }

    FakeRegistryServer* owner;
  };

  struct Cluster final : v1::Cluster::Service {
    explicit Cluster(FakeRegistryServer* fake) : owner(fake) {}

    grpc::Status Status(grpc::ServerContext* context, const v1::StatusRequest* /*request*/,
                        v1::StatusResponse* response) override {
      return owner->Run("Status", context, nullptr, response, [&] {
        FillInfo(owner->state_, response->mutable_info());
        response->set_node("n1");
        response->set_version("0.1.0");
        response->set_leader("n1");
        v1::Member* member = response->add_members();
        member->set_name("n1");
        member->set_role(v1::Member::ROLE_LEADER);
        member->set_applied_index(42);
        response->set_instances(owner->state_.instances.size());
        response->set_uptime_ms(1'500);
        return grpc::Status::OK;
      });
    }

    FakeRegistryServer* owner;
  };

  Registration registration;
  Discovery discovery;
  Lease lease;
  Cluster cluster;
};

FakeRegistryServer::FakeRegistryServer() : services_(std::make_unique<FakeServices>(this)) {
  Start();
}

FakeRegistryServer::~FakeRegistryServer() { Stop(); }

void FakeRegistryServer::Start() {
  // A port that was ours a moment ago may be lent to an outgoing connection of another test for a
  // while.
  const bool listens = WaitFor([this] {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(address(), grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&services_->registration);
    builder.RegisterService(&services_->discovery);
    builder.RegisterService(&services_->lease);
    builder.RegisterService(&services_->cluster);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) return false;
    port_ = port;
    return true;
  });
  if (!listens) {
    std::fprintf(stderr, "FakeRegistryServer: cannot listen on %s\n", address().c_str());
    std::abort();
  }
}

void FakeRegistryServer::Stop() {
  if (server_ == nullptr) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  server_->Shutdown(gpr_now(GPR_CLOCK_MONOTONIC));
  server_->Wait();
  server_.reset();
  std::lock_guard lock(mutex_);
  stopping_ = false;
}

void FakeRegistryServer::FailNext(const std::string& method, grpc::StatusCode code, int times,
                                  When when) {
  std::lock_guard lock(mutex_);
  failures_[method] = {code, times, when};
}

void FakeRegistryServer::SetSilent(bool silent) {
  {
    std::lock_guard lock(mutex_);
    silent_ = silent;
  }
  changed_.notify_all();
}

void FakeRegistryServer::SetAccepting(bool accepting) {
  std::lock_guard lock(mutex_);
  accepting_ = accepting;
}

void FakeRegistryServer::LoseLeases() {
  Change([](State& state) {
    state.leases.clear();
    ++state.revision;
    for (auto& [key, instance] : state.instances) {
      if (instance.lease_id() == 0) continue;
      instance.set_health(v1::HEALTH_CRITICAL);
      instance.set_health_reason(v1::HEALTH_REASON_LEASE_EXPIRED);
      instance.set_changed_revision(state.revision);
    }
  });
}

void FakeRegistryServer::EndWatches(const grpc::Status& status) {
  {
    std::lock_guard lock(mutex_);
    end_watches_ = status;
    ++watch_generation_;
  }
  changed_.notify_all();
}

void FakeRegistryServer::Change(const std::function<void(State&)>& change) {
  {
    std::lock_guard lock(mutex_);
    change(state_);
    NoteGone();
  }
  changed_.notify_all();
}

uint64_t FakeRegistryServer::Put(const std::string& service, const std::string& id, uint32_t weight,
                                 const std::string& ns) {
  uint64_t revision = 0;
  Change([&](State& state) {
    revision = ++state.revision;
    v1::Instance& instance = state.instances[Key(ns, service, id)];
    if (instance.incarnation() == 0) instance.set_incarnation(revision);
    instance.mutable_spec()->set_namespace_(ns);
    instance.mutable_spec()->set_service(service);
    instance.mutable_spec()->set_id(id);
    instance.mutable_spec()->set_weight(weight);
    if (instance.spec().endpoints().empty()) {
      v1::Endpoint* endpoint = instance.mutable_spec()->add_endpoints();
      endpoint->set_name("default");
      endpoint->set_host("10.0.0.1");
      endpoint->set_port(80);
    }
    instance.set_health(v1::HEALTH_PASSING);
    instance.set_health_reason(v1::HEALTH_REASON_REGISTERED);
    instance.set_changed_revision(revision);
  });
  return revision;
}

uint64_t FakeRegistryServer::Take(const std::string& service, const std::string& id,
                                  const std::string& ns) {
  uint64_t revision = 0;
  Change([&](State& state) {
    revision = ++state.revision;
    state.instances.erase(Key(ns, service, id));
  });
  return revision;
}

// What was there and is not any more has left at the present revision.
void FakeRegistryServer::NoteGone() {
  std::set<std::string> now;
  for (const auto& [key, instance] : state_.instances) {
    now.insert(key);
    state_.gone.erase(key);
  }
  for (const std::string& key : known_) {
    if (!now.contains(key)) state_.gone[key] = state_.revision;
  }
  known_ = std::move(now);
}

void FakeRegistryServer::Tamper(const std::string& method,
                                std::function<void(google::protobuf::Message*)> change) {
  std::lock_guard lock(mutex_);
  tampering_[method] = std::move(change);
}

void FakeRegistryServer::SetNextInMs(int64_t next_in_ms) {
  std::lock_guard lock(mutex_);
  next_in_ms_ = next_in_ms;
}

bool FakeRegistryServer::Await(std::function<bool(State&)> condition) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return condition(state_); });
}

grpc::Status FakeRegistryServer::Run(const std::string& method, grpc::ServerContext* context,
                                     const v1::RequestId* request_id,
                                     google::protobuf::Message* response,
                                     const std::function<grpc::Status()>& apply) {
  {
    std::lock_guard lock(mutex_);
    ++state_.calls[method];
    if (request_id != nullptr) state_.request_ids[method].push_back(*request_id);
    const auto agent = context->client_metadata().find("user-agent");
    if (agent != context->client_metadata().end()) {
      state_.user_agent = std::string(agent->second.data(), agent->second.size());
    }
  }
  changed_.notify_all();
  WaitWhileSilent(context);
  grpc::Status status;
  {
    std::lock_guard lock(mutex_);
    if (TakeFailure(method, kBeforeApplying, &status)) return status;
    const auto id = request_id == nullptr
                        ? std::pair<uint64_t, uint64_t>()
                        : std::pair(request_id->client_id(), request_id->sequence());
    const auto known = answered_.find(id);
    if (id.first != 0 && known != answered_.end()) {
      if (!response->ParseFromString(known->second)) std::abort();
    } else {
      status = apply();
      NoteGone();
      if (status.ok()) {
        ++state_.applied[method];
        if (id.first != 0) answered_[id] = response->SerializeAsString();
      }
    }
    TakeFailure(method, kAfterApplying, &status);
    if (const auto& change = tampering_[method]) change(response);
  }
  changed_.notify_all();
  return status;
}

void FakeRegistryServer::WaitWhileSilent(grpc::ServerContext* context) {
  std::unique_lock lock(mutex_);
  // The end of a call wakes nobody, so it is looked for.
  while (silent_ && !stopping_ && !context->IsCancelled()) {
    changed_.wait_for(lock, std::chrono::milliseconds(10));
  }
}

bool FakeRegistryServer::TakeFailure(const std::string& method, When when, grpc::Status* status) {
  const auto found = failures_.find(method);
  if (found == failures_.end() || found->second.times == 0 || found->second.when != when) {
    return false;
  }
  --found->second.times;
  *status = grpc::Status(found->second.code, "as the test wants it");
  return true;
}

}  // namespace registryd::testing
