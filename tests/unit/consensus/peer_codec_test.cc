// Peers' messages as bytes, and who is let in.

#include "registryd/consensus/peer_codec.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "registryd/consensus/peer_identity.h"
#include "registryd/internal/v1/peer.pb.h"

namespace registryd::consensus {
namespace {

using internal::v1::RaftMessage;

absl::StatusOr<PeerMessage> ThroughBytes(const PeerMessage& message) {
  RaftMessage proto;
  ToProto(message, &proto);
  RaftMessage read;
  EXPECT_TRUE(read.ParseFromString(proto.SerializeAsString()));
  return FromProto(std::move(read), message.from, message.from_address);
}

template <class Body>
Body Carried(const Body& body) {
  const auto read = ThroughBytes({NodeId(7), "10.0.0.7:7401", body});
  EXPECT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->from, NodeId(7));
  EXPECT_EQ(read->from_address, "10.0.0.7:7401");
  EXPECT_TRUE(std::holds_alternative<Body>(read->body));
  return std::get<Body>(read->body);
}

TEST(PeerCodec, EveryMessageArrivesAsItWasSent) {
  const auto vote = Carried(RequestVote{Term(3), NodeId(7), LogIndex(9), Term(2), true, true});
  EXPECT_EQ(vote.term, Term(3));
  EXPECT_EQ(vote.candidate, NodeId(7));
  EXPECT_EQ(vote.last_log_index, LogIndex(9));
  EXPECT_EQ(vote.last_log_term, Term(2));
  EXPECT_TRUE(vote.disrupt_leader);
  EXPECT_TRUE(vote.pre_vote);

  const auto granted = Carried(RequestVoteResult{Term(4), true, false});
  EXPECT_EQ(granted.term, Term(4));
  EXPECT_TRUE(granted.granted);
  EXPECT_FALSE(granted.pre_vote);

  const auto payload = std::make_shared<const std::string>(std::string("\0\xff raw", 6));
  const auto append = Carried(AppendEntries{
      Term(5),
      LogIndex(10),
      Term(4),
      LogIndex(8),
      {{Term(4), EntryType::kCommand, payload},
       {Term(5), EntryType::kBarrier, std::make_shared<const std::string>()},
       {Term(5), EntryType::kConfiguration, std::make_shared<const std::string>("c")}}});
  EXPECT_EQ(append.term, Term(5));
  EXPECT_EQ(append.prev_log_index, LogIndex(10));
  EXPECT_EQ(append.prev_log_term, Term(4));
  EXPECT_EQ(append.leader_commit, LogIndex(8));
  ASSERT_EQ(append.entries.size(), 3u);
  EXPECT_EQ(*append.entries[0].payload, *payload);
  EXPECT_EQ(append.entries[0].type, EntryType::kCommand);
  ASSERT_NE(append.entries[1].payload, nullptr);
  EXPECT_EQ(append.entries[1].type, EntryType::kBarrier);
  EXPECT_EQ(append.entries[2].type, EntryType::kConfiguration);
  EXPECT_EQ(append.entries[2].term, Term(5));

  const auto result = Carried(AppendEntriesResult{Term(6), LogIndex(1), LogIndex(12), false});
  EXPECT_EQ(result.term, Term(6));
  EXPECT_EQ(result.rejected, LogIndex(1));
  EXPECT_EQ(result.last_log_index, LogIndex(12));
  EXPECT_FALSE(result.has_space);

  const auto install = Carried(InstallSnapshot{Term(6), LogIndex(100), Term(5)});
  EXPECT_EQ(install.last_index, LogIndex(100));
  EXPECT_EQ(install.last_term, Term(5));
  const auto timeout = Carried(TimeoutNow{Term(6), LogIndex(3), Term(2)});
  EXPECT_EQ(timeout.last_log_index, LogIndex(3));
  EXPECT_EQ(timeout.last_log_term, Term(2));
  EXPECT_EQ(Carried(Probe{Term(6), 1ull << 63}).context, 1ull << 63);
  EXPECT_EQ(Carried(ProbeAck{Term(6), 5}).term, Term(6));
}

TEST(PeerCodec, WhatNoBuildSendsIsRefused) {
  EXPECT_FALSE(FromProto({}, NodeId(1), "a:1").ok());
  RaftMessage message;
  message.mutable_append_entries()->add_entries()->set_type(9);
  EXPECT_FALSE(FromProto(std::move(message), NodeId(1), "a:1").ok());
}

TEST(PeerCodec, DamagedBytesNeverCrashIt) {
  std::mt19937 random(20261124);
  size_t read = 0;
  RaftMessage valid;
  ToProto(
      {NodeId(1), "a:1",
       AppendEntries{Term(5),
                     LogIndex(10),
                     Term(4),
                     LogIndex(8),
                     {{Term(4), EntryType::kCommand, std::make_shared<const std::string>("x")}}}},
      &valid);
  const std::string good = valid.SerializeAsString();
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes = good;
    for (size_t flips = 1 + random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    RaftMessage message;
    if (!message.ParseFromString(bytes)) continue;
    read += FromProto(std::move(message), NodeId(1), "a:1").ok() ? 1 : 0;
  }
  EXPECT_GT(read, 0u);
}

class HandshakeTest : public ::testing::Test {
 protected:
  const PeerIdentity a_{ClusterId(5), NodeId(1), "a", "10.0.0.1:7401", 11};
  const PeerIdentity b_{ClusterId(5), NodeId(2), "b", "10.0.0.2:7401", 12};

