#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "registry/v1/cluster.grpc.pb.h"
#include "registry/v1/discovery.grpc.pb.h"
#include "registry/v1/history.grpc.pb.h"
#include "registry/v1/lease.grpc.pb.h"
#include "registry/v1/registration.grpc.pb.h"
#include "registryd/core/limits.h"
#include "tests/support/test_services.h"

namespace registryd::api {
namespace {

using namespace registry::v1;  // NOLINT: the messages under test
using testing::TestReplica;

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() {
    services_.Start();
    const auto& channel = services_.channel();
    registration_ = Registration::NewStub(channel);
    lease_ = registry::v1::Lease::NewStub(channel);
    discovery_ = Discovery::NewStub(channel);
    cluster_ = Cluster::NewStub(channel);
  }
  grpc::Status Register(const std::string& service, const std::string& id,
                        RegisterResponse* response = nullptr, uint64_t lease = 0) {
    RegisterRequest request;
    auto* spec = request.add_instances();
    spec->set_service(service);
    spec->set_id(id);
    auto* endpoint = spec->add_endpoints();
    endpoint->set_host("10.0.0.1");
    endpoint->set_port(8080);
    if (lease != 0) {
      request.mutable_lease()->set_lease_id(lease);
      request.mutable_lease()->set_ttl_ms(6'000);
    }
    grpc::ClientContext context;
    RegisterResponse ignored;
    return registration_->Register(&context, request, response ? response : &ignored);
  }
  LookupResponse Lookup(LookupRequest request) {
    grpc::ClientContext context;
    LookupResponse response;
    const grpc::Status status = discovery_->Lookup(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  static LookupRequest For(const std::string& service) {
    LookupRequest request;
    request.set_service(service);
    return request;
  }

  const SystemClock clock_;
  TestReplica node_;
  operations::OpenAccess access_;
  testing::TestServices services_{&node_, &clock_, &access_};
  std::unique_ptr<Registration::Stub> registration_;
  std::unique_ptr<registry::v1::Lease::Stub> lease_;
  std::unique_ptr<Discovery::Stub> discovery_;
  std::unique_ptr<Cluster::Stub> cluster_;
};

TEST_F(ApiTest, WhatIsRegisteredIsLookedUp) {
  RegisterResponse registered;
  ASSERT_TRUE(Register("web", "i-1", &registered, 7).ok());
  EXPECT_EQ(registered.revision(), 1u);
  EXPECT_EQ(registered.instances(0).incarnation(), 1u);
  EXPECT_EQ(registered.lease().lease_id(), 7u);
  EXPECT_EQ(registered.lease().renew_every_ms(), 2'000);
  const LookupResponse found = Lookup(For("web"));
  EXPECT_EQ(found.info().revision(), 1u);
  EXPECT_EQ(found.info().cluster_id(), 99u);
  EXPECT_TRUE(found.info().leader_known());
  EXPECT_EQ(found.total(), 1u);
  ASSERT_EQ(found.instances_size(), 1);
  EXPECT_EQ(found.instances(0).spec().id(), "i-1");
  EXPECT_EQ(found.instances(0).health(), HEALTH_PASSING);
  EXPECT_EQ(Lookup(For("nothing")).instances_size(), 0);
}

TEST_F(ApiTest, ARepeatedRequestIsAnsweredWithTheIdsThatItMade) {
  RegisterRequest request;
  request.mutable_request_id()->set_client_id(5);
  request.mutable_request_id()->set_sequence(1);
  request.mutable_lease();  // the registry makes the lease's id too
  for (int i = 0; i < 2; ++i) {
    auto* spec = request.add_instances();
    spec->set_service("web");
    auto* endpoint = spec->add_endpoints();
    endpoint->set_host("10.0.0.1");
    endpoint->set_port(80);
  }
  RegisterResponse first;
  RegisterResponse second;
  for (RegisterResponse* response : {&first, &second}) {
    grpc::ClientContext context;
    ASSERT_TRUE(registration_->Register(&context, request, response).ok());
  }
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
  EXPECT_NE(first.instances(0).id(), first.instances(1).id());
  EXPECT_EQ(Lookup(For("web")).instances_size(), 2);
}

TEST_F(ApiTest, ThePlainAnswerAndTheFilteredOneAreTheSame) {
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(Register("web", "i-" + std::to_string(1'000 + i)).ok());
  const LookupResponse plain = Lookup(For("web"));
  LookupRequest request = For("web");
  request.add_health(HEALTH_PASSING);
  const LookupResponse filtered = Lookup(request);
  EXPECT_EQ(plain.SerializeAsString(), filtered.SerializeAsString());
  BatchLookupRequest batch;
  *batch.add_lookups() = For("web");
  *batch.add_lookups() = For("nothing");
  grpc::ClientContext context;
  BatchLookupResponse answers;
  ASSERT_TRUE(discovery_->BatchLookup(&context, batch, &answers).ok());
  ASSERT_EQ(answers.lookups_size(), 2);
  EXPECT_EQ(answers.lookups(0).instances_size(), 300);
  EXPECT_EQ(answers.lookups(0).instances(299).SerializeAsString(),
            plain.instances(299).SerializeAsString());
}

TEST_F(ApiTest, ALargeAnswerIsWhole) {  // over the size that is copied
  RegisterRequest request;
  for (int i = 0; i < 1'000; ++i) {
    auto* spec = request.add_instances();
    spec->set_service("big");
    spec->set_id("i-" + std::to_string(10'000 + i));
    auto* endpoint = spec->add_endpoints();
    endpoint->set_host("10.0.0.1");
    endpoint->set_port(80);
    (*spec->mutable_labels())["padding"] = std::string(100, 'x');
  }
  grpc::ClientContext context;
  RegisterResponse response;
  ASSERT_TRUE(registration_->Register(&context, request, &response).ok());
  const LookupResponse found = Lookup(For("big"));
  ASSERT_EQ(found.instances_size(), 1'000);
  EXPECT_EQ(found.instances(999).spec().id(), "i-10999");
  EXPECT_EQ(found.instances(500).spec().labels().at("padding"), std::string(100, 'x'));
}

TEST_F(ApiTest, ZoneAndLimitOrderTheAnswer) {
  for (const char* id : {"a", "b", "c"}) {
    RegisterRequest request;
    auto* spec = request.add_instances();
    spec->set_service("web");
    spec->set_id(id);
    spec->set_zone(id == std::string("c") ? "near" : "far");
    auto* endpoint = spec->add_endpoints();
    endpoint->set_host("h");
    endpoint->set_port(1);
    grpc::ClientContext context;
    RegisterResponse response;
    ASSERT_TRUE(registration_->Register(&context, request, &response).ok());
  }
  LookupRequest request = For("web");
  request.set_zone("near");
  request.set_limit(2);
  const LookupResponse found = Lookup(request);
  EXPECT_EQ(found.total(), 3u);
  ASSERT_EQ(found.instances_size(), 2);
  EXPECT_EQ(found.instances(0).spec().id(), "c");
  EXPECT_EQ(found.instances(1).spec().id(), "a");
}

TEST_F(ApiTest, MinRevisionWaitsForIt) {  // G2
  LookupRequest request = For("web");
  request.mutable_read()->set_min_revision(1);
  grpc::ClientContext context;
  LookupResponse response;
  std::promise<grpc::Status> answered;
  discovery_->async()->Lookup(&context, &request, &response,
                              [&](grpc::Status status) { answered.set_value(status); });
  ASSERT_TRUE(Register("web", "i-1").ok());
  const grpc::Status status = answered.get_future().get();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.instances_size(), 1);
}

TEST_F(ApiTest, ALinearizableReadNeedsALeader) {  // G2
  ASSERT_TRUE(Register("web", "i-1").ok());
  LookupRequest request = For("web");
  request.mutable_read()->set_consistency(CONSISTENCY_LINEARIZABLE);
  EXPECT_EQ(Lookup(request).instances_size(), 1);
  node_.proposer().Refuse(absl::UnavailableError("no leader"));
  grpc::ClientContext context;
  LookupResponse response;
  EXPECT_EQ(discovery_->Lookup(&context, request, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Lookup(For("web")).instances_size(), 1) << "LOCAL goes on (G11)";
}

// Wherever the view comes from, the disk is waited for on the worker: one that has stopped says so.
TEST_F(ApiTest, ExplainReadsThePastOnTheWorker) {
  ASSERT_TRUE(Register("web", "i-1").ok());
  const auto history = History::NewStub(services_.channel());
  const auto explain = [&](ExplainResponse* response) {
    ExplainRequest request;
    *request.mutable_lookup() = For("web");
    grpc::ClientContext context;
    return history->Explain(&context, request, response);
  };
  ExplainResponse told;
  ASSERT_TRUE(explain(&told).ok());
  ASSERT_EQ(told.verdicts_size(), 1);
  EXPECT_EQ(told.verdicts(0).last_change().cause(), "register");
  services_.worker().Stop();
  EXPECT_EQ(explain(&told).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Lookup(For("web")).instances_size(), 1);
}

TEST_F(ApiTest, ListsPageByPage) {
  for (int i = 0; i < 25; ++i)
    ASSERT_TRUE(Register("s-" + std::to_string(10 + i % 5), "i-" + std::to_string(i)).ok());
  std::vector<std::string> names;
  ListServicesRequest request;
  request.set_page_size(2);
  do {
    grpc::ClientContext context;
    ListServicesResponse response;
    ASSERT_TRUE(discovery_->ListServices(&context, request, &response).ok());
    for (const auto& service : response.services()) {
      names.push_back(service.service());
      EXPECT_EQ(service.passing(), 5u);
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(names, (std::vector<std::string>{"s-10", "s-11", "s-12", "s-13", "s-14"}));
  size_t instances = 0;
  ListInstancesRequest list;
  list.set_page_size(4);
  do {
    grpc::ClientContext context;
    ListInstancesResponse response;
    ASSERT_TRUE(discovery_->ListInstances(&context, list, &response).ok());
    instances += static_cast<size_t>(response.instances_size());
    list.set_page_token(response.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(instances, 25u);
}

TEST_F(ApiTest, TheInstancesOfANamespaceWithALongNameAreListed) {
  const std::string ns(core::limits::kNameSize, 'n');
  core::Register command{{testing::Spec("web", "i-1")}, std::nullopt};
  command.instances[0].name = core::InstanceName(ns, "web", "i-1");
  node_.Apply(command);
  ListInstancesRequest list;
  list.set_namespace_(ns);
  grpc::ClientContext context;
  ListInstancesResponse response;
  ASSERT_TRUE(discovery_->ListInstances(&context, list, &response).ok());
  ASSERT_EQ(response.instances_size(), 1);
  EXPECT_EQ(response.instances(0).spec().namespace_(), ns);
}

TEST_F(ApiTest, BadFieldsAreNamedAndNothingChanges) {  // G10
  grpc::Status status = Register("we b", "i-1");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message().rfind("instances[0].service: ", 0), 0u)
      << status.error_message();
  LookupRequest request = For("web");
  request.set_selector("env in (");
  grpc::ClientContext context;
  LookupResponse response;
  status = discovery_->Lookup(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message().rfind("selector: ", 0), 0u) << status.error_message();
  EXPECT_EQ(node_.proposer().proposed(), 0u);
}

TEST_F(ApiTest, KeepAliveTellsWhatIsLost) {
  RegisterResponse registered;
  ASSERT_TRUE(Register("web", "i-1", &registered, 7).ok());
  grpc::ClientContext context;
  auto stream = lease_->KeepAlive(&context);
  KeepAliveRequest request;
  request.set_frame(1);
  request.add_lease_ids(7);
  request.add_epochs(registered.lease().epoch());
  request.add_lease_ids(8);
  request.add_epochs(1);
  ASSERT_TRUE(stream->Write(request));
  KeepAliveResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.frame(), 1u);
  EXPECT_TRUE(response.accepted());
  EXPECT_EQ(response.next_in_ms(), 2'000);
  ASSERT_EQ(response.lost_lease_ids_size(), 1);
  EXPECT_EQ(response.lost_lease_ids(0), 8u);
  // Many frames without reading: answered in order.
  for (uint64_t frame = 2; frame < 40; ++frame) {
    request.set_frame(frame);
    ASSERT_TRUE(stream->Write(request));
  }
  for (uint64_t frame = 2; frame < 40; ++frame) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.frame(), frame);
  }
  request.add_epochs(3);
  ASSERT_TRUE(stream->Write(request));
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ApiTest, FramesBeforeTheEndOfInputAreAnswered) {
  for (int round = 0; round < 50; ++round) {
    grpc::ClientContext context;
    auto stream = lease_->KeepAlive(&context);
    KeepAliveRequest request;
    for (uint64_t frame = 1; frame <= 3; ++frame) {
      request.set_frame(frame);
      ASSERT_TRUE(stream->Write(request));
    }
    stream->WritesDone();
    KeepAliveResponse response;
    for (uint64_t frame = 1; frame <= 3; ++frame) {
      ASSERT_TRUE(stream->Read(&response));
      EXPECT_EQ(response.frame(), frame);
    }
    EXPECT_FALSE(stream->Read(&response));
    EXPECT_TRUE(stream->Finish().ok());
  }
}

TEST_F(ApiTest, StoppingEndsStreamsWithAHint) {
  grpc::ClientContext context;
  auto keep_alive = lease_->KeepAlive(&context);
  KeepAliveResponse answer;
  ASSERT_TRUE(keep_alive->Write(KeepAliveRequest()));
  ASSERT_TRUE(keep_alive->Read(&answer));
  grpc::ClientContext watch_context;
  auto watch = discovery_->Watch(&watch_context);
  WatchRequest subscribe;
  subscribe.mutable_subscribe()->set_subscription(1);
  subscribe.mutable_subscribe()->set_service("web");
  ASSERT_TRUE(watch->Write(subscribe));
  WatchResponse event;
  ASSERT_TRUE(watch->Read(&event));
  services_.server().Stop(1'000);
  while (watch->Read(&event)) {
  }
  for (const grpc::Status& status : {keep_alive->Finish(), watch->Finish()}) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_NE(status.error_message().find("shutting down"), std::string::npos)
        << status.error_message();
  }
}

TEST_F(ApiTest, AWatchBeginsWithASnapshotAndGoesOnWithChanges) {  // G3
  ASSERT_TRUE(Register("web", "i-1").ok());
  grpc::ClientContext context;
  auto stream = discovery_->Watch(&context);
  WatchRequest request;
  request.mutable_subscribe()->set_subscription(5);
  request.mutable_subscribe()->set_service("web");
  ASSERT_TRUE(stream->Write(request));
  WatchResponse event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.subscription(), 5u);
  ASSERT_TRUE(event.has_snapshot());
  EXPECT_TRUE(event.snapshot().first());
  EXPECT_TRUE(event.snapshot().last());
  EXPECT_EQ(event.snapshot().cursor().revision(), 1u);
  EXPECT_EQ(event.snapshot().instances_size(), 1);
  ASSERT_TRUE(Register("web", "i-2").ok());
  ASSERT_TRUE(Register("api", "i-3").ok());
  do {
    ASSERT_TRUE(stream->Read(&event));
  } while (!event.has_changes());
  EXPECT_EQ(event.changes().revision(), 2u);
  ASSERT_EQ(event.changes().changed_size(), 1);
  EXPECT_EQ(event.changes().changed(0).spec().id(), "i-2");
  // The beat moves the cursor past changes that are not ours.
  do {
    ASSERT_TRUE(stream->Read(&event));
  } while (!event.has_progress());
  EXPECT_EQ(event.progress().revision(), 3u);
  EXPECT_EQ(event.progress().count(), 2u);
  context.TryCancel();
  stream->Finish();
}

TEST_F(ApiTest, AWatchResumesOrSaysWhyNot) {  // G3
  ASSERT_TRUE(Register("web", "i-1").ok());
  const auto watch_from = [this](uint64_t cluster, uint64_t revision) {
    grpc::ClientContext context;
    auto stream = discovery_->Watch(&context);
    WatchRequest request;
    auto* subscribe = request.mutable_subscribe();
    subscribe->set_subscription(1);
    subscribe->set_service("web");
    subscribe->mutable_resume()->set_cluster_id(cluster);
    subscribe->mutable_resume()->set_revision(revision);
    EXPECT_TRUE(stream->Write(request));
    WatchResponse event;
    EXPECT_TRUE(stream->Read(&event));
    context.TryCancel();
    stream->Finish();
    return event;
  };
  EXPECT_TRUE(watch_from(98, 1).has_resync());
  EXPECT_TRUE(watch_from(99, 50).has_resync());
  EXPECT_EQ(watch_from(99, 1).progress().revision(), 1u);
}

TEST_F(ApiTest, ABadSubscriptionEndsAloneAndTheOthersGoOn) {
  grpc::ClientContext context;
  auto stream = discovery_->Watch(&context);
  WatchRequest request;
  request.mutable_subscribe()->set_subscription(1);
  request.mutable_subscribe()->set_service("we b");
  ASSERT_TRUE(stream->Write(request));
  WatchResponse event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.ended().code(), static_cast<uint32_t>(grpc::StatusCode::INVALID_ARGUMENT));
  request.mutable_subscribe()->set_service("web");
  const auto refused = [&](const std::string& field) {
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&event));
    EXPECT_EQ(event.ended().code(), static_cast<uint32_t>(grpc::StatusCode::INVALID_ARGUMENT));
    EXPECT_NE(event.ended().message().find(field), std::string::npos) << event.DebugString();
  };
  request.mutable_subscribe()->add_health(static_cast<registry::v1::Health>(99));
  refused("health[0]");
  request.mutable_subscribe()->clear_health();
  request.mutable_subscribe()->set_selector("env in (a");
  refused("selector");
  request.mutable_subscribe()->clear_selector();
  request.mutable_subscribe()->set_version_range(">=one");
  refused("version_range");
  request.mutable_subscribe()->clear_version_range();
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_TRUE(event.has_snapshot());
  context.TryCancel();
  stream->Finish();
}

TEST_F(ApiTest, AWatchOfAWholeNamespaceComesInParts) {
  for (int call = 0; call < 3; ++call) {
    RegisterRequest request;
    for (int i = 0; i < 900; ++i) {
      auto* spec = request.add_instances();
      spec->set_service("s-" + std::to_string(call));
      spec->set_id("i-" + std::to_string(10'000 + i));
      auto* endpoint = spec->add_endpoints();
      endpoint->set_host("10.0.0.1");
      endpoint->set_port(80);
    }
    grpc::ClientContext context;
    RegisterResponse response;
    ASSERT_TRUE(registration_->Register(&context, request, &response).ok());
  }
  grpc::ClientContext context;
  auto stream = discovery_->Watch(&context);
  WatchRequest request;
  request.mutable_subscribe()->set_subscription(1);
  ASSERT_TRUE(stream->Write(request));
  std::set<std::string> seen;
  int parts = 0;
  WatchResponse event;
  do {
    ASSERT_TRUE(stream->Read(&event));
    ASSERT_TRUE(event.has_snapshot());
    EXPECT_EQ(event.snapshot().first(), parts == 0);
    ++parts;
    for (const auto& i : event.snapshot().instances()) {
      EXPECT_TRUE(seen.insert(i.spec().service() + "/" + i.spec().id()).second);
    }
  } while (!event.snapshot().last());
  EXPECT_GE(parts, 3);
  EXPECT_EQ(seen.size(), 2'700u);
  context.TryCancel();
  stream->Finish();
}

TEST_F(ApiTest, StatusAndHealthAnswer) {
  grpc::ClientContext context;
  StatusResponse response;
  ASSERT_TRUE(cluster_->Status(&context, StatusRequest(), &response).ok());
  EXPECT_EQ(response.node(), "a");
}

}  // namespace
}  // namespace registryd::api
