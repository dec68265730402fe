#include "registryd/watch/subscribers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace registryd::watch {
namespace {

core::InstancePtr Instance(std::string_view id, uint64_t revision) {
  auto instance = std::make_shared<core::Instance>();
  instance->spec.name = core::InstanceName("default", "web", id);
  instance->changed = Revision(revision);
  return instance;
}

class SubscribersTest : public ::testing::Test {
 protected:
  void Change(Topic& topic, uint64_t revision, int64_t now_ms) {
    topic.Publish({nullptr, Instance("a", revision), core::Cause::kRegister}, Revision(revision), 0,
                  now_ms);
  }
  std::vector<SubscriberInfo> Waiting(uint64_t revision, int64_t now_ms) {
    return subscribers_.List("default/web", Revision(revision), now_ms);
  }

  Subscribers subscribers_;
  std::shared_ptr<Topic> topic_ =
      std::make_shared<Topic>(Scope{"default/web", false}, core::InstanceFilter(), Revision(10));
};

TEST_F(SubscribersTest, G7WhoHasNotAcknowledgedIsWaitedFor) {
  auto one = subscribers_.Connect("10.0.0.1:1");
  one->Hello("checkout-1", "checkout");
  auto progress = one->Add(1, topic_, Revision(), 1'000);
  Change(*topic_, 11, 2'000);
  ASSERT_EQ(Waiting(11, 2'000).size(), 1u);
  EXPECT_EQ(Waiting(11, 2'000)[0].client_id, "checkout-1");
  EXPECT_EQ(Waiting(11, 2'000)[0].address, "10.0.0.1:1");
  EXPECT_EQ(progress->Acknowledge(Revision(11), 2'030), 30);
  EXPECT_TRUE(Waiting(11, 2'030).empty());
  EXPECT_EQ(subscribers_.List("", Revision(), 2'030)[0].last_ms, 30);
  // An older acknowledgement takes nothing back.
  EXPECT_EQ(progress->Acknowledge(Revision(10), 2'040), -1);
  EXPECT_TRUE(Waiting(11, 2'040).empty());
}

TEST_F(SubscribersTest, G7WhatDoesNotConcernASubscriberIsNotWaitedFor) {
  auto one = subscribers_.Connect("a");
  auto progress = one->Add(1, topic_, Revision(), 0);
  EXPECT_EQ(Waiting(11, 0).size(), 1u) << "it has never acknowledged anything";
  progress->Acknowledge(Revision(10), 0);
  EXPECT_TRUE(Waiting(11, 0).empty()) << "nothing has changed for it since";
  Change(*topic_, 12, 0);
  EXPECT_TRUE(Waiting(11, 0).empty());
  EXPECT_EQ(Waiting(12, 0).size(), 1u);
}

TEST_F(SubscribersTest, G7AStreamThatBrokeIsWaitedForUntilItsGraceIsOver) {
  auto one = subscribers_.Connect("a");
  one->Hello("checkout-1", "");
  one->Add(1, topic_, Revision(10), 0);
  Change(*topic_, 11, 0);
  one->Broke(5'000);
  ASSERT_EQ(Waiting(11, 5'000).size(), 1u);
  EXPECT_FALSE(Waiting(11, 5'000)[0].connected);
  EXPECT_EQ(Waiting(11, 5'000 + Subscribers::kGraceMs - 1).size(), 1u);
  EXPECT_TRUE(Waiting(11, 5'000 + Subscribers::kGraceMs).empty());
}

TEST_F(SubscribersTest, G7OneThatIsBackCountsAsItIsNow) {
  auto first = subscribers_.Connect("a");
  first->Hello("checkout-1", "");
  first->Add(1, topic_, Revision(10), 0);
  Change(*topic_, 11, 0);
  first->Broke(100);
  auto second = subscribers_.Connect("b");
  second->Hello("checkout-1", "");
  EXPECT_EQ(Waiting(11, 200).size(), 1u) << "it has not subscribed yet";
  auto progress = second->Add(1, topic_, Revision(10), 200);
  ASSERT_EQ(Waiting(11, 200).size(), 1u);
  EXPECT_TRUE(Waiting(11, 200)[0].connected);
  progress->Acknowledge(Revision(11), 300);
  EXPECT_TRUE(Waiting(11, 300).empty());
}

TEST_F(SubscribersTest, G7WhoSaidGoodbyeIsNotWaitedFor) {
  auto one = subscribers_.Connect("a");
  one->Add(1, topic_, Revision(10), 0);
  auto two = subscribers_.Connect("b");
  two->Add(1, topic_, Revision(10), 0);
  two->Remove(1);
  Change(*topic_, 11, 0);
  EXPECT_EQ(Waiting(11, 0).size(), 1u);
  one->Goodbye();
  one->Broke(0);  // the stream's end, after it
  EXPECT_TRUE(Waiting(11, 0).empty());
  EXPECT_TRUE(subscribers_.List("", Revision(), 0).empty());
}

TEST_F(SubscribersTest, G9BrokenOnesAreBounded) {
  for (size_t i = 0; i < Subscribers::kBrokenMax + 10; ++i) {
    auto one = subscribers_.Connect("a");
    one->Add(1, topic_, Revision(10), 0);
    one->Broke(1);
  }
  EXPECT_EQ(subscribers_.List("", Revision(), 1).size(), Subscribers::kBrokenMax);
}

}  // namespace
}  // namespace registryd::watch
