// Members that are added, promoted, removed and left behind while clients go on, with real
// processes and by registry-cli.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/support/cluster.h"
#include "tests/support/linearizability.h"
#include "tests/support/recording_client.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

using registry::v1::ChangeMemberRequest;
using registry::v1::Member;
using ::testing::HasSubstr;
using ::testing::Not;

// Three members with logs that are as short as they may be.
class MembershipTest : public ::testing::Test {
 protected:
  size_t Leader(std::optional<size_t> but = {}) {
    const auto leader = cluster_.WaitForLeader(but);
    EXPECT_TRUE(leader.has_value()) << cluster_.Log();
    return leader.value_or(0);
  }
  // As the leader sees it.
  std::optional<Member> Find(const std::string& name) {
    const auto leader = cluster_.Leader();
    const auto status = leader ? cluster_.Status(*leader) : std::nullopt;
    if (!status) return std::nullopt;
    for (const Member& member : status->members()) {
      if (member.name() == name) return member;
    }
    return std::nullopt;
  }
  bool WaitUntilVoter(const std::string& name) {
    return WaitFor([&] {
      const auto member = Find(name);
      return member && member->suffrage() == Member::SUFFRAGE_VOTER && member->reachable();
    });
  }
  void Must(const std::vector<std::string>& arguments) {
    const Finished done = cluster_.Cli(arguments);
    ASSERT_EQ(done.exit, 0) << done.err << cluster_.Log();
  }
  bool LogSays(size_t i, const std::string& words) {
    return WaitFor([&] { return cluster_[i].Log().find(words) != std::string::npos; });
  }

  Cluster cluster_{3, {"--log-entries", "100"}};
};

TEST_F(MembershipTest, AMemberFarBehindACutLogGetsASnapshotAndMissesNothing) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  RecordingClients clients(cluster_.apis(), {.seed = 31});
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_.Log();
  const size_t away = (Leader() + 1) % 3;
  cluster_[away].Kill9();
  // Each round of writes may be followed by a cut; the third cut leaves nothing that it had.
  ASSERT_TRUE(clients.WaitForWrites(1'500)) << cluster_.Log();
  ASSERT_TRUE(cluster_[away].Start()) << cluster_.Log();
  ASSERT_TRUE(LogSays(away, "the state was replaced by a snapshot")) << cluster_.Log();
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster_.Log();
  const History history = clients.Stop();
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster_, history));
  // What it got is on its disk.
  cluster_[away].Kill9();
  ASSERT_TRUE(cluster_[away].Start()) << cluster_.Log();
  ASSERT_TRUE(cluster_.WaitUntilEqual()) << cluster_.Log();
}

TEST_F(MembershipTest, AnEmptyNodeJoinsUnderLoadByASnapshotAndVotes) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  RecordingClients clients(cluster_.apis(), {.seed = 34});
  // So many that the logs do not reach back to the beginning.
  ASSERT_TRUE(clients.WaitForWrites(600)) << cluster_.Log();
  ASSERT_TRUE(WaitFor([&] {
    return cluster_[Leader()].Metric("registryd_raft_first_index").value_or(0) > 1;
  })) << cluster_.Log();
  const size_t added = cluster_.Add({"--log-entries", "100"});
  ASSERT_TRUE(cluster_[added].Start()) << cluster_.Log();
  ASSERT_TRUE(WaitUntilVoter(cluster_.name(added))) << cluster_.Log();
  EXPECT_THAT(cluster_[added].Log(), HasSubstr("the state was replaced by a snapshot"));
  EXPECT_TRUE(WaitFor([&] {
    return cluster_[added].Page("/readyz").find("200") != std::string::npos;
  })) << cluster_[added].Page("/readyz");
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_.Log();
  // It is as good as the others: with two of the first three gone there are two of four, so one is
  // removed first.
  const size_t leaves = (Leader() + 1) % 3;
  Must({"member", "remove", cluster_.name(leaves)});
  EXPECT_EQ(cluster_[leaves].Wait(), 0) << cluster_.Log();
  const size_t dies = (leaves + 1) % 3;
  cluster_[dies].Kill9();
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_.Log();
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster_, clients.Stop()));
  // Once a member, it starts as one, whatever it is told to join.
  cluster_[added].Kill9();
  ASSERT_TRUE(cluster_[added].Start()) << cluster_.Log();
  ASSERT_TRUE(cluster_.WaitUntilEqual()) << cluster_.Log();
}

TEST_F(MembershipTest, AMemberThatLostItsDataIsRemovedAndJoinsAnew) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  RecordingClients clients(cluster_.apis(), {.seed = 35});
  ASSERT_TRUE(clients.WaitForWrites(100)) << cluster_.Log();
  const size_t wiped = Leader() == 0 ? 1 : Leader();
  cluster_[wiped].Kill9();
  std::filesystem::remove_all(cluster_[wiped].data_dir());
  // While its former self is a member, nobody else gets its address.
  cluster_[wiped].SetFlags(
      {"--name", cluster_.name(wiped), "--join", cluster_.peer(0), "--log-entries", "100"});
  cluster_[wiped].Launch();
  ASSERT_TRUE(LogSays(wiped, "remove it first")) << cluster_.Log();
  Must({"member", "remove", cluster_.name(wiped)});
  ASSERT_TRUE(WaitUntilVoter(cluster_.name(wiped))) << cluster_.Log();
  ASSERT_TRUE(cluster_[wiped].WaitUntilReady()) << cluster_.Log();
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_.Log();
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster_, clients.Stop()));
}

