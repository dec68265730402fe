#include "client/testing/fake_services.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "client/testing/fake_watch_stream.h"
#include "registry/v1/cluster.grpc.pb.h"
#include "registry/v1/discovery.grpc.pb.h"
#include "registry/v1/lease.grpc.pb.h"
#include "registry/v1/registration.grpc.pb.h"
#include "registry/v1/subscribers.grpc.pb.h"
#include "registryd/wire/api_codec.h"

namespace registry {

namespace core = registryd::core;
namespace wire = registryd::wire;

namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

void FillInfo(const FakeState& state, uint64_t revision, v1::AnswerInfo* info) {
  info->set_cluster_id(state.cluster_id());
  info->set_revision(revision);
  info->set_leader_known(true);
}

// Served first, then the others, each in the order of ids; ours as they come.
int Rank(const core::Instance& instance) {
  return instance.health() == core::Health::kSuspect ? 1 : 0;
}

class RegistrationFake final : public v1::Registration::Service {
 public:
  explicit RegistrationFake(FakeState* state) : state_(state) {}

  grpc::Status Register(grpc::ServerContext*, const v1::RegisterRequest* request,
                        v1::RegisterResponse* response) override {
    core::Register command;
    for (int i = 0; i < request->instances_size(); ++i) {
      const std::string path = "instances[" + std::to_string(i) + "]";
      // A client makes its ids itself; who speaks the protocol gets one here.
      auto spec = wire::SpecFromApi(path, request->instances(i), "i-" + std::to_string(++made_));
      if (!spec.ok()) return ToGrpc(spec.status());
      response->add_instances()->set_id(std::string(spec->name.id()));
      command.instances.push_back(*std::move(spec));
    }
    if (request->has_lease()) {
      command.lease = core::LeaseClaim{registryd::LeaseId(request->lease().lease_id()),
                                       request->lease().ttl_ms(), request->lease().owner()};
    }
    const auto reply =
        state_->Submit(wire::RequestIdFromApi(request->request_id()), std::move(command));
    if (!reply.ok()) return ToGrpc(reply.status());
    const auto& value = std::get<core::RegisterReply>(reply->value);
    for (size_t i = 0; i < value.incarnations.size(); ++i) {
      response->mutable_instances(static_cast<int>(i))
          ->set_incarnation(value.incarnations[i].value());
    }
    if (value.lease) wire::GrantedLeaseToApi(*value.lease, response->mutable_lease());
    response->set_revision(reply->revision.value());
    return grpc::Status::OK;
  }

  grpc::Status Deregister(grpc::ServerContext*, const v1::DeregisterRequest* request,
                          v1::DeregisterResponse* response) override {
    core::Deregister command;
    for (int i = 0; i < request->instances_size(); ++i) {
      auto target =
          wire::TargetFromApi("instances[" + std::to_string(i) + "]", request->instances(i));
      if (!target.ok()) return ToGrpc(target.status());
      command.targets.push_back(*std::move(target));
    }
    const auto reply =
        state_->Submit(wire::RequestIdFromApi(request->request_id()), std::move(command));
    if (!reply.ok()) return ToGrpc(reply.status());
    for (const bool removed : std::get<core::DeregisterReply>(reply->value).removed) {
      response->add_removed(removed);
    }
    response->set_revision(reply->revision.value());
    return grpc::Status::OK;
  }

  grpc::Status Update(grpc::ServerContext*, const v1::UpdateRequest* request,
                      v1::UpdateResponse* response) override {
    return Change(request->request_id(), wire::UpdateFromApi(*request), response);
  }

  grpc::Status SetHealth(grpc::ServerContext*, const v1::SetHealthRequest* request,
                         v1::SetHealthResponse* response) override {
    return Change(request->request_id(), wire::SetHealthFromApi(*request), response);
  }

 private:
  template <class Command, class Response>
  grpc::Status Change(const v1::RequestId& request, absl::StatusOr<Command> command,
                      Response* response) {
    if (!command.ok()) return ToGrpc(command.status());
    const auto reply = state_->Submit(wire::RequestIdFromApi(request), *std::move(command));
    if (!reply.ok()) return ToGrpc(reply.status());
    response->set_revision(reply->revision.value());
    if (const auto* value = std::get_if<core::InstanceReply>(&reply->value)) {
      if (value->instance) wire::InstanceToApi(*value->instance, response->mutable_instance());
    }
    return grpc::Status::OK;
  }

  FakeState* const state_;
  std::atomic<uint64_t> made_{0};
};

class LeaseFake final : public v1::Lease::Service {
 public:
  explicit LeaseFake(FakeState* state) : state_(state) {}

  grpc::Status Grant(grpc::ServerContext*, const v1::GrantLeaseRequest* request,
                     v1::GrantLeaseResponse* response) override {
    core::GrantLease command;
    command.lease = core::LeaseClaim{registryd::LeaseId(request->lease().lease_id()),
                                     request->lease().ttl_ms(), request->lease().owner()};
    const auto reply =
        state_->Submit(wire::RequestIdFromApi(request->request_id()), std::move(command));
    if (!reply.ok()) return ToGrpc(reply.status());
    wire::GrantedLeaseToApi(std::get<core::LeaseReply>(reply->value).lease,
                            response->mutable_lease());
    return grpc::Status::OK;
  }

