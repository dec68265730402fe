#include "registryd/replica/view.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "registry/v1/discovery.pb.h"

namespace registryd::replica {
namespace {

core::InstancePtr Instance(std::string_view service, std::string_view id, uint64_t revision,
                           core::Report report = core::Report::kPassing) {
  auto instance = std::make_shared<core::Instance>();
  instance->spec.name = core::InstanceName("default", service, id);
  instance->spec.endpoints = {{"http", "10.0.0.1", 8080, ""}};
  instance->changed = Revision(revision);
  instance->incarnation = Revision(revision);
  instance->facts.report = report;
  return instance;
}

core::Counters At(uint64_t revision) {
  core::Counters counters;
  counters.revision = Revision(revision);
  return counters;
}

class ViewTest : public ::testing::Test {
 protected:
  void Put(core::InstancePtr before, core::InstancePtr after) {
    const Revision revision = after->changed;
    builder_.Add({std::move(before), std::move(after), core::Cause::kRegister}, revision);
  }
  void Remove(core::InstancePtr before, uint64_t revision) {
    builder_.Add({std::move(before), nullptr, core::Cause::kDeregister}, Revision(revision));
  }
  ViewBuilder builder_;
};

std::vector<std::string> Served(const ServiceView& service) {
  std::string bytes;
  service.instances.ForEachLeaf([&](const auto& instances, const EncodedLeafCache& cache) {
    bytes += cache.Get(instances).passing;
  });
  registry::v1::LookupResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  std::vector<std::string> ids;
  for (const auto& instance : response.instances()) ids.push_back(instance.spec().id());
  return ids;
}

TEST_F(ViewTest, AViewIsOneRevisionAndNeverChanges) {
  auto first = Instance("web", "i-1", 1);
  Put(nullptr, first);
  const auto one = builder_.Build(At(1), 0);
  Put(nullptr, Instance("web", "i-2", 2));
  Put(nullptr, Instance("api", "i-1", 2));
  const auto two = builder_.Build(At(2), 0);
  Remove(first, 3);
  const auto three = builder_.Build(At(3), 0);

  EXPECT_EQ(Served(*one->Find("default/web")), (std::vector<std::string>{"i-1"}));
  EXPECT_EQ(one->Find("default/api"), nullptr);
  EXPECT_EQ(Served(*two->Find("default/web")), (std::vector<std::string>{"i-1", "i-2"}));
  EXPECT_EQ(two->instances, 3u);
  EXPECT_EQ(Served(*three->Find("default/web")), (std::vector<std::string>{"i-2"}));
  EXPECT_EQ(three->instances, 2u);
  EXPECT_EQ(three->Find("default/web")->changed, Revision(3));
  EXPECT_EQ(three->Find("default/api")->changed, Revision(2));
}

TEST_F(ViewTest, AServiceWithoutInstancesIsGone) {
  auto only = Instance("web", "i-1", 1);
  Put(nullptr, only);
  builder_.Build(At(1), 0);
  Remove(only, 2);
  const auto view = builder_.Build(At(2), 0);
  EXPECT_EQ(view->Find("default/web"), nullptr);
  EXPECT_EQ(view->services.size(), 0u);
  Put(nullptr, Instance("web", "i-9", 3));
  EXPECT_NE(builder_.Build(At(3), 0)->Find("default/web"), nullptr);
}

TEST_F(ViewTest, CountsByHealthAndEncodesOnlyWhatIsServed) {
  Put(nullptr, Instance("web", "i-1", 1));
  Put(nullptr, Instance("web", "i-2", 1, core::Report::kCritical));
  Put(nullptr, Instance("web", "i-3", 1, core::Report::kDraining));
  const auto view = builder_.Build(At(1), 0);
  const ServiceView& service = *view->Find("default/web");
  EXPECT_EQ(service.Count(core::Health::kPassing), 1u);
  EXPECT_EQ(service.Count(core::Health::kCritical), 1u);
  EXPECT_EQ(service.Count(core::Health::kDraining), 1u);
  EXPECT_EQ(service.Served(), 1u);
  EXPECT_EQ(Served(service), (std::vector<std::string>{"i-1"}));
}

TEST_F(ViewTest, AChangeInABigServiceEncodesOneLeafAnew) {
  for (int i = 0; i < 2'000; ++i) Put(nullptr, Instance("web", std::to_string(10'000 + i), 1));
  const auto before = builder_.Build(At(1), 0);
  size_t leaves = 0;
  std::vector<const EncodedLeaf*> encoded;
  before->Find("default/web")->instances.ForEachLeaf([&](const auto& instances, const auto& cache) {
    encoded.push_back(&cache.Get(instances));
    ++leaves;
  });
  ASSERT_GT(leaves, 20u);
  Put(Instance("web", "10500", 1), Instance("web", "10500", 2));
  const auto after = builder_.Build(At(2), 0);
  size_t shared = 0;
  after->Find("default/web")->instances.ForEachLeaf([&](const auto& instances, const auto& cache) {
    shared +=
        static_cast<size_t>(std::count(encoded.begin(), encoded.end(), &cache.Get(instances)));
  });
  EXPECT_EQ(shared, leaves - 1);
}

// What a leaf keeps of a filter goes with the next change of the leaf, and one filter is never
// answered with what another one chose.
TEST_F(ViewTest, FiltersAreAnsweredAsTheInstancesAreNow) {
  core::InstanceFilter passing;
  passing.health_mask = core::HealthBit(core::Health::kPassing);
  core::InstanceFilter draining;
  draining.health_mask = core::HealthBit(core::Health::kDraining);
  const auto count = [](const View& view, uint64_t id, const core::InstanceFilter& filter) {
    int matching = 0;
    view.Find("default/web")
        ->instances.ForEachLeaf([&](const auto& instances, const EncodedLeafCache& cache) {
          matching += std::popcount(cache.Matching(id, filter, instances));
        });
    return matching;
  };
  std::vector<core::InstancePtr> instances;
  for (int i = 0; i < 500; ++i) {
    instances.push_back(Instance("web", "i-" + std::to_string(i), 1));
    Put(nullptr, instances.back());
  }
  const auto before = builder_.Build(At(1), 0);
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(count(*before, 1, passing), 500);
    EXPECT_EQ(count(*before, 2, draining), 0);
    EXPECT_EQ(count(*before, 0, draining), 0) << "not kept";
  }
  for (uint64_t id = 3; id < 30; ++id) EXPECT_EQ(count(*before, id, passing), 500);  // many filters
  EXPECT_EQ(count(*before, 1, passing), 500);

  Put(instances[77], Instance("web", "i-77", 2, core::Report::kDraining));
  const auto after = builder_.Build(At(2), 0);
  EXPECT_EQ(count(*after, 1, passing), 499);
  EXPECT_EQ(count(*after, 2, draining), 1);
  EXPECT_EQ(count(*before, 1, passing), 500) << "the old view stays as it was";
}

}  // namespace
}  // namespace registryd::replica
