// A state that came from another member is swapped in under a running replica.
#include <gtest/gtest.h>

#include "registryd/consensus/configuration_codec.h"
#include "registryd/replica/replica_snapshots.h"
#include "registryd/replica/staged_state.h"
#include "tests/support/test_replica.h"

namespace registryd::replica {
namespace {

using testing::Spec;
using testing::TestReplica;

class Nobody final : public watch::Waker {
 public:
  void Wake() override {}
};

class Listener final : public Observer {
 public:
  void OnOutcome(const core::Outcome&) override {}
  void OnLeadership(const Leadership&) override {}
  void OnReplaced() override { ++replaced; }
  int replaced = 0;  // the loop's
};

class InstallTest : public ::testing::Test {
 protected:
  InstallTest() {
    follower_.replica().AddObserver(&listener_);
    for (TestReplica* node : {&leader_, &follower_}) {
      node->Start();
      node->Lead();
      // What every log begins with.
      std::vector<consensus::Committed> first(1);
      first[0] = {LogIndex(1),
                  {Term(1), consensus::EntryType::kConfiguration,
                   *consensus::EncodeConfiguration({{NodeId(1), "a:1"}, {NodeId(2), "b:1"}})},
                  {}};
      node->proposer().Commit(std::move(first));
    }
  }
  // The leader's state, as it reaches the follower.
  std::unique_ptr<consensus::StagedSnapshot> Transfer(uint64_t generation) {
    auto data = storage::DataDir::Lock(follower_.dir(), "b");
    EXPECT_TRUE(data.ok()) << data.status();
    ReplicaSnapshots from(&leader_.replica(), nullptr, 0);
    ReplicaSnapshots to(&follower_.replica(), data->get(), generation - 1);
    auto source = from.Open();
    auto sink = to.Receive();
    EXPECT_TRUE(source.ok() && sink.ok());
    for (;;) {
      auto chunk = (*source)->Next();
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (!chunk.ok() || chunk->empty()) break;
      const absl::Status added = (*sink)->Add(*chunk);
      EXPECT_TRUE(added.ok()) << added;
    }
    auto staged = (*sink)->Finish();
    EXPECT_TRUE(staged.ok()) << staged.status();
    return staged.ok() ? *std::move(staged) : nullptr;
  }
  Listener listener_;  // outlives the loops
  TestReplica leader_, follower_;
};

TEST_F(InstallTest, TheFollowerHasTheLeadersStateAndItsSubscribersStartOver) {
  follower_.Apply(core::Register{{Spec("old", "i-1")}, std::nullopt});
  auto waker = std::make_shared<Nobody>();
  bool created = false;
  const auto topic = follower_.hub().Attach({"default/", true}, {}, waker, &created);
  const Revision cursor = follower_.replica().view()->revision();
  topic->SetLevel({cursor, 0, 0});
  for (int i = 0; i < 300; ++i) {
    leader_.Apply(
        core::Register{{Spec("web", std::to_string(i))}, core::LeaseClaim{LeaseId(7), 6'000, ""}});
  }
  leader_.Apply(core::SetService{"default/web", 2});
  auto staged = Transfer(4);
  ASSERT_NE(staged, nullptr);
  EXPECT_EQ(staged->generation(), 4u);
  const auto before = follower_.replica().view();
  follower_.replica().Install(std::move(staged));
  follower_.OnLoop([] {});
  const auto view = follower_.replica().view();
  EXPECT_EQ(view->counters, leader_.replica().view()->counters);
  EXPECT_EQ(view->instances, 300u);
  EXPECT_EQ(view->leases, 1u);
  const core::ServiceRecordPtr* record = view->records.Find("default/web");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ((*record)->min_healthy, 2u);
  EXPECT_EQ(listener_.replaced, 1);
  EXPECT_EQ(view->Find("default/old"), nullptr);
  ASSERT_NE(before->Find("default/old"), nullptr);  // who reads the old view goes on reading it
  EXPECT_EQ(follower_.replica().applied(), leader_.replica().applied());
  watch::Page page;
  EXPECT_EQ(topic->Next(cursor, view->revision(), &page), watch::Topic::Fetch::kBehind);
  EXPECT_FALSE(topic->levelled());
  EXPECT_FALSE(std::filesystem::exists(follower_.dir() + "/state"));
  EXPECT_TRUE(std::filesystem::exists(follower_.dir() + "/state-4"));
}

TEST_F(InstallTest, WhatIsDroppedLeavesNothing) {
  leader_.Apply(core::Register{{Spec("web", "a")}, std::nullopt});
  auto staged = Transfer(4);
  ASSERT_NE(staged, nullptr);
  EXPECT_TRUE(std::filesystem::exists(follower_.dir() + "/state-4"));
  staged.reset();
  EXPECT_FALSE(std::filesystem::exists(follower_.dir() + "/state-4"));
  EXPECT_TRUE(std::filesystem::exists(follower_.dir() + "/state"));
}

}  // namespace
}  // namespace registryd::replica
