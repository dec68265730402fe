#include "client/local/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/client_local/memory_registry.h"

namespace registry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::WatchResponse Snapshot(uint64_t revision, const std::vector<v1::Instance>& instances,
                           uint64_t cluster = 7) {
  v1::WatchResponse message;
  v1::Snapshot* snapshot = message.mutable_snapshot();
  snapshot->mutable_cursor()->set_cluster_id(cluster);
  snapshot->mutable_cursor()->set_revision(revision);
  for (const v1::Instance& instance : instances) *snapshot->add_instances() = instance;
  snapshot->set_first(true);
  snapshot->set_last(true);
  return message;
}

v1::WatchResponse Changes(uint64_t from, uint64_t to, const std::vector<v1::Instance>& changed,
                          const std::vector<std::string>& gone = {}) {
  v1::WatchResponse message;
  v1::Changes* changes = message.mutable_changes();
  changes->set_from_revision(from);
  changes->set_revision(to);
  for (const v1::Instance& instance : changed) *changes->add_changed() = instance;
  for (const std::string& id : gone) {
    v1::InstanceRef* ref = changes->add_gone();
    ref->set_service("web");
    ref->set_id(id);
  }
  return message;
}

v1::WatchResponse Progress(uint64_t revision, const std::vector<v1::Instance>& instances) {
  v1::WatchResponse message;
  uint64_t digest = 0;
  for (const v1::Instance& instance : instances) digest += InstanceDigest(ToInstance(instance));
  message.mutable_progress()->set_revision(revision);
  message.mutable_progress()->set_digest(digest);
  message.mutable_progress()->set_count(instances.size());
  return message;
}

v1::Instance Web(const std::string& id, uint64_t revision) {
  return MessageOf("web", id, revision);
}

std::vector<std::string> Ids(const View& view) {
  std::vector<std::string> ids;
  for (const InstancePtr& instance : view.instances) ids.push_back(instance->spec.id);
  return ids;
}

bool Steps(Mirror& mirror, const v1::WatchResponse& message) {
  const auto step = mirror.Take(message);
  EXPECT_TRUE(step.ok()) << step.status();
  return step.ok() && step->has_value();
}

TEST(MirrorTest, TheDigestIsThatOfTheDocument) {
  Instance instance;
  instance.spec.service = "web";
  instance.spec.id = "i-1";
  instance.incarnation = 3;
  instance.changed_revision = 300;
  instance.health = Health::kPassing;
  EXPECT_EQ(InstanceDigest(instance), 0x159e584feb6fabdeu);
}

TEST(MirrorTest, ASnapshotInPartsIsShownWhole) {
  Mirror mirror(EmptyPolicy::kWhenMeant);
  v1::WatchResponse part = Snapshot(5, {Web("b", 2)});
  part.mutable_snapshot()->set_last(false);
  EXPECT_FALSE(Steps(mirror, part));
  EXPECT_FALSE(mirror.resumable());
  part = Snapshot(5, {Web("a", 1)});
  part.mutable_snapshot()->set_first(false);
  EXPECT_TRUE(Steps(mirror, part));
  EXPECT_THAT(Ids(*mirror.view()), ElementsAre("a", "b"));
  EXPECT_EQ(mirror.view()->revision, 5u);
  EXPECT_EQ(mirror.cursor().cluster_id(), 7u);
}

TEST(MirrorTest, APartWithoutABeginningIsRefused) {
  Mirror mirror(EmptyPolicy::kWhenMeant);
  v1::WatchResponse part = Snapshot(5, {Web("a", 1)});
  part.mutable_snapshot()->set_first(false);
  EXPECT_EQ(mirror.Take(part).status().code(), absl::StatusCode::kInternal);
}

TEST(MirrorTest, ChangesMergeInOrderAndShareTheRest) {
  Mirror mirror(EmptyPolicy::kWhenMeant);
  Steps(mirror, Snapshot(3, {Web("a", 1), Web("c", 2), Web("e", 3)}));
  const ViewPtr before = mirror.view();
  ASSERT_TRUE(Steps(mirror, Changes(3, 6, {Web("f", 6), Web("b", 4), Web("c", 5)}, {"e", "zz"})));
  EXPECT_THAT(Ids(*mirror.view()), ElementsAre("a", "b", "c", "f"));
  EXPECT_EQ(mirror.view()->Find("default", "web", "c")->changed_revision, 5u);
  EXPECT_EQ(mirror.view()->instances[0], before->instances[0]);
  EXPECT_THAT(Ids(*before), ElementsAre("a", "c", "e"));
  EXPECT_FALSE(Steps(mirror, Progress(9, {Web("a", 1), Web("b", 4), Web("c", 5), Web("f", 6)})));
  EXPECT_EQ(mirror.revision(), 9u);
}

