#include "registryd/core/filter.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace registryd::core {
namespace {

Instance WebInstance() {
  Instance instance;
  instance.spec.name = InstanceName("default", "web", "i-1");
  instance.spec.version = "1.4.2";
  instance.spec.labels = {{"env", "prod"}, {"tier", "a"}};
  return instance;
}

InstanceFilter Filter(uint8_t health, const std::string& selector, const std::string& versions) {
  InstanceFilter filter;
  filter.health_mask = health;
  filter.selector = Selector::Parse("selector", selector).value();
  filter.versions = VersionRange::Parse("version_range", versions).value();
  return filter;
}

TEST(InstanceFilterTest, TheDefaultMatchesEverything) {
  Instance instance = WebInstance();
  EXPECT_TRUE(InstanceFilter().Matches(instance));
  instance.facts.report = Report::kDraining;
  instance.spec.version = "";
  instance.spec.labels.clear();
  EXPECT_TRUE(InstanceFilter().Matches(instance));
}

TEST(InstanceFilterTest, EachPartMustMatch) {
  const Instance instance = WebInstance();
  EXPECT_TRUE(Filter(kServedHealth, "env=prod", "^1.4").Matches(instance));
  EXPECT_FALSE(Filter(HealthBit(Health::kCritical), "env=prod", "^1.4").Matches(instance));
  EXPECT_FALSE(Filter(kServedHealth, "env=qa", "^1.4").Matches(instance));
  EXPECT_FALSE(Filter(kServedHealth, "env=prod", "^1.5").Matches(instance));
  EXPECT_FALSE(Filter(0, "", "").Matches(instance));
}

TEST(InstanceFilterTest, Health) {
  Instance instance = WebInstance();
  for (const auto& [report, expired, health] :
       {std::tuple(Report::kPassing, false, Health::kPassing),
        std::tuple(Report::kCritical, false, Health::kCritical),
        std::tuple(Report::kDraining, false, Health::kDraining),
        std::tuple(Report::kPassing, true, Health::kCritical)}) {
    instance.facts.report = report;
    instance.facts.lease_expired = expired;
    ASSERT_EQ(instance.health(), health);
    for (const Health asked :
         {Health::kPassing, Health::kSuspect, Health::kCritical, Health::kDraining}) {
      EXPECT_EQ(Filter(HealthBit(asked), "", "").Matches(instance), asked == health)
          << ToString(asked) << " of " << ToString(health);
    }
    EXPECT_EQ(Filter(kServedHealth, "", "").Matches(instance), health == Health::kPassing);
    EXPECT_TRUE(Filter(kAnyHealth, "", "").Matches(instance));
  }
}

TEST(InstanceFilterTest, WithoutAVersion) {
  Instance instance = WebInstance();
  instance.spec.version = "";
  EXPECT_TRUE(Filter(kAnyHealth, "", "").Matches(instance));
  EXPECT_TRUE(Filter(kAnyHealth, "", "  ").Matches(instance));
  EXPECT_FALSE(Filter(kAnyHealth, "", "*").Matches(instance));
}

TEST(InstanceFilterTest, Canonical) {
  EXPECT_EQ(InstanceFilter().Canonical(), Filter(kAnyHealth, " ", " ").Canonical());
  EXPECT_EQ(Filter(kServedHealth, "b=1, a in (y,x)", "2 || >=1.2.0 <2").Canonical(),
            Filter(kServedHealth, "a in (x,y),b==1", "<2 >=1.2||2.x").Canonical());
  const std::string canonical = Filter(kServedHealth, "a", "1").Canonical();
  EXPECT_NE(canonical, Filter(kAnyHealth, "a", "1").Canonical());
  EXPECT_NE(canonical, Filter(kServedHealth, "!a", "1").Canonical());
  EXPECT_NE(canonical, Filter(kServedHealth, "a", "2").Canonical());
  EXPECT_NE(Filter(kAnyHealth, "", "*").Canonical(), Filter(kAnyHealth, "", "").Canonical())
      << "an instance without a version is in the second only";
}

}  // namespace
}  // namespace registryd::core