// The cluster needs it for nothing, so nobody would notice.
TEST_F(MembershipTest, AStandbyThatIsAwayIsReportedUntilItIsBack) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  const size_t away = (Leader() + 1) % 3;
  Must({"member", "demote", cluster_.name(away)});
  cluster_[away].Kill9();
  const auto silent = [&] { return cluster_[Leader()].Metric("registryd_members_silent"); };
  ASSERT_TRUE(WaitFor([&] { return silent() == 1; })) << cluster_.Log();
  EXPECT_THAT(cluster_[Leader()].Log(), HasSubstr("a member is silent"));
  ASSERT_TRUE(cluster_[away].Start()) << cluster_.Log();
  ASSERT_TRUE(WaitFor([&] { return silent() == 0; })) << cluster_.Log();
  EXPECT_THAT(cluster_[Leader()].Log(), HasSubstr("is heard again"));
}

TEST_F(MembershipTest, WhoJoinsNobodySaysSo) {
  // Nothing listens there.
  const size_t added = cluster_.Add();
  cluster_[added].Launch();
  ASSERT_TRUE(LogSays(added, "cannot join yet")) << cluster_.Log();
  EXPECT_THAT(cluster_[added].Log(), HasSubstr(cluster_.peer(0)));
  // It can be told to stop meanwhile.
  ASSERT_EQ(cluster_[added].Stop(), 0) << cluster_.Log();
  cluster_[added].Launch();
  // It goes on once there is a cluster.
  for (size_t i = 0; i < 3; ++i) cluster_[i].Launch();
  ASSERT_TRUE(WaitUntilVoter(cluster_.name(added))) << cluster_.Log();
}

TEST_F(MembershipTest, LeadershipMovesWhereItIsToldToUnderLoad) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  RecordingClients clients(cluster_.apis(), {.seed = 32});
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_.Log();
    const size_t next = (Leader() + 1) % 3;
    Must({"member", "transfer-leader", cluster_.name(next)});
    ASSERT_TRUE(WaitFor([&] { return cluster_.Leader() == next; })) << cluster_.Log();
  }
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_.Log();
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster_, clients.Stop()));
}

TEST_F(MembershipTest, ARemovedMemberStopsAndSaysSoAndTheOthersGoOn) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  RecordingClients clients(cluster_.apis(), {.seed = 33});
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_.Log();
  // The leader itself: it hands over first.
  const size_t first = Leader();
  Must({"member", "remove", cluster_.name(first)});
  EXPECT_EQ(cluster_[first].Wait(), 0) << cluster_.Log();
  EXPECT_THAT(cluster_[first].Log(), HasSubstr("this node was removed from the cluster"));
  ASSERT_TRUE(clients.WaitForWrites(50)) << cluster_.Log();
  EXPECT_FALSE(Find(cluster_.name(first)).has_value());
  // Started again with its old data, it is told again.
  cluster_[first].Launch();
  EXPECT_EQ(cluster_[first].Wait(), 0) << cluster_.Log();
  ASSERT_NO_FATAL_FAILURE(ExpectGood(cluster_, clients.Stop()));
}

TEST_F(MembershipTest, AMemberThatWasRemovedWhileItWasAwayLearnsItWhenItIsBack) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  const size_t away = (Leader() + 1) % 3;
  cluster_[away].Kill9();
  Must({"member", "remove", cluster_.name(away)});
  cluster_[away].Launch();
  EXPECT_EQ(cluster_[away].Wait(), 0) << cluster_.Log();
  EXPECT_THAT(cluster_[away].Log(), HasSubstr("this node was removed from the cluster"));
}

