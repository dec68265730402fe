#include "registryd/wire/api_codec.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <string>

#include "google/protobuf/util/message_differencer.h"
#include "registry/v1/discovery.pb.h"
#include "tests/support/random_command.h"

namespace registryd::wire {
namespace {

namespace api = ::registry::v1;
using google::protobuf::util::MessageDifferencer;

core::Instance Example() {
  core::Instance instance;
  instance.spec.name = core::InstanceName("default", "web", "i-1");
  instance.spec.endpoints = {{"http", "10.0.0.1", 80, "http"}, {"metrics", "::1", 9090, ""}};
  instance.spec.version = "1.4.2";
  instance.spec.labels = {{"example.com/team", ""}, {"tier", std::string(200, 'x')}};
  instance.spec.region = "eu";
  instance.spec.zone = "eu-1";
  instance.spec.weight = 5;
  instance.incarnation = Revision(3);
  instance.lease = LeaseId(0xfedcba9876543210);
  instance.changed = Revision(300);
  instance.created_ms = 1'700'000'000'000;
  instance.changed_ms = 1'700'000'000'001;
  instance.facts.lease_expired = false;
  instance.facts.report = core::Report::kDraining;
  instance.facts.message = "caf\u00e9";
  instance.health_since_ms = 1'700'000'000'002;
  return instance;
}

void ExpectElement(const core::Instance& instance) {
  // Two elements behind a header, as a lookup is put together.
  api::LookupResponse expected;
  expected.set_total(2);
  std::string bytes = expected.SerializeAsString();
  for (int i = 0; i < 2; ++i) {
    AppendInstanceElement(api::LookupResponse::kInstancesFieldNumber, instance, &bytes);
    InstanceToApi(instance, expected.add_instances());
  }
  api::LookupResponse parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));
  ASSERT_TRUE(MessageDifferencer::Equals(parsed, expected)) << parsed.DebugString() << "\nis not\n"
                                                            << expected.DebugString();
  EXPECT_EQ(parsed.ByteSizeLong(), bytes.size()) << "no byte more than protobuf would write";
}