  static std::string Refusal(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    return std::string(status.message());
  }
};

TEST_F(HandshakeTest, MembersOfOneClusterTalk) {
  EXPECT_TRUE(CheckHello(a_, MakeHello(b_, a_.node)).ok());
  EXPECT_TRUE(CheckHello(a_, MakeHello(b_, NodeId())).ok());
  const PeerIdentity read = IdentityOf(MakeHello(b_, a_.node));
  EXPECT_EQ(read.node, b_.node);
  EXPECT_EQ(read.name, b_.name);
  EXPECT_EQ(read.address, b_.address);
  EXPECT_EQ(read.data_id, b_.data_id);
}

TEST_F(HandshakeTest, ANodeOfAnotherClusterIsRefusedByName) {
  PeerIdentity other = b_;
  other.cluster = ClusterId(6);
  const std::string why = Refusal(CheckHello(a_, MakeHello(other, a_.node)));
  EXPECT_NE(why.find("\"b\""), std::string::npos) << why;
  EXPECT_NE(why.find("\"a\""), std::string::npos) << why;
  EXPECT_NE(why.find("cluster 6"), std::string::npos) << why;
}

TEST_F(HandshakeTest, WhoWantedAnotherNodeIsRefusedByName) {
  const std::string why = Refusal(CheckHello(a_, MakeHello(b_, NodeId(3))));
  EXPECT_NE(why.find("expects node 3"), std::string::npos) << why;
  EXPECT_NE(why.find("\"b\""), std::string::npos) << why;
}

TEST_F(HandshakeTest, ACopyOfThisNodeIsRefused) {
  PeerIdentity copy = b_;
  copy.node = a_.node;
  EXPECT_NE(Refusal(CheckHello(a_, MakeHello(copy, a_.node))).find("identity"), std::string::npos);
}

TEST_F(HandshakeTest, AnotherFormatAndAStrangerAreRefused) {
  auto hello = MakeHello(b_, a_.node);
  hello.set_format(99);
  EXPECT_NE(Refusal(CheckHello(a_, hello)).find("format 99"), std::string::npos);
  PeerIdentity stranger = b_;
  stranger.cluster = ClusterId();
  Refusal(CheckHello(a_, MakeHello(stranger, NodeId())));
  EXPECT_TRUE(CheckHello(a_, MakeHello(stranger, NodeId()), /*strangers=*/true).ok());
  stranger.node = NodeId();
  Refusal(CheckHello(a_, MakeHello(stranger, NodeId()), /*strangers=*/true));
}

}  // namespace
}  // namespace registryd::consensus
