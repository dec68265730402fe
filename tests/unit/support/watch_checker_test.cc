// The watch checker finds what it claims to find: each test plants one fault into a stream that is
// otherwise right.

#include "tests/support/watch_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace registryd::testing {
namespace {

using registry::v1::Instance;
using registry::v1::WatchResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Instance Web(const std::string& id, uint64_t changed) {
  Instance instance;
  instance.mutable_spec()->set_namespace_("default");
  instance.mutable_spec()->set_service("web");
  instance.mutable_spec()->set_id(id);
  instance.set_incarnation(3);
  instance.set_changed_revision(changed);
  instance.set_health(registry::v1::HEALTH_PASSING);
  return instance;
}

WatchResponse Snapshot(uint64_t revision, const std::vector<Instance>& instances, bool first = true,
                       bool last = true) {
  WatchResponse response;
  auto* snapshot = response.mutable_snapshot();
  snapshot->mutable_cursor()->set_cluster_id(7);
  snapshot->mutable_cursor()->set_revision(revision);
  for (const Instance& instance : instances) *snapshot->add_instances() = instance;
  snapshot->set_first(first);
  snapshot->set_last(last);
  return response;
}

WatchResponse Page(uint64_t from, uint64_t to, const std::vector<Instance>& changed,
                   const std::vector<std::string>& gone = {}) {
  WatchResponse response;
  response.mutable_changes()->set_from_revision(from);
  response.mutable_changes()->set_revision(to);
  for (const Instance& instance : changed) *response.mutable_changes()->add_changed() = instance;
  for (const std::string& id : gone) {
    auto* ref = response.mutable_changes()->add_gone();
    ref->set_namespace_("default");
    ref->set_service("web");
    ref->set_id(id);
  }
  return response;
}

WatchResponse Beat(uint64_t revision, const std::vector<Instance>& picture) {
  WatchResponse response;
  auto* progress = response.mutable_progress();
  progress->set_revision(revision);
  progress->set_count(picture.size());
  for (const Instance& instance : picture) {
    progress->set_digest(progress->digest() + DigestOf(instance));
  }
  return response;
}

WatchResponse Resync(const std::string& reason) {
  WatchResponse response;
  response.mutable_resync()->set_reason(reason);
  return response;
}

WatchChecker::Errors Judge(const std::vector<WatchResponse>& stream) {
  WatchChecker checker("w");
  checker.Begin(std::nullopt);
  for (const WatchResponse& response : stream) checker.Take(response);
  return checker.errors();
}

TEST(WatchChecker, TheDigestIsThatOfTheDocument) {
  Instance one = Web("i-1", 300);
  EXPECT_EQ(DigestOf(one), 0x159e584feb6fabdeu);
  Instance two = Web("i-2", 4);
  two.set_incarnation(4);
  two.set_health(registry::v1::HEALTH_DRAINING);
  EXPECT_EQ(DigestOf(two), 0x331ea51f9fc2e36eu);
}

TEST(WatchChecker, ARightStreamHasNoErrors) {
  WatchChecker checker("w");
  checker.Begin(std::nullopt);
  checker.Take(Snapshot(10, {Web("a", 8)}, true, false));
  checker.Take(Snapshot(10, {Web("b", 9)}, false, true));
  checker.Take(Page(8, 12, {Web("a", 12)}, {"b", "never-had"}));
  checker.Take(Beat(15, {Web("a", 12)}));
  checker.Begin(checker.cursor());  // a reconnect
  checker.Take(Page(12, 17, {Web("c", 17)}));
  checker.Take(Beat(17, {Web("a", 12), Web("c", 17)}));
  checker.Begin(checker.cursor());
  checker.Take(Resync("too old"));
  checker.Take(Snapshot(40, {Web("c", 17)}));
  checker.Take(Beat(40, {Web("c", 17)}));
  checker.CheckAgainst({{8, {"default/web/a"}},
                        {12, {"default/web/a", "default/web/b"}},
                        {17, {"default/web/c"}},
                        {30, {"default/web/a"}}},
                       [](const std::string&) { return true; });
  EXPECT_THAT(checker.errors(), ElementsAre());
  EXPECT_EQ(checker.revision(), 40u);
  EXPECT_EQ(checker.picture().size(), 1u);
  EXPECT_EQ(checker.counts().resyncs, 1);
  EXPECT_EQ(checker.counts().beats, 3);
}

TEST(WatchChecker, FindsAGap) {
  EXPECT_THAT(Judge({Snapshot(10, {}), Page(11, 12, {Web("a", 12)})}),
              ElementsAre(HasSubstr("a gap")));
}

TEST(WatchChecker, FindsARepetition) {
  EXPECT_THAT(Judge({Snapshot(10, {}), Page(10, 12, {Web("a", 12)}), Page(10, 12, {Web("a", 12)})}),
              ElementsAre(HasSubstr("a repetition")));
}

TEST(WatchChecker, FindsAWrongOrder) {
  EXPECT_THAT(Judge({Snapshot(10, {}), Page(11, 14, {Web("a", 14)}), Page(10, 11, {Web("b", 11)})}),
              ElementsAre(HasSubstr("a gap"), HasSubstr("a repetition")));
}

TEST(WatchChecker, FindsAPartOfARevisionThatCameLater) {
  EXPECT_THAT(Judge({Snapshot(10, {}), Page(10, 12, {Web("a", 12)}), Page(12, 13, {Web("b", 12)})}),
              ElementsAre(HasSubstr("default/web/b of revision 12 in a page of (12, 13]"),
                          HasSubstr("newest change is of 12")));
}

TEST(WatchChecker, FindsAPartOfARevisionThatNeverCame) {
  WatchChecker checker("w");
  checker.Begin(std::nullopt);
  checker.Take(Snapshot(10, {}));
  checker.Take(Page(10, 12, {Web("a", 12)}));
  checker.CheckAgainst({{12, {"default/web/a", "default/web/b", "default/db/x"}}},
                       [](const std::string& name) { return name.find("/web/") != name.npos; });
  EXPECT_THAT(checker.errors(), ElementsAre(HasSubstr("default/web/b at 12 was not told")));
}

TEST(WatchChecker, FindsAChangeThatProgressPassedOver) {
  WatchChecker checker("w");
  checker.Begin(std::nullopt);
  checker.Take(Snapshot(10, {Web("a", 4)}));
  checker.Take(Beat(13, {Web("a", 4)}));
  checker.CheckAgainst({{12, {"default/web/a"}}}, [](const std::string&) { return true; });
  EXPECT_THAT(checker.errors(), ElementsAre(HasSubstr("default/web/a at 12 was not told")));
}

TEST(WatchChecker, FindsAnotherDigestAndAnotherCount) {
  EXPECT_THAT(Judge({Snapshot(10, {Web("a", 4)}), Beat(10, {Web("a", 5)})}),
              ElementsAre(HasSubstr("another digest")));
  EXPECT_THAT(Judge({Snapshot(10, {Web("a", 4)}), Beat(10, {})}),
              ElementsAre(HasSubstr("progress says 0"), HasSubstr("another digest")));
}

TEST(WatchChecker, FindsProgressThatGoesBack) {
  EXPECT_THAT(Judge({Snapshot(10, {}), Beat(9, {})}), ElementsAre(HasSubstr("behind 10")));
}

TEST(WatchChecker, FindsAnInstanceThatGoesBackAndOneThatComesTwice) {
  EXPECT_THAT(Judge({Snapshot(10, {Web("a", 11)})}),
              ElementsAre(HasSubstr("in a snapshot of 10 is of revision 11")));
  EXPECT_THAT(Judge({Snapshot(10, {}), Page(10, 12, {Web("a", 12)}, {"a"})}),
              ElementsAre(HasSubstr("twice")));
}

TEST(WatchChecker, FindsSnapshotsThatNobodyAskedFor) {
  EXPECT_THAT(Judge({Snapshot(10, {}), Snapshot(11, {})}),
              ElementsAre(HasSubstr("nobody asked for")));
  EXPECT_THAT(Judge({Snapshot(10, {}, false, true)}),
              ElementsAre(HasSubstr("without its first part"), HasSubstr("different cursors")));
  EXPECT_THAT(Judge({Page(1, 2, {Web("a", 2)})}), ElementsAre(HasSubstr("before there is")));
  EXPECT_THAT(Judge({Snapshot(10, {}, true, false), Beat(10, {})}),
              ElementsAre(HasSubstr("before there is a picture")));
}

TEST(WatchChecker, FindsMessagesAfterTheEndAndEmptyOnes) {
  WatchResponse ended;
  ended.mutable_ended()->set_code(3);
  EXPECT_THAT(Judge({ended, Beat(1, {})}), ElementsAre(HasSubstr("after the end")));
  EXPECT_THAT(Judge({WatchResponse()}), ElementsAre(HasSubstr("without an event")));
  EXPECT_THAT(Judge({Snapshot(10, {}), Page(10, 11, {})}),
              ElementsAre(HasSubstr("an empty page"), HasSubstr("newest")));
}

}  // namespace
}  // namespace registryd::testing