TEST(ApiCodecTest, AnElementIsWhatProtobufWouldWrite) {
  ExpectElement(Example());
  core::Instance bare;
  bare.spec.name = core::InstanceName("default", "web", "i-1");
  ExpectElement(bare);
  core::Instance large = Example();
  large.spec.endpoints.resize(16, {"n", std::string(253, 'h'), 65'535, std::string(32, 'p')});
  large.spec.weight = 0xffffffff;
  large.created_ms = -1;
  ExpectElement(large);

  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  testing::RandomCommand random(seed);
  core::Registry registry;
  for (int i = 0; i < 2'000; ++i) {
    for (const auto& change :
         registry.Apply(random.NextContext(), random.Next(registry)).instances) {
      if (change.after) ExpectElement(*change.after);
    }
    ASSERT_FALSE(HasFailure());
  }
}

TEST(ApiCodecTest, ShowsAnInstance) {
  api::Instance out;
  InstanceToApi(Example(), &out);
  EXPECT_EQ(out.spec().namespace_(), "default");
  EXPECT_EQ(out.spec().service(), "web");
  EXPECT_EQ(out.spec().id(), "i-1");
  EXPECT_EQ(out.spec().endpoints_size(), 2);
  EXPECT_EQ(out.spec().endpoints(1).host(), "::1");
  EXPECT_EQ(out.spec().labels().at("tier"), std::string(200, 'x'));
  EXPECT_EQ(out.incarnation(), 3u);
  EXPECT_EQ(out.health(), api::HEALTH_DRAINING);
  EXPECT_EQ(out.health_reason(), api::HEALTH_REASON_REPORTED);
  EXPECT_EQ(out.health_message(), "caf\u00e9");
  EXPECT_EQ(out.lease_id(), 0xfedcba9876543210u);
  EXPECT_EQ(out.changed_revision(), 300u);
  InstanceToApi(Example(), &out);
  EXPECT_EQ(out.spec().endpoints_size(), 2) << "the message is replaced, not added to";
}

// Core's numbers go into the API's enums as they are.
TEST(ApiCodecTest, HealthHasTheSameNumbers) {
  EXPECT_EQ(static_cast<int>(core::Health::kPassing), api::HEALTH_PASSING);
  EXPECT_EQ(static_cast<int>(core::Health::kSuspect), api::HEALTH_SUSPECT);
  EXPECT_EQ(static_cast<int>(core::Health::kCritical), api::HEALTH_CRITICAL);
  EXPECT_EQ(static_cast<int>(core::Health::kDraining), api::HEALTH_DRAINING);
  EXPECT_EQ(static_cast<int>(core::HealthReason::kRegistered), api::HEALTH_REASON_REGISTERED);
  EXPECT_EQ(static_cast<int>(core::HealthReason::kLeaseExpired), api::HEALTH_REASON_LEASE_EXPIRED);
  EXPECT_EQ(static_cast<int>(core::HealthReason::kReported), api::HEALTH_REASON_REPORTED);
}

TEST(ApiCodecTest, BringsSpecsBack) {
  api::InstanceSpec spec;
  SpecToApi(Example().spec, &spec);
  EXPECT_EQ(*SpecFromApi("instances[0]", spec, ""), Example().spec);
}

TEST(ApiCodecTest, FillsInDefaults) {
  api::InstanceSpec spec;
  spec.set_service("web");
  spec.add_endpoints()->set_port(80);
  const core::InstanceSpec out = *SpecFromApi("instances[0]", spec, "made-id");
  EXPECT_EQ(out.name.text(), "default/web/made-id");
  EXPECT_EQ(out.weight, 1u);
  EXPECT_EQ(out.endpoints[0].name, "default");
  spec.set_id("given");
  EXPECT_EQ(SpecFromApi("instances[0]", spec, "made-id")->name.id(), "given");
  spec.clear_id();
  EXPECT_EQ(SpecFromApi("instances[0]", spec, "")->name.id(), "");
}

TEST(ApiCodecTest, ReportsWhatDoesNotFit) {
  api::InstanceSpec spec;
  spec.add_endpoints()->set_port(65'535);
  spec.add_endpoints()->set_port(65'536);
  EXPECT_EQ(
      SpecFromApi("instances[2]", spec, "").status(),
      absl::InvalidArgumentError("instances[2].endpoints[1].port: must be 1 to 65535, is 65536"));
  api::UpdateRequest update;
  update.mutable_endpoints()->add_entries()->set_port(70'000);
  EXPECT_EQ(UpdateFromApi(update).status(),
            absl::InvalidArgumentError("endpoints.entries[0].port: must be 1 to 65535, is 70000"));
}

TEST(ApiCodecTest, Targets) {
  api::InstanceRef ref;
  ref.set_service("web");
  ref.set_id("i-1");
  ref.set_incarnation(7);
  const core::Target target = *TargetFromApi("instance", ref);
  EXPECT_EQ(target.name.text(), "default/web/i-1");
  EXPECT_EQ(target.incarnation, Revision(7));
}

TEST(ApiCodecTest, UpdatesTellSetFromEmpty) {
  api::UpdateRequest request;
  request.mutable_instance()->set_service("web");
  request.set_expected_revision(9);
  core::Update update = *UpdateFromApi(request);
  EXPECT_EQ(update.expected, Revision(9));
  EXPECT_FALSE(update.labels || update.endpoints || update.weight || update.version || update.zone);

  (*request.mutable_labels()->mutable_entries())["b"] = "2";
  (*request.mutable_labels()->mutable_entries())["a"] = "1";
  request.mutable_endpoints();
  request.set_weight(0);
  request.set_version("");
  request.set_zone("");
  update = *UpdateFromApi(request);
  EXPECT_EQ(update.labels, (std::vector<core::Label>{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(update.endpoints, std::vector<core::Endpoint>());
  EXPECT_EQ(update.weight, 1u) << "0 means the default, as in a spec";
  EXPECT_EQ(update.version, "");
  EXPECT_EQ(update.zone, "");
}

TEST(ApiCodecTest, HealthReports) {
  api::SetHealthRequest request;
  request.set_message("why");
  for (const auto& [health, report] : {std::pair(api::HEALTH_PASSING, core::Report::kPassing),
                                       {api::HEALTH_CRITICAL, core::Report::kCritical},
                                       {api::HEALTH_DRAINING, core::Report::kDraining}}) {
    request.set_health(health);
    EXPECT_EQ(SetHealthFromApi(request)->report, report);
    EXPECT_EQ(SetHealthFromApi(request)->message, "why");
  }
  for (const int number : {0, 2, 5, -1}) {
    request.set_health(static_cast<api::Health>(number));
    EXPECT_EQ(SetHealthFromApi(request).status(),
              absl::InvalidArgumentError(
                  Text("health: must be PASSING, CRITICAL or DRAINING, is ", number)));
  }
}

TEST(ApiCodecTest, RequestIdsAndLeases) {
  api::RequestId id;
  id.set_client_id(7);
  id.set_sequence(8);
  EXPECT_EQ(RequestIdFromApi(id), (core::RequestId{7, 8}));
  api::GrantedLease lease;
  GrantedLeaseToApi({LeaseId(7), LeaseEpoch(2), 6'000, "a"}, &lease);
  EXPECT_EQ(lease.lease_id(), 7u);
  EXPECT_EQ(lease.epoch(), 2u);
  EXPECT_EQ(lease.ttl_ms(), 6'000);
  EXPECT_EQ(lease.renew_every_ms(), 2'000);
}

}  // namespace
}  // namespace registryd::wire