TEST(MirrorTest, ARepeatedPageIsPassedOverAndAGapIsSeen) {
  Mirror mirror(EmptyPolicy::kWhenMeant);
  Steps(mirror, Snapshot(3, {Web("a", 1)}));
  EXPECT_FALSE(Steps(mirror, Changes(1, 3, {Web("b", 2)})));
  EXPECT_THAT(Ids(*mirror.view()), ElementsAre("a"));
  EXPECT_TRUE(absl::IsDataLoss(mirror.Take(Changes(4, 5, {Web("b", 5)})).status()));
}

TEST(MirrorTest, AnotherDigestOrCountIsSeen) {
  Mirror mirror(EmptyPolicy::kWhenMeant);
  Steps(mirror, Snapshot(3, {Web("a", 1)}));
  EXPECT_TRUE(mirror.Take(Progress(3, {Web("a", 1)})).ok());
  EXPECT_TRUE(absl::IsDataLoss(mirror.Take(Progress(3, {Web("a", 2)})).status()));
  EXPECT_TRUE(absl::IsDataLoss(mirror.Take(Progress(3, {Web("a", 1), Web("b", 1)})).status()));
  EXPECT_TRUE(mirror.Take(Progress(2, {Web("b", 1)})).ok()) << "a beat of before our page";
}

TEST(MirrorTest, RandomChangesGiveThePictureAndTheDigest) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  Mirror mirror(EmptyPolicy::kWhenMeant);
  Steps(mirror, Snapshot(1, {}));
  std::map<std::string, v1::Instance> expected;
  for (uint64_t revision = 2; revision < 500; ++revision) {
    const std::string id = std::to_string(random() % 30);
    if (random() % 3 == 0) {
      expected.erase(id);
      Steps(mirror, Changes(revision - 1, revision, {}, {id}));
    } else {
      expected[id] = Web(id, revision);
      Steps(mirror, Changes(revision - 1, revision, {expected[id]}));
    }
    std::vector<v1::Instance> instances;
    std::vector<std::string> ids;
    for (const auto& [key, instance] : expected) {
      instances.push_back(instance);
      ids.push_back(key);
    }
    ASSERT_EQ(Ids(*mirror.view()), ids);
    ASSERT_TRUE(mirror.Take(Progress(revision, instances)).ok());
  }
}

TEST(MirrorTest, AnEmptyPictureOfAnotherClusterEmptiesNothing) {
  Mirror mirror(EmptyPolicy::kWhenMeant);
  Steps(mirror, Snapshot(3, {Web("a", 1)}));
  Steps(mirror, Snapshot(1, {}, 8));
  EXPECT_TRUE(mirror.holding());
  EXPECT_THAT(Ids(*mirror.view()), ElementsAre("a"));
  EXPECT_EQ(mirror.cursor().cluster_id(), 8u);
  EXPECT_TRUE(mirror.Take(Progress(2, {})).ok());
  Steps(mirror, Snapshot(2, {}, 8));
  EXPECT_TRUE(mirror.holding()) << "nor does a second one";
  // The first instance of the other cluster ends it.
  ASSERT_TRUE(Steps(mirror, Changes(2, 4, {Web("x", 4)})));
  EXPECT_FALSE(mirror.holding());
  EXPECT_THAT(Ids(*mirror.view()), ElementsAre("x"));
  EXPECT_TRUE(mirror.Take(Progress(4, {Web("x", 4)})).ok());
}

TEST(MirrorTest, AnEmptyPictureIsMeantWhereTheSameClusterShowsItLater) {
  Mirror mirror(EmptyPolicy::kWhenMeant);
  Steps(mirror, Snapshot(3, {Web("a", 1)}));
  Steps(mirror, Snapshot(9, {}));
  EXPECT_FALSE(mirror.holding());
  EXPECT_THAT(Ids(*mirror.view()), IsEmpty());
}

TEST(MirrorTest, TheLastInstanceThatIsNamedAsGoneIsGone) {
  Mirror mirror(EmptyPolicy::kWhenMeant);
  Steps(mirror, Snapshot(3, {Web("a", 1)}));
  Steps(mirror, Changes(3, 4, {}, {"a"}));
  EXPECT_THAT(Ids(*mirror.view()), IsEmpty());
}

TEST(MirrorTest, PoliciesKeepAndBelieve) {
  Mirror keep(EmptyPolicy::kKeep);
  Steps(keep, Snapshot(3, {Web("a", 1)}));
  EXPECT_FALSE(Steps(keep, Changes(3, 4, {}, {"a"})));
  EXPECT_TRUE(keep.holding());
  EXPECT_THAT(Ids(*keep.view()), ElementsAre("a"));
  EXPECT_TRUE(keep.Take(Progress(5, {})).ok());
  Steps(keep, Changes(5, 6, {Web("b", 6)}));
  EXPECT_THAT(Ids(*keep.view()), ElementsAre("b"));

  Mirror believe(EmptyPolicy::kBelieve);
  Steps(believe, Snapshot(3, {Web("a", 1)}));
  Steps(believe, Snapshot(1, {}, 8));
  EXPECT_THAT(Ids(*believe.view()), IsEmpty());
}

}  // namespace
}  // namespace registry
