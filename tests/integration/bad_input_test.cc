// Promise G10 through the real daemon: bad input gets a clear error that names the field or the id,
// and changes nothing.

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "registry/v1/operator.grpc.pb.h"
#include "registry/v1/subscribers.grpc.pb.h"
#include "tests/support/daemon.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"

namespace registryd::testing {
namespace {

using grpc::StatusCode;
using registry::v1::DeregisterRequest;
using registry::v1::DeregisterResponse;
using registry::v1::GrantLeaseRequest;
using registry::v1::GrantLeaseResponse;
using registry::v1::InstanceSpec;
using registry::v1::KeepAliveRequest;
using registry::v1::KeepAliveResponse;
using registry::v1::ListInstancesRequest;
using registry::v1::ListInstancesResponse;
using registry::v1::ListServicesRequest;
using registry::v1::ListServicesResponse;
using registry::v1::LookupRequest;
using registry::v1::LookupResponse;
using registry::v1::RegisterRequest;
using registry::v1::RegisterResponse;
using registry::v1::RevokeLeaseRequest;
using registry::v1::RevokeLeaseResponse;
using registry::v1::SetHealthRequest;
using registry::v1::SetHealthResponse;
using registry::v1::StatusResponse;
using registry::v1::UpdateRequest;
using registry::v1::UpdateResponse;

constexpr uint64_t kLease = 4711;

// A daemon with one instance, "web/i-1", on lease 4711.
class BadInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
    stubs_ = std::make_unique<Stubs>(daemon_.address());
    RegisterRequest request;
    *request.add_instances() = Spec("web", "i-1");
    request.mutable_lease()->set_lease_id(kLease);
    request.mutable_lease()->set_ttl_ms(3'600'000);
    request.mutable_lease()->set_owner("rightful");
    const grpc::Status status = stubs_->Register(request, &registered_);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  // Everything that a refused call must not touch.
  std::string State() {
    StatusResponse status;
    EXPECT_TRUE(stubs_->Status(&status).ok());
    EXPECT_EQ(status.members_size(), 1);
    std::string state = "revision " + std::to_string(status.info().revision()) + " digest " +
                        std::to_string(status.members(0).digest()) + " leases " +
                        std::to_string(status.leases()) + "\n";
    for (const auto& [name, instance] : stubs_->AllInstances()) state += instance.DebugString();
    return state;
  }

  // `words`: what the message must contain.
  void ExpectRefused(const std::string& what, const std::function<grpc::Status()>& call,
                     StatusCode code, const std::string& words) {
    SCOPED_TRACE(what);
    const std::string before = State();
    const grpc::Status status = call();
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_NE(status.error_message().find(words), std::string::npos)
        << "the message does not name " << words << ": " << status.error_message();
    EXPECT_EQ(State(), before);
  }

  void ExpectSpecRefused(const std::string& what, const std::function<void(InstanceSpec&)>& spoil,
                         const std::string& field) {
    RegisterRequest request;
    *request.add_instances() = Spec("good", "first");
    *request.add_instances() = Spec("good", "second");
    spoil(*request.mutable_instances(1));
    RegisterResponse response;
    ExpectRefused(
        what, [&] { return stubs_->Register(request, &response); }, StatusCode::INVALID_ARGUMENT,
        "instances[1]." + field);
  }

