#include "registryd/core/types.h"

#include <gtest/gtest.h>

#include <string>

namespace registryd::core {
namespace {

TEST(InstanceNameTest, KeepsItsParts) {
  const InstanceName name("default", "web", "i-1");
  EXPECT_EQ(name.text(), "default/web/i-1");
  EXPECT_EQ(name.ns(), "default");
  EXPECT_EQ(name.service(), "web");
  EXPECT_EQ(name.id(), "i-1");
  EXPECT_EQ(name.service_name(), "default/web");
  EXPECT_EQ(InstanceName(std::string("default/web/i-1")), name);
  EXPECT_EQ(InstanceName(std::string("default/web/i-1")).service(), "web");
}

// Parts come from callers before they are judged, so they may be anything.
TEST(InstanceNameTest, KeepsPartsThatAreNoNames) {
  const std::string large(70'000, 'x');
  const InstanceName name("a/b", large, "");
  EXPECT_EQ(name.ns(), "a/b");
  EXPECT_EQ(name.service(), large);
  EXPECT_EQ(name.id(), "");
}

TEST(InstanceNameTest, IsJoinedOfThreeParts) {
  EXPECT_TRUE(InstanceName::IsJoined("a/b/c"));
  for (const char* text : {"", "a", "a/b", "/b/c", "a//c", "a/b/", "//", "a/b/c/d", "a/b/c/"}) {
    EXPECT_FALSE(InstanceName::IsJoined(text)) << text;
  }
}

TEST(DeriveHealthTest, WeighsTheFacts) {
  struct Case {
    HealthFacts facts;
    Health health;
    HealthReason reason;
  };
  OverridePtr maintenance = std::make_shared<const Override>();
  const auto make = [&](bool expired, Report report, std::string message = "") {
    HealthFacts facts;
    facts.lease_expired = expired;
    facts.report = report;
    facts.message = std::move(message);
    return facts;
  };
  const auto with = [](HealthFacts facts, CheckResult check, bool silent = false,
                       OverridePtr covering = nullptr) {
    facts.check = check;
    facts.silent = silent;
    facts.rare.Edit([&](RareFacts& rare) { rare.maintenance = std::move(covering); });
    return facts;
  };
  const HealthFacts passing = make(false, Report::kPassing);
  const HealthFacts draining = make(false, Report::kDraining);
  const Case cases[] = {
      {passing, Health::kPassing, HealthReason::kRegistered},
      {make(false, Report::kPassing, "warm"), Health::kPassing, HealthReason::kReported},
      {make(false, Report::kCritical), Health::kCritical, HealthReason::kReported},
      {draining, Health::kDraining, HealthReason::kReported},
      {make(true, Report::kPassing, "warm"), Health::kCritical, HealthReason::kLeaseExpired},
      {make(true, Report::kCritical), Health::kCritical, HealthReason::kLeaseExpired},
      {make(true, Report::kDraining), Health::kCritical, HealthReason::kLeaseExpired},
      {with(passing, CheckResult::kUnknown), Health::kCritical, HealthReason::kCheck},
      {with(passing, CheckResult::kPassing), Health::kPassing, HealthReason::kCheck},
      {with(passing, CheckResult::kFailing), Health::kCritical, HealthReason::kCheck},
      {with(passing, CheckResult::kNone, true), Health::kSuspect, HealthReason::kSilent},
      {with(passing, CheckResult::kPassing, true), Health::kSuspect, HealthReason::kSilent},
      {with(draining, CheckResult::kNone, true), Health::kDraining, HealthReason::kReported},
      {with(passing, CheckResult::kFailing, true), Health::kCritical, HealthReason::kCheck},
      {with(passing, CheckResult::kNone, true, maintenance), Health::kDraining,
       HealthReason::kMaintenance},
      {with(draining, CheckResult::kFailing, false, maintenance), Health::kCritical,
       HealthReason::kCheck},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(DeriveHealth(c.facts).health, c.health);
    EXPECT_EQ(DeriveHealth(c.facts).reason, c.reason);
  }
}

Instance Example() {
  Instance instance;
  instance.spec.name = InstanceName("default", "web", "i-1");
  instance.incarnation = Revision(3);
  instance.changed = Revision(300);
  return instance;
}

// The worked example of docs/formats.md; foreign clients compute the same numbers.
TEST(InstanceDigestTest, IsThatOfTheDocument) {
  Instance second = Example();
  second.spec.name = InstanceName("default", "web", "i-2");
  second.incarnation = Revision(4);
  second.changed = Revision(4);
  second.facts.report = Report::kDraining;
  EXPECT_EQ(InstanceDigest(Example()), 0x159e584feb6fabdeu);
  EXPECT_EQ(InstanceDigest(second), 0x331ea51f9fc2e36eu);
  EXPECT_EQ(InstanceDigest(Example()) + InstanceDigest(second), 0x48bcfd6f8b328f4cu)
      << "modulo 2^64";
}

TEST(InstanceDigestTest, SeesWhatAClientSees) {
  const uint64_t digest = InstanceDigest(Example());
  Instance other = Example();
  other.incarnation = Revision(4);
  EXPECT_NE(InstanceDigest(other), digest);
  other = Example();
  other.changed = Revision(4);
  EXPECT_NE(InstanceDigest(other), digest);
  other = Example();
  other.facts.report = Report::kDraining;
  EXPECT_NE(InstanceDigest(other), digest);
  other = Example();
  other.spec.name = InstanceName("default", "web", "i-2");
  EXPECT_NE(InstanceDigest(other), digest);
}

}  // namespace
}  // namespace registryd::core
