#include "client/local/convert.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "client/local/backoff.h"
#include "client/local/clock.h"
#include "client/src/request_ids.h"

namespace registry {
namespace {

using ::google::protobuf::util::MessageDifferencer;

InstanceSpec FullSpec() {
  InstanceSpec spec;
  spec.ns = "shop";
  spec.service = "web";
  spec.id = "i-1";
  spec.endpoints = {{.name = "http", .host = "10.0.0.7", .port = 8080, .protocol = "http"},
                    {.name = "metrics", .host = "::1", .port = 65535}};
  spec.version = "1.4.2";
  spec.labels = {{"env", "prod"}, {"tier", ""}};
  spec.region = "eu";
  spec.zone = "eu-1";
  spec.weight = 7;
  spec.check = Check{.kind = CheckKind::kHttp,
                     .endpoint = "http",
                     .path = "/health",
                     .interval_ms = 10'000,
                     .timeout_ms = 2'000,
                     .passes = 2,
                     .failures = 3};
  return spec;
}

TEST(Convert, ASpecComesBackAsItWas) { EXPECT_EQ(ToSpec(ToProto(FullSpec())), FullSpec()); }

TEST(Convert, EveryFieldOfASpecIsSet) {
  // A field that is added to the protocol and forgotten here fails this.
  const v1::InstanceSpec message = ToProto(FullSpec());
  const auto* descriptor = v1::InstanceSpec::descriptor();
  std::vector<const google::protobuf::FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  EXPECT_EQ(set.size(), static_cast<size_t>(descriptor->field_count()));
}

TEST(Convert, AbsentFieldsReadAsDefaults) {
  EXPECT_EQ(ToSpec(v1::InstanceSpec()), InstanceSpec());
  const Instance instance = ToInstance(v1::Instance());
  EXPECT_EQ(instance, Instance());
  EXPECT_EQ(instance.spec.ns, "default");
  EXPECT_EQ(instance.spec.weight, 1u);
}

TEST(Convert, AnInstance) {
  v1::Instance message;
  *message.mutable_spec() = ToProto(FullSpec());
  message.set_incarnation(5);
  message.set_health(v1::HEALTH_CRITICAL);
  message.set_health_reason(v1::HEALTH_REASON_LEASE_EXPIRED);
  message.set_health_message("gone");
  message.set_health_since_ms(11);
  message.set_lease_id(~uint64_t{0});
  message.set_changed_revision(6);
  message.set_created_ms(10);
  message.set_changed_ms(12);
  message.mutable_maintenance()->set_owner("ops");
  message.mutable_maintenance()->set_until_ms(13);
  std::vector<const google::protobuf::FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  ASSERT_EQ(set.size(), static_cast<size_t>(v1::Instance::descriptor()->field_count()));

  Instance expected;
  expected.spec = FullSpec();
  expected.incarnation = 5;
  expected.health = Health::kCritical;
  expected.reason = HealthReason::kLeaseExpired;
  expected.message = "gone";
  expected.health_since_ms = 11;
  expected.lease_id = ~uint64_t{0};
  expected.changed_revision = 6;
  expected.created_ms = 10;
  expected.changed_ms = 12;
  expected.maintenance = InstanceMaintenance{.owner = "ops", .until_ms = 13};
  EXPECT_EQ(ToInstance(message), expected);
}

TEST(Convert, NumbersOfANewerRegistryReadAsUnspecified) {
  v1::Instance message;
  message.set_health(static_cast<v1::Health>(99));
  message.set_health_reason(static_cast<v1::HealthReason>(-1));
  EXPECT_EQ(ToInstance(message).health, Health::kUnspecified);
  EXPECT_EQ(ToInstance(message).reason, HealthReason::kUnspecified);
}

TEST(Convert, HealthHasTheSameNameEverywhere) {
  for (const Health health :
       {Health::kPassing, Health::kSuspect, Health::kCritical, Health::kDraining}) {
    EXPECT_EQ(v1::Health_Name(ToProto(health)), std::string("HEALTH_") + ToString(health));
    EXPECT_EQ(*ParseHealth(ToString(health)), health);
  }
  EXPECT_EQ(*ParseHealth("dRaining"), Health::kDraining);
  EXPECT_EQ(ParseHealth("well").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseHealth("unspecified").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Convert, ThePlainLookupHasOnlyItsService) {
  LookupQuery query;
  query.service = "web";
  v1::LookupRequest expected;
  expected.set_namespace_("default");
  expected.set_service("web");
  EXPECT_TRUE(MessageDifferencer::Equals(ToProto(query), expected)) << ToProto(query).DebugString();
}

TEST(Convert, AFullLookup) {
  LookupQuery query;
  query.ns = "shop";
  query.service = "web";
  query.health = {Health::kDraining, Health::kCritical};
  query.selector = "env=prod";
  query.version_range = "^1.4";
  query.zone = "eu-1";
  query.limit = 3;
  query.read = {.consistency = Consistency::kLinearizable,
                .min_revision = 9,
                .max_staleness = absl::Microseconds(1500)};
  v1::LookupRequest expected;
  expected.set_namespace_("shop");
  expected.set_service("web");
  expected.add_health(v1::HEALTH_DRAINING);
  expected.add_health(v1::HEALTH_CRITICAL);
  expected.set_selector("env=prod");
  expected.set_version_range("^1.4");
  expected.set_zone("eu-1");
  expected.set_limit(3);
  expected.mutable_read()->set_consistency(v1::CONSISTENCY_LINEARIZABLE);
  expected.mutable_read()->set_min_revision(9);
  expected.mutable_read()->set_max_staleness_ms(2);
  EXPECT_TRUE(MessageDifferencer::Equals(ToProto(query), expected)) << ToProto(query).DebugString();
}

TEST(Convert, AnUpdateSetsWhatIsSetAndNothingElse) {
  const v1::UpdateRequest nothing = ToProto(InstanceUpdate());
  EXPECT_FALSE(nothing.has_labels() || nothing.has_endpoints() || nothing.has_weight() ||
               nothing.has_version() || nothing.has_zone());

  InstanceUpdate update;
  update.instance = {.service = "web", .id = "i-1", .incarnation = 4};
  update.expected_revision = 8;
  update.labels.emplace();  // clears them
  update.endpoints = FullSpec().endpoints;
  update.weight = 0;
  update.version = "";
  update.zone = "z";
  const v1::UpdateRequest message = ToProto(update);
  EXPECT_EQ(message.instance().incarnation(), 4u);
  EXPECT_EQ(message.expected_revision(), 8u);
  EXPECT_TRUE(message.has_labels());
  EXPECT_EQ(message.endpoints().entries_size(), 2);
  EXPECT_TRUE(message.has_weight());
  EXPECT_TRUE(message.has_version());
  EXPECT_EQ(message.zone(), "z");
}

v1::GrantedLease Granted() {
  v1::GrantedLease message;
  message.set_lease_id(3);
  message.set_epoch(4);
  message.set_ttl_ms(6000);
  message.set_renew_every_ms(2000);
  return message;
}

TEST(Convert, ALease) {
  const auto lease = ToLease(Granted());
  ASSERT_TRUE(lease.ok());
  EXPECT_EQ(lease->id, 3u);
  EXPECT_EQ(lease->epoch, 4u);
  EXPECT_EQ(lease->ttl, absl::Seconds(6));
  EXPECT_EQ(lease->renew_every, absl::Seconds(2));
}

TEST(Convert, ALeaseIsRenewedThreeTimesAtLeastWhateverTheAnswerSays) {
  for (const int64_t advice : {int64_t{0}, int64_t{-5}, int64_t{1'000'000}}) {
    v1::GrantedLease message = Granted();
    message.set_renew_every_ms(advice);
    EXPECT_EQ(ToLease(message)->renew_every, absl::Seconds(2)) << advice;
  }
}

TEST(Convert, AnswersThatDoNotFitAreRefused) {
  v1::RegisterRequest request;
  request.add_instances()->set_id("a");
  request.add_instances()->set_id("b");
  request.mutable_lease()->set_ttl_ms(6000);
  v1::RegisterResponse good;
  good.add_instances()->set_id("a");
  good.add_instances()->set_id("b");
  *good.mutable_lease() = Granted();
  EXPECT_TRUE(ToResult(request, good).ok());
  const auto code = [&](void (*spoil)(v1::RegisterResponse&)) {
    v1::RegisterResponse bad = good;
    spoil(bad);
    return ToResult(request, bad).status().code();
  };
  EXPECT_EQ(code([](auto& bad) { bad.clear_instances(); }), absl::StatusCode::kInternal);
  EXPECT_EQ(code([](auto& bad) { bad.add_instances()->set_id("c"); }), absl::StatusCode::kInternal);
  EXPECT_EQ(code([](auto& bad) { bad.mutable_instances(1)->set_id("x"); }),
            absl::StatusCode::kInternal);
  EXPECT_EQ(code([](auto& bad) { bad.clear_lease(); }), absl::StatusCode::kInternal);
  EXPECT_EQ(code([](auto& bad) { bad.mutable_lease()->set_ttl_ms(-1); }),
            absl::StatusCode::kInternal);
  EXPECT_EQ(code([](auto& bad) { bad.mutable_lease()->set_epoch(0); }),
            absl::StatusCode::kInternal);

  v1::DeregisterRequest two;
  two.add_instances();
  two.add_instances();
  v1::DeregisterResponse one;
  one.add_removed(true);
  EXPECT_EQ(ToResult(two, one).status().code(), absl::StatusCode::kInternal);
}

TEST(Clock, MillisecondsAreRoundedUpAndBounded) {
  EXPECT_EQ(CeilMillis(absl::Nanoseconds(1)), 1);
  EXPECT_EQ(CeilMillis(absl::Milliseconds(2000)), 2000);
  EXPECT_EQ(ToSteady(absl::Nanoseconds(1)), Millis(1));
  EXPECT_EQ(ToSteady(-absl::Seconds(1)), Millis(0));
  EXPECT_LT(Clock::now(), Clock::now() + ToSteady(absl::InfiniteDuration()));
}

TEST(Backoff, GrowsToItsLimitWithJitter) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Backoff backoff(Millis(100), Millis(1000), seed);
  for (int round = 0; round < 20; ++round) {
    for (const int whole : {100, 200, 400, 800, 1000, 1000}) {
      const Millis pause = backoff.Next();
      EXPECT_GE(pause, Millis(whole / 2));
      EXPECT_LE(pause, Millis(whole));
    }
    backoff.Reset();
  }
}

TEST(RequestIds, AreDifferentForEachCallAndClient) {
  RequestIds one;
  RequestIds two;
  EXPECT_NE(one.Next().client_id(), 0u);
  EXPECT_EQ(one.Next().client_id(), one.Next().client_id());
  EXPECT_NE(one.Next().client_id(), two.Next().client_id());
  std::set<uint64_t> sequences;
  std::set<std::string> instances;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(sequences.insert(one.Next().sequence()).second);
    EXPECT_TRUE(instances.insert(one.InstanceId()).second);
  }
  EXPECT_EQ(one.InstanceId().size(), 18u);
}

}  // namespace
}  // namespace registry