  TempDir dir_;
  Daemon daemon_{dir_.path() + "/data"};
  std::unique_ptr<Stubs> stubs_;
  RegisterResponse registered_;
};

TEST_F(BadInputTest, G10NamesOutsideTheGrammar) {
  for (const std::string& name :
       {std::string(), std::string("we b"), std::string("web/a"), std::string("-web"),
        std::string("web."), std::string("w\u00e9b"), std::string("we\nb"), std::string(64, 'a'),
        std::string(100'000, 'a'), std::string("a\0b", 3)}) {
    ExpectSpecRefused(
        "service " + name.substr(0, 20), [&](auto& s) { s.set_service(name); }, "service");
    if (name.empty()) continue;  // the default namespace, and an id that the registry makes
    ExpectSpecRefused(
        "namespace " + name.substr(0, 20), [&](auto& s) { s.set_namespace_(name); }, "namespace");
    if (name.size() == 64) continue;  // an id may be as long as that
    ExpectSpecRefused(
        "id " + name.substr(0, 20), [&](auto& s) { s.set_id(name); }, "id");
  }
  ExpectSpecRefused(
      "id of 129", [](auto& s) { s.set_id(std::string(129, 'a')); }, "id");
}

TEST_F(BadInputTest, G10Endpoints) {
  for (const uint32_t port : {0u, 65'536u, 70'000u, std::numeric_limits<uint32_t>::max()}) {
    ExpectSpecRefused(
        "port " + std::to_string(port), [&](auto& s) { s.mutable_endpoints(0)->set_port(port); },
        "endpoints[0].port");
  }
  ExpectSpecRefused(
      "no endpoints", [](auto& s) { s.clear_endpoints(); }, "endpoints");
  for (const std::string& host : {std::string(), std::string("a b"), std::string(254, 'a')}) {
    ExpectSpecRefused(
        "host " + host, [&](auto& s) { s.mutable_endpoints(0)->set_host(host); },
        "endpoints[0].host");
  }
  ExpectSpecRefused(
      "endpoint name", [](auto& s) { s.mutable_endpoints(0)->set_name("a b"); },
      "endpoints[0].name");
  ExpectSpecRefused(
      "protocol", [](auto& s) { s.mutable_endpoints(0)->set_protocol(std::string(33, 'p')); },
      "endpoints[0].protocol");
  ExpectSpecRefused(
      "two endpoints of one name", [](auto& s) { *s.add_endpoints() = s.endpoints(0); },
      "endpoints[1].name");
  ExpectSpecRefused(
      "17 endpoints",
      [](auto& s) {
        for (int i = 0; i < 16; ++i) {
          *s.add_endpoints() = s.endpoints(0);
          s.mutable_endpoints(i + 1)->set_name("e" + std::to_string(i));
        }
      },
      "endpoints");
}

TEST_F(BadInputTest, G10TheRestOfAnInstance) {
  ExpectSpecRefused(
      "version", [](auto& s) { s.set_version("one"); }, "version");
  ExpectSpecRefused(
      "weight", [](auto& s) { s.set_weight(65'536); }, "weight");
  ExpectSpecRefused(
      "zone", [](auto& s) { s.set_zone(std::string(64, 'z')); }, "zone");
  ExpectSpecRefused(
      "region", [](auto& s) { s.set_region(std::string(64, 'r')); }, "region");
  ExpectSpecRefused(
      "label key", [](auto& s) { (*s.mutable_labels())[std::string(64, 'k')] = "v"; }, "labels");
  ExpectSpecRefused(
      "label value", [](auto& s) { (*s.mutable_labels())["k"] = std::string(257, 'v'); }, "labels");
  ExpectSpecRefused(
      "65 labels",
      [](auto& s) {
        for (int i = 0; i < 65; ++i) (*s.mutable_labels())["k" + std::to_string(i)] = "v";
      },
      "labels");
}

// Labels fill a message up to its limit; beyond that nobody reads it.
TEST_F(BadInputTest, G10MebibytesOfLabels) {
  const auto fill = [](InstanceSpec& spec, int mebibytes) {
    for (int i = 0; i < mebibytes; ++i) {
      (*spec.mutable_labels())["k" + std::to_string(i)] = std::string(1 << 20, 'v');
    }
  };
  ExpectSpecRefused(
      "3 MiB", [&](auto& s) { fill(s, 3); }, "labels");
  RegisterRequest request;
  *request.add_instances() = Spec("good", "first");
  fill(*request.mutable_instances(0), 10);
  RegisterResponse response;
  ExpectRefused(
      "10 MiB", [&] { return stubs_->Register(request, &response); },
      StatusCode::RESOURCE_EXHAUSTED, "larger than max");
}

TEST_F(BadInputTest, G10SizeOfARegisterCall) {
  RegisterRequest request;
  RegisterResponse response;
  const auto call = [&] { return stubs_->Register(request, &response); };
  ExpectRefused("no instances", call, StatusCode::INVALID_ARGUMENT, "instances");
  for (int i = 0; i < 1'001; ++i) *request.add_instances() = Spec("good", "i" + std::to_string(i));
  ExpectRefused("1,001 instances", call, StatusCode::INVALID_ARGUMENT, "instances");
}

TEST_F(BadInputTest, G10Leases) {
  for (const int64_t ttl :
       {int64_t{-1}, int64_t{1}, int64_t{1'999}, int64_t{3'600'001},
        std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    RegisterRequest request;
    *request.add_instances() = Spec("good", "first");
    request.mutable_lease()->set_lease_id(99);
    request.mutable_lease()->set_ttl_ms(ttl);
    RegisterResponse response;
    ExpectRefused(
        "register with ttl " + std::to_string(ttl),
        [&] { return stubs_->Register(request, &response); }, StatusCode::INVALID_ARGUMENT,
        "lease.ttl_ms");
    GrantLeaseRequest grant;
    grant.mutable_lease()->set_ttl_ms(ttl);
    GrantLeaseResponse granted;
    ExpectRefused(
        "grant with ttl " + std::to_string(ttl), [&] { return stubs_->Grant(grant, &granted); },
        StatusCode::INVALID_ARGUMENT, "lease.ttl_ms");
  }
  RegisterRequest request;
  *request.add_instances() = Spec("good", "first");
  RegisterResponse response;
  const auto call = [&] { return stubs_->Register(request, &response); };
  request.mutable_lease()->set_lease_id(99);
  ExpectRefused("a lease that must exist", call, StatusCode::NOT_FOUND, "99");
  request.mutable_lease()->set_ttl_ms(6'000);
  request.mutable_lease()->set_owner(std::string(129, 'o'));
  ExpectRefused("owner", call, StatusCode::INVALID_ARGUMENT, "lease.owner");
  request.mutable_lease()->set_lease_id(kLease);
  request.mutable_lease()->set_owner("somebody else");
  ExpectRefused("a foreign lease", call, StatusCode::FAILED_PRECONDITION, "4711");

  RevokeLeaseRequest revoke;
  RevokeLeaseResponse revoked;
  const auto revoke_call = [&] { return stubs_->Revoke(revoke, &revoked); };
  revoke.set_lease_id(99);
  ExpectRefused("revoke an unknown lease", revoke_call, StatusCode::NOT_FOUND, "99");
  revoke.set_lease_id(kLease);
  revoke.set_epoch(registered_.lease().epoch() + 1);
  ExpectRefused("revoke another epoch", revoke_call, StatusCode::FAILED_PRECONDITION, "4711");
}

TEST_F(BadInputTest, G6HeartbeatsOfUnknownAndOlderLeasesAreToldLost) {
  const std::string before = State();
  KeepAliveRequest frame;
  frame.set_frame(42);
  frame.add_lease_ids(99);
  frame.add_epochs(1);
  frame.add_lease_ids(kLease);
  frame.add_epochs(registered_.lease().epoch() + 1);
  frame.add_lease_ids(kLease);
  frame.add_epochs(registered_.lease().epoch());
  KeepAliveResponse answer;
  const grpc::Status status = stubs_->KeepAlive(frame, &answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(answer.accepted());
  EXPECT_EQ(answer.frame(), 42u);
  ASSERT_EQ(answer.lost_lease_ids_size(), 2) << answer.DebugString();
  EXPECT_EQ(answer.lost_lease_ids(0), 99u);
  EXPECT_EQ(answer.lost_lease_ids(1), kLease);
  EXPECT_EQ(State(), before);
}

TEST_F(BadInputTest, G10HeartbeatFramesThatMakeNoSense) {
  KeepAliveRequest frame;
  KeepAliveResponse answer;
  const auto call = [&] { return stubs_->KeepAlive(frame, &answer); };
  frame.add_lease_ids(kLease);
  ExpectRefused("a lease without epoch", call, StatusCode::INVALID_ARGUMENT, "epochs");
  frame.clear_lease_ids();
  for (uint64_t i = 0; i < 20'001; ++i) {
    frame.add_lease_ids(i + 1);
    frame.add_epochs(1);
  }
  ExpectRefused("20,001 leases", call, StatusCode::INVALID_ARGUMENT, "lease_ids");
}

TEST_F(BadInputTest, G6MessagesOfAnOlderIncarnationChangeNothing) {
  const uint64_t older = registered_.instances(0).incarnation() + 1'000;  // any but the present one
  DeregisterRequest deregister;
  auto* target = deregister.add_instances();
  target->set_service("web");
  target->set_id("i-1");
  target->set_incarnation(older);
  DeregisterResponse deregistered;
  ExpectRefused(
      "deregister", [&] { return stubs_->Deregister(deregister, &deregistered); },
      StatusCode::FAILED_PRECONDITION, "web/i-1");
  UpdateRequest update;
  *update.mutable_instance() = *target;
  update.set_weight(5);
  UpdateResponse updated;
  ExpectRefused(
      "update", [&] { return stubs_->Update(update, &updated); }, StatusCode::FAILED_PRECONDITION,
      "web/i-1");
  SetHealthRequest health;
  *health.mutable_instance() = *target;
  health.set_health(registry::v1::HEALTH_DRAINING);
  SetHealthResponse changed;
  ExpectRefused(
      "set health", [&] { return stubs_->SetHealth(health, &changed); },
      StatusCode::FAILED_PRECONDITION, "web/i-1");
}

TEST_F(BadInputTest, G10ChangesOfInstances) {
  UpdateRequest update;
  UpdateResponse updated;
  const auto call = [&] { return stubs_->Update(update, &updated); };
  update.mutable_instance()->set_service("web");
  update.mutable_instance()->set_id("nobody");
  update.set_weight(5);
  ExpectRefused("update of an absent instance", call, StatusCode::NOT_FOUND, "web/nobody");
  update.mutable_instance()->set_id("i-1");
  update.set_expected_revision(1'000'000);
  ExpectRefused("another revision", call, StatusCode::FAILED_PRECONDITION, "web/i-1");
  update.set_expected_revision(0);
  update.set_weight(70'000);
  ExpectRefused("weight", call, StatusCode::INVALID_ARGUMENT, "weight");
  update.clear_weight();
  update.mutable_endpoints();
  ExpectRefused("no endpoints", call, StatusCode::INVALID_ARGUMENT, "endpoints");

  SetHealthRequest health;
  SetHealthResponse changed;
  const auto set_health = [&] { return stubs_->SetHealth(health, &changed); };
  health.mutable_instance()->set_service("web");
  health.mutable_instance()->set_id("i-1");
  for (const int state : {0, 2, 99}) {
    health.set_health(static_cast<registry::v1::Health>(state));
    ExpectRefused("health " + std::to_string(state), set_health, StatusCode::INVALID_ARGUMENT,
                  "health");
  }
  health.set_health(registry::v1::HEALTH_CRITICAL);
  health.set_message(std::string(257, 'm'));
  ExpectRefused("message", set_health, StatusCode::INVALID_ARGUMENT, "message");

  DeregisterRequest deregister;
  DeregisterResponse deregistered;
  ExpectRefused(
      "deregister nothing", [&] { return stubs_->Deregister(deregister, &deregistered); },
      StatusCode::INVALID_ARGUMENT, "instances");
}

TEST_F(BadInputTest, DeregisteringAnAbsentInstanceIsNoErrorAndChangesNothing) {
  DeregisterRequest request;
  request.add_instances()->set_service("web");
  request.mutable_instances(0)->set_id("nobody");
  DeregisterResponse response;
  const std::string before = State();
  ASSERT_TRUE(stubs_->Deregister(request, &response).ok());
  ASSERT_EQ(response.removed_size(), 1);
  EXPECT_FALSE(response.removed(0));
  EXPECT_EQ(State(), before);
}

TEST_F(BadInputTest, G10Reads) {
  LookupRequest lookup;
  LookupResponse found;
  const auto call = [&] { return stubs_->Lookup(lookup, &found); };
  ExpectRefused("no service", call, StatusCode::INVALID_ARGUMENT, "service");
  lookup.set_service("web");
  lookup.set_selector("env in (a");
  ExpectRefused("selector", call, StatusCode::INVALID_ARGUMENT, "selector");
  lookup.clear_selector();
  lookup.set_version_range(">=one");
  ExpectRefused("version range", call, StatusCode::INVALID_ARGUMENT, "version_range");
  lookup.clear_version_range();
  lookup.mutable_read()->set_max_staleness_ms(-1);
  ExpectRefused("max_staleness", call, StatusCode::INVALID_ARGUMENT, "max_staleness_ms");
  lookup.clear_read();
  for (const int unknown : {-1, 2, 99}) {
    lookup.mutable_read()->set_consistency(static_cast<registry::v1::Consistency>(unknown));
    ExpectRefused("unknown consistency", call, StatusCode::INVALID_ARGUMENT, "read.consistency");
  }
  lookup.clear_read();
  for (const int unknown : {-1, 0, 5, 99}) {
    lookup.add_health(registry::v1::HEALTH_PASSING);
    lookup.add_health(static_cast<registry::v1::Health>(unknown));
    ExpectRefused("unknown health", call, StatusCode::INVALID_ARGUMENT, "health[1]");
    lookup.clear_health();
  }

  ListInstancesRequest list;
  ListInstancesResponse page;
  const auto list_call = [&] { return stubs_->ListInstances(list, &page); };
  list.set_page_size(10'001);
  ExpectRefused("page size", list_call, StatusCode::INVALID_ARGUMENT, "page_size");
  list.clear_page_size();
  list.set_page_token("\x01 garbage");
  ExpectRefused("page token", list_call, StatusCode::INVALID_ARGUMENT, "page_token");

  list.clear_page_token();
  list.mutable_read()->set_consistency(static_cast<registry::v1::Consistency>(99));
  ExpectRefused("consistency", list_call, StatusCode::INVALID_ARGUMENT, "read.consistency");

  ListServicesRequest services;
  ListServicesResponse services_page;
  services.set_namespace_("no such/name");
  ExpectRefused(
      "namespace", [&] { return stubs_->ListServices(services, &services_page); },
      StatusCode::INVALID_ARGUMENT, "namespace");
}

TEST_F(BadInputTest, G10ActiveChecks) {
  using registry::v1::Check;
  const auto refuse = [&](const std::string& what, const std::function<void(Check&)>& spoil,
                          const std::string& field) {
    ExpectSpecRefused(
        what,
        [&](InstanceSpec& spec) {
          spec.mutable_check()->set_kind(Check::KIND_HTTP);
          spoil(*spec.mutable_check());
        },
        "check." + field);
  };
  refuse(
      "no kind", [](Check& c) { c.set_kind(Check::KIND_UNSPECIFIED); }, "kind");
  refuse(
      "unknown kind", [](Check& c) { c.set_kind(static_cast<Check::Kind>(99)); }, "kind");
  refuse(
      "no such endpoint", [](Check& c) { c.set_endpoint("nowhere"); }, "endpoint");
  refuse(
      "no slash", [](Check& c) { c.set_path("health"); }, "path");
  refuse(
      "a header behind the path", [](Check& c) { c.set_path("/a\r\nHost: evil"); }, "path");
  refuse(
      "a path with a space", [](Check& c) { c.set_path("/a b"); }, "path");
  refuse(
      "a long path", [](Check& c) { c.set_path("/" + std::string(1'024, 'a')); }, "path");
  refuse(
      "often", [](Check& c) { c.set_interval_ms(999); }, "interval_ms");
  refuse(
      "never", [](Check& c) { c.set_interval_ms(3'600'001); }, "interval_ms");
  refuse(
      "negative", [](Check& c) { c.set_interval_ms(-1); }, "interval_ms");
  refuse(
      "impatient", [](Check& c) { c.set_timeout_ms(99); }, "timeout_ms");
  refuse(
      "longer than the interval",
      [](Check& c) {
        c.set_interval_ms(1'000);
        c.set_timeout_ms(1'001);
      },
      "timeout_ms");
  refuse(
      "passes", [](Check& c) { c.set_passes(101); }, "passes");
  refuse(
      "failures", [](Check& c) { c.set_failures(101); }, "failures");
  refuse(
      "a path for TCP",
      [](Check& c) {
        c.set_kind(Check::KIND_TCP);
        c.set_path("/health");
      },
      "path");
}

TEST_F(BadInputTest, G10WhatOperatorsSay) {
  const auto channel = grpc::CreateChannel(daemon_.address(), grpc::InsecureChannelCredentials());
  const auto operators = registry::v1::Operator::NewStub(channel);
  const auto call = [](const std::function<grpc::Status(grpc::ClientContext*)>& method) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return method(&context);
  };

  using registry::v1::SetMaintenanceRequest;
  const auto refuse = [&](const std::string& what,
                          const std::function<void(SetMaintenanceRequest&)>& spoil,
                          const std::string& words) {
    SetMaintenanceRequest request;
    request.mutable_target()->set_service("web");
    request.mutable_target()->set_id("i-1");
    spoil(request);
    ExpectRefused(
        what,
        [&] {
          registry::v1::SetMaintenanceResponse response;
          return call([&](auto* c) { return operators->SetMaintenance(c, request, &response); });
        },
        StatusCode::INVALID_ARGUMENT, words);
  };
  refuse(
      "no service", [](auto& r) { r.mutable_target()->clear_service(); }, "service");
  refuse(
      "two in one", [](auto& r) { r.mutable_target()->set_service("web/i-1"); }, "service");
  refuse(
      "namespace", [](auto& r) { r.mutable_target()->set_namespace_("a/b"); }, "namespace");
  refuse(
      "id", [](auto& r) { r.mutable_target()->set_id("i 1"); }, "id");
  refuse(
      "owner", [](auto& r) { r.set_owner(std::string(129, 'o')); }, "owner");
  refuse(
      "reason", [](auto& r) { r.set_reason(std::string(257, 'r')); }, "reason");
  refuse(
      "control characters", [](auto& r) { r.set_reason("a\nb"); }, "reason");
  refuse(
      "the past", [](auto& r) { r.set_duration_ms(-1); }, "duration_ms");
  refuse(
      "for ever", [](auto& r) { r.set_duration_ms(31'536'000'001); }, "duration_ms");

  registry::v1::EndMaintenanceRequest end;
  registry::v1::EndMaintenanceResponse ended;
  const auto end_call = [&] {
    return call([&](auto* c) { return operators->EndMaintenance(c, end, &ended); });
  };
  ExpectRefused("no target", end_call, StatusCode::INVALID_ARGUMENT, "service");
  end.mutable_target()->set_service("web");
  ExpectRefused("not in maintenance", end_call, StatusCode::NOT_FOUND, "default/web");

  registry::v1::ListMaintenanceRequest list;
  registry::v1::ListMaintenanceResponse listed;
  const auto list_call = [&] {
    return call([&](auto* c) { return operators->ListMaintenance(c, list, &listed); });
  };
  list.set_page_size(10'001);
  ExpectRefused("page size", list_call, StatusCode::INVALID_ARGUMENT, "page_size");
  list.clear_page_size();
  list.set_service("we b");
  ExpectRefused("service", list_call, StatusCode::INVALID_ARGUMENT, "service");

  registry::v1::SetServiceRequest set;
  registry::v1::SetServiceResponse settings;
  set.set_service("web/i-1");
  ExpectRefused(
      "settings of an instance",
      [&] { return call([&](auto* c) { return operators->SetService(c, set, &settings); }); },
      StatusCode::INVALID_ARGUMENT, "service");
  registry::v1::GetServiceRequest get;
  registry::v1::GetServiceResponse got;
  ExpectRefused(
      "settings of nothing",
      [&] { return call([&](auto* c) { return operators->GetService(c, get, &got); }); },
      StatusCode::INVALID_ARGUMENT, "service");

  registry::v1::ReleaseGuardRequest release;
  registry::v1::ReleaseGuardResponse released;
  const auto release_call = [&] {
    return call([&](auto* c) { return operators->ReleaseGuard(c, release, &released); });
  };
  ExpectRefused("neither", release_call, StatusCode::INVALID_ARGUMENT, "service");
  release.set_service("web");
  release.set_all(true);
  ExpectRefused("both", release_call, StatusCode::INVALID_ARGUMENT, "service");
  release.set_all(false);
  release.set_service("web/i-1");
  ExpectRefused("an instance", release_call, StatusCode::INVALID_ARGUMENT, "service");

  const auto subscribers = registry::v1::Subscribers::NewStub(channel);
  registry::v1::DrainRequest drain;
  registry::v1::DrainResponse drained;
  const auto drain_call = [&] {
    return call([&](auto* c) { return subscribers->Drain(c, drain, &drained); });
  };
  ExpectRefused("no instance", drain_call, StatusCode::INVALID_ARGUMENT, "instance");
  drain.mutable_instance()->set_service("web");
  drain.mutable_instance()->set_id("i-1");
  drain.set_wait_ms(600'001);
  ExpectRefused("wait", drain_call, StatusCode::INVALID_ARGUMENT, "wait_ms");
  drain.set_wait_ms(1);
  drain.mutable_instance()->set_id("i-9");
  ExpectRefused("absent", drain_call, StatusCode::NOT_FOUND, "default/web/i-9");
}

}  // namespace
}  // namespace registryd::testing