  grpc::Status Revoke(grpc::ServerContext*, const v1::RevokeLeaseRequest* request,
                      v1::RevokeLeaseResponse* response) override {
    core::RevokeLease command;
    command.id = registryd::LeaseId(request->lease_id());
    command.epoch = registryd::LeaseEpoch(request->epoch());
    const auto reply =
        state_->Submit(wire::RequestIdFromApi(request->request_id()), std::move(command));
    if (!reply.ok()) return ToGrpc(reply.status());
    response->set_revision(reply->revision.value());
    response->set_removed(std::get<core::CountReply>(reply->value).count);
    return grpc::Status::OK;
  }

  grpc::Status KeepAlive(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::KeepAliveResponse, v1::KeepAliveRequest>* stream) override {
    v1::KeepAliveRequest frame;
    while (stream->Read(&frame)) {
      v1::KeepAliveResponse answer;
      answer.set_frame(frame.frame());
      answer.set_accepted(true);
      answer.set_next_in_ms(100);  // a test does not wait long for a lost lease
      for (int i = 0; i < std::min(frame.lease_ids_size(), frame.epochs_size()); ++i) {
        if (!state_->Alive(frame.lease_ids(i), frame.epochs(i))) {
          answer.add_lost_lease_ids(frame.lease_ids(i));
        }
      }
      if (!stream->Write(answer)) break;
    }
    return {grpc::StatusCode::UNAVAILABLE, "the fake registry stops"};
  }

 private:
  FakeState* const state_;
};

class DiscoveryFake final : public v1::Discovery::WithCallbackMethod_Watch<v1::Discovery::Service> {
 public:
  explicit DiscoveryFake(FakeState* state) : state_(state) {}

  grpc::Status Lookup(grpc::ServerContext*, const v1::LookupRequest* request,
                      v1::LookupResponse* response) override {
    uint64_t revision = 0;
    const absl::Status status = Answer(*request, response, &revision);
    if (!status.ok()) return ToGrpc(status);
    FillInfo(*state_, revision, response->mutable_info());
    return grpc::Status::OK;
  }

  grpc::Status BatchLookup(grpc::ServerContext*, const v1::BatchLookupRequest* request,
                           v1::BatchLookupResponse* response) override {
    uint64_t revision = 0;
    for (const v1::LookupRequest& one : request->lookups()) {
      const absl::Status status = Answer(one, response->add_lookups(), &revision);
      if (!status.ok()) return ToGrpc(status);
    }
    FillInfo(*state_, revision, response->mutable_info());
    return grpc::Status::OK;
  }

  // One page has all: a test's registry is small.
  grpc::Status ListServices(grpc::ServerContext*, const v1::ListServicesRequest* request,
                            v1::ListServicesResponse* response) override {
    uint64_t revision = 0;
    v1::ServiceSummary* last = nullptr;
    for (const auto& instance :
         state_->Find(Prefix(request->namespace_(), request->prefix()), {}, &revision)) {
      const core::InstanceName& name = instance->name();
      if (last == nullptr || last->service() != name.service() || last->namespace_() != name.ns()) {
        last = response->add_services();
        last->set_namespace_(std::string(name.ns()));
        last->set_service(std::string(name.service()));
      }
      switch (instance->health()) {
        case core::Health::kPassing:
          last->set_passing(last->passing() + 1);
          break;
        case core::Health::kSuspect:
          last->set_suspect(last->suspect() + 1);
          break;
        case core::Health::kCritical:
          last->set_critical(last->critical() + 1);
          break;
        case core::Health::kDraining:
          last->set_draining(last->draining() + 1);
          break;
      }
      last->set_changed_revision(
          std::max<uint64_t>(last->changed_revision(), instance->changed.value()));
    }
    FillInfo(*state_, revision, response->mutable_info());
    return grpc::Status::OK;
  }

  grpc::Status ListInstances(grpc::ServerContext*, const v1::ListInstancesRequest* request,
                             v1::ListInstancesResponse* response) override {
    uint64_t revision = 0;
    std::string prefix = Prefix(request->namespace_(), request->service());
    if (!request->service().empty()) prefix += "/";
    for (const auto& instance : state_->Find(prefix, {}, &revision)) {
      wire::InstanceToApi(*instance, response->add_instances());
    }
    FillInfo(*state_, revision, response->mutable_info());
    return grpc::Status::OK;
  }

  grpc::ServerBidiReactor<v1::WatchRequest, v1::WatchResponse>* Watch(
      grpc::CallbackServerContext*) override {
    return new FakeWatchStream(state_);  // deletes itself
  }

 private:
  static std::string Prefix(const std::string& ns, const std::string& service) {
    return ns.empty() ? "" : ns + "/" + service;
  }