TEST_F(MembershipTest, WhatTheClusterCannotDoWithoutIsKeptUnlessForced) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  const size_t leader = Leader();
  const size_t dead = (leader + 1) % 3;
  const size_t alive = (leader + 2) % 3;
  cluster_[dead].Kill9();
  ASSERT_TRUE(WaitFor([&] {
    const auto member = Find(cluster_.name(dead));
    return member && !member->reachable();
  }));
  ASSERT_TRUE(LogSays(leader, "the stream from a peer ended")) << cluster_.Log();
  // Of the two voters that would be left, one answers.
  EXPECT_EQ(cluster_.Cli({"member", "demote", cluster_.name(alive)}).exit, 1);
  const Finished refused = cluster_.Cli({"member", "remove", cluster_.name(alive)});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.err, HasSubstr("1 of 2 voters would be reachable"));
  EXPECT_TRUE(cluster_[alive].running());
  // Forced, it is tried, and the cluster stands still until the dead one is back.
  const Finished forced =
      cluster_.Cli({"--timeout", "2s", "member", "remove", "--force", cluster_.name(alive)});
  EXPECT_NE(forced.exit, 0);
  EXPECT_THAT(forced.err, Not(HasSubstr("would be reachable")));
  ASSERT_TRUE(cluster_[dead].Start()) << cluster_.Log();
  // Whether it took place is for the next leader to say; asked again until it did.
  ASSERT_TRUE(WaitFor([&] {
    cluster_.Cli({"member", "remove", cluster_.name(alive)});
    return !cluster_[alive].running();
  })) << cluster_.Log();
  ASSERT_EQ(cluster_[alive].Wait(), 0) << cluster_.Log();
  EXPECT_THAT(cluster_[alive].Log(), HasSubstr("this node was removed from the cluster"));
  // Down to one, which stays whatever is said.
  const size_t last = Leader();
  const size_t other = 3 - alive - last;
  Must({"member", "remove", cluster_.name(other)});
  ASSERT_EQ(cluster_[other].Wait(), 0) << cluster_.Log();
  const Finished never = cluster_.Cli({"member", "remove", "--force", cluster_.name(last)});
  EXPECT_EQ(never.exit, 1) << never.err;
  EXPECT_TRUE(cluster_[last].running());
  registry::v1::RegisterRequest request;
  *request.add_instances() = Spec("web", "i-1");
  registry::v1::RegisterResponse response;
  EXPECT_TRUE(cluster_.stubs(last).Register(request, &response).ok()) << cluster_.Log();
}

TEST_F(MembershipTest, G10ChangesThatMakeNoSenseAreRefusedByName) {
  ASSERT_TRUE(cluster_.Start()) << cluster_.Log();
  const size_t leader = Leader();
  const size_t follower = (leader + 1) % 3;
  const auto before = Find(cluster_.name(follower));
  ASSERT_TRUE(before.has_value());
  struct Case {
    ChangeMemberRequest::Change change;
    uint64_t id;
    std::string address;
    grpc::StatusCode code;
    std::string words;
  };
  const uint64_t known = before->node_id();
  const std::vector<Case> cases = {
      {ChangeMemberRequest::CHANGE_UNSPECIFIED, known, "", grpc::StatusCode::INVALID_ARGUMENT,
       "change"},
      {static_cast<ChangeMemberRequest::Change>(99), known, "", grpc::StatusCode::INVALID_ARGUMENT,
       "change"},
      {ChangeMemberRequest::CHANGE_REMOVE, 0, "", grpc::StatusCode::INVALID_ARGUMENT, "node_id"},
      {ChangeMemberRequest::CHANGE_REMOVE, 4711, "", grpc::StatusCode::NOT_FOUND, "4711"},
      {ChangeMemberRequest::CHANGE_PROMOTE, 4711, "", grpc::StatusCode::NOT_FOUND, "4711"},
      {ChangeMemberRequest::CHANGE_PROMOTE, known, "", grpc::StatusCode::ALREADY_EXISTS,
       std::to_string(known)},
      {ChangeMemberRequest::CHANGE_ADD, known, "127.0.0.1:1", grpc::StatusCode::ALREADY_EXISTS,
       std::to_string(known)},
      {ChangeMemberRequest::CHANGE_ADD, 4711, "nonsense", grpc::StatusCode::INVALID_ARGUMENT,
       "nonsense"},
      {ChangeMemberRequest::CHANGE_ADD, 4711, cluster_.peer(follower),
       grpc::StatusCode::ALREADY_EXISTS, cluster_.peer(follower)},
      {ChangeMemberRequest::CHANGE_TRANSFER, 4711, "", grpc::StatusCode::NOT_FOUND, "4711"},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    ChangeMemberRequest request;
    request.set_change(c.change);
    request.set_node_id(c.id);
    request.set_address(c.address);
    for (const size_t asked : {leader, follower}) {
      const grpc::Status status = cluster_.stubs(asked).ChangeMember(request);
      EXPECT_EQ(status.error_code(), c.code) << i << ": " << status.error_message();
      EXPECT_THAT(status.error_message(), HasSubstr(c.words)) << i;
    }
  }
  const auto status = cluster_.Status(leader);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->members_size(), 3);
  for (const Member& member : status->members()) {
    EXPECT_EQ(member.suffrage(), Member::SUFFRAGE_VOTER);
  }
  // The same by name.
  EXPECT_EQ(cluster_.Cli({"member", "remove", "nobody"}).exit, 3);
  EXPECT_EQ(cluster_.Cli({"member", "promote"}).exit, 2);
  const Finished list = cluster_.Cli({"member", "list"});
  EXPECT_EQ(list.exit, 0) << list.err;
  for (size_t i = 0; i < 3; ++i) EXPECT_THAT(list.out, HasSubstr(cluster_.peer(i)));
}

}  // namespace
}  // namespace registryd::testing