  absl::Status Answer(const v1::LookupRequest& request, v1::LookupResponse* response,
                      uint64_t* revision) {
    if (request.service().empty()) return absl::InvalidArgumentError("service: must not be empty");
    auto filter = FakeFilter(request.health(), request.selector(), request.version_range(),
                             core::kServedHealth);
    if (!filter.ok()) return filter.status();
    const std::string ns = request.namespace_().empty() ? "default" : request.namespace_();
    auto found = state_->Find(Prefix(ns, request.service()) + "/", *filter, revision);
    std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) {
      const auto key = [&](const core::Instance& one) {
        return std::pair(Rank(one), !request.zone().empty() && one.spec.zone != request.zone());
      };
      return key(*a) < key(*b);
    });
    response->set_total(static_cast<uint32_t>(found.size()));
    if (request.limit() != 0 && found.size() > request.limit()) found.resize(request.limit());
    for (const auto& instance : found) wire::InstanceToApi(*instance, response->add_instances());
    return absl::OkStatus();
  }

  FakeState* const state_;
};

class SubscribersFake final : public v1::Subscribers::Service {
 public:
  explicit SubscribersFake(FakeState* state) : state_(state) {}

  grpc::Status ListSubscribers(grpc::ServerContext*, const v1::ListSubscribersRequest* request,
                               v1::ListSubscribersResponse* response) override {
    const std::string ns = request->namespace_().empty() ? "default" : request->namespace_();
    const uint64_t revision =
        request->waiting_for() != 0 ? request->waiting_for() : state_->revision() + 1;
    Fill(state_->Behind(ns + "/" + request->service() + "/", revision), state_->revision(),
         response->mutable_subscribers());
    FillInfo(*state_, state_->revision(), response->mutable_info());
    return grpc::Status::OK;
  }

  grpc::Status Drain(grpc::ServerContext* context, const v1::DrainRequest* request,
                     v1::DrainResponse* response) override {
    auto target = wire::TargetFromApi("instance", request->instance());
    if (!target.ok()) return ToGrpc(target.status());
    const auto reply = state_->Submit(wire::RequestIdFromApi(request->request_id()),
                                      core::SetHealth{*std::move(target), core::Report::kDraining,
                                                      request->message(), request->force()});
    if (!reply.ok()) return ToGrpc(reply.status());
    const core::InstancePtr instance = std::get<core::InstanceReply>(reply->value).instance;
    const uint64_t revision = instance->changed.value();
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(request->wait_ms());
    std::vector<FakeState::Watcher> behind;
    while (!(behind = state_->Behind(instance->name().text(), revision)).empty() &&
           std::chrono::steady_clock::now() < end && !context->IsCancelled()) {
      std::this_thread::sleep_for(kLookEvery);
    }
    response->set_revision(revision);
    response->set_drained(behind.empty());
    wire::InstanceToApi(*instance, response->mutable_instance());
    Fill(behind, revision, response->mutable_waiting_for());
    return grpc::Status::OK;
  }

 private:
  static constexpr std::chrono::milliseconds kLookEvery{5};

  static void Fill(const std::vector<FakeState::Watcher>& watchers, uint64_t revision,
                   google::protobuf::RepeatedPtrField<v1::Subscriber>* out) {
    for (const FakeState::Watcher& watcher : watchers) {
      v1::Subscriber* one = out->Add();
      one->set_client_id(watcher.client_id);
      one->set_client_name(watcher.client_name);
      one->set_node("fake");
      one->set_watches(watcher.prefix + "*");
      one->set_connected(true);
      one->set_acknowledged_revision(watcher.acknowledged);
      one->set_behind(revision - std::min(revision, watcher.acknowledged));
      one->set_applied_ms(-1);
      one->set_applied_max_ms(-1);
    }
  }

  FakeState* const state_;
};

class ClusterFake final : public v1::Cluster::Service {
 public:
  explicit ClusterFake(FakeState* state) : state_(state) {}

  grpc::Status Status(grpc::ServerContext*, const v1::StatusRequest*,
                      v1::StatusResponse* response) override {
    FillInfo(*state_, state_->revision(), response->mutable_info());
    response->set_node("fake");
    response->set_leader("fake");
    return grpc::Status::OK;
  }

 private:
  FakeState* const state_;
};

}  // namespace

struct FakeServices::Parts {
  explicit Parts(FakeState* state)
      : registration(state), lease(state), discovery(state), subscribers(state), cluster(state) {}
  RegistrationFake registration;
  LeaseFake lease;
  DiscoveryFake discovery;
  SubscribersFake subscribers;
  ClusterFake cluster;
};

FakeServices::FakeServices(FakeState* state) : parts_(std::make_unique<Parts>(state)) {}

FakeServices::~FakeServices() = default;

void FakeServices::Register(grpc::ServerBuilder* builder) {
  builder->RegisterService(&parts_->registration);
  builder->RegisterService(&parts_->lease);
  builder->RegisterService(&parts_->discovery);
  builder->RegisterService(&parts_->subscribers);
  builder->RegisterService(&parts_->cluster);
}

}  // namespace registry
