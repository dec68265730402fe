// The peer port over real connections: order, reconnects, refusals, requests.

#include "registryd/consensus/peer_transport.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "registryd/base/mutex.h"
#include "registryd/base/text.h"
#include "registryd/consensus/peer_channel.h"
#include "registryd/consensus/peer_message.h"
#include "registryd/internal/v1/peer.grpc.pb.h"
#include "tests/support/wait_for.h"

namespace registryd::consensus {
namespace {

using ::registryd::testing::WaitFor;

// One member without a Raft: it keeps what it is sent.
class Member {
 public:
  explicit Member(PeerIdentity identity, int port = 0) : identity_(std::move(identity)) {
    auto listening = PeerTransport::Listen("127.0.0.1", port, {});
    EXPECT_TRUE(listening.ok()) << listening.status();
    peers_ = *std::move(listening);
    identity_.address = Text("127.0.0.1:", peers_->port());
  }
  ~Member() { peers_->Stop(); }

  void Know(const Member& other) { addresses_[other.identity_.node] = other.identity_.address; }
  void Serve(std::function<absl::Status(const PeerIdentity&)> admit = {}) {
    peers_->Serve({.self = identity_,
                   .on_message =
                       [this](PeerMessage message) {
                         MutexLock lock(mutex_);
                         received_.push_back(std::move(message));
                       },
                   .on_lost = [this](NodeId) { ++lost_; },
                   .address_of = [this](NodeId id) -> std::optional<std::string> {
                     const auto found = addresses_.find(id);
                     if (found == addresses_.end()) return std::nullopt;
                     return found->second;
                   },
                   .admit = std::move(admit)});
  }
  void Send(const Member& to, decltype(PeerMessage::body) body) {
    peers_->Send(to.identity_.node, to.identity_.address,
                 {identity_.node, identity_.address, std::move(body)});
  }
  // Sends probes until one arrives, and answers whether one did.
  bool Reaches(const Member& to) {
    const uint64_t mark = ++next_mark_ << 32;
    return WaitFor([&] {
      Send(to, Probe{Term(1), mark});
      for (const uint64_t context : to.Contexts()) {
        if (context == mark) return true;
      }
      return false;
    });
  }
  std::vector<uint64_t> Contexts() const {
    MutexLock lock(mutex_);
    std::vector<uint64_t> contexts;
    for (const PeerMessage& message : received_) {
      if (const auto* probe = std::get_if<Probe>(&message.body)) contexts.push_back(probe->context);
    }
    return contexts;
  }
  std::vector<PeerMessage> Received() const {
    MutexLock lock(mutex_);
    return received_;
  }
  absl::StatusOr<std::string> Ask(const Member& to, const std::string& method, std::string body,
                                  int64_t timeout_ms = 10'000) {
    auto answer = std::make_shared<std::pair<std::atomic<bool>, absl::StatusOr<std::string>>>();
    peers_->Call(to.identity_.node, method, std::move(body), timeout_ms,
                 [answer](absl::StatusOr<std::string> got) {
                   answer->second = std::move(got);
                   answer->first = true;
                 });
    if (!WaitFor([&] { return answer->first.load(); })) return absl::InternalError("no answer");
    return answer->second;
  }

  PeerTransport& peers() { return *peers_; }
  const PeerIdentity& identity() const { return identity_; }
  int lost() const { return lost_; }

 private:
  PeerIdentity identity_;
  std::map<NodeId, std::string> addresses_;
  mutable Mutex mutex_;
  std::vector<PeerMessage> received_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int> lost_{0};
  uint64_t next_mark_ = 0;
  std::unique_ptr<PeerTransport> peers_;
};

PeerIdentity Named(uint64_t id, uint64_t cluster = 5) {
  return {ClusterId(cluster), NodeId(id), Text("n", id), "", id};
}

TEST(PeerTransportTest, MessagesArriveInOrderWithTheirSender) {
  Member a(Named(1));
  Member b(Named(2));
  a.Serve();
  b.Serve();
  ASSERT_TRUE(a.Reaches(b));
  const size_t before = b.Contexts().size();
  constexpr uint64_t kMessages = 5'000;
  const auto payload = std::make_shared<const std::string>(1000, 'x');
  for (uint64_t i = 1; i <= kMessages; ++i) {
    if (i % 3 == 0) {
      a.Send(b, AppendEntries{Term(1),
                              LogIndex(i),
                              Term(1),
                              LogIndex(1),
                              {{Term(1), EntryType::kCommand, payload}}});
    } else {
      a.Send(b, Probe{Term(1), i});
    }
  }
  ASSERT_TRUE(WaitFor([&] { return b.Received().size() >= before + kMessages; }));
  uint64_t last = 0;
  for (const PeerMessage& message : b.Received()) {
    EXPECT_EQ(message.from, NodeId(1));
    EXPECT_EQ(message.from_address, a.identity().address);
    uint64_t number = 0;
    if (const auto* probe = std::get_if<Probe>(&message.body)) number = probe->context;
    if (const auto* append = std::get_if<AppendEntries>(&message.body)) {
      number = append->prev_log_index.value();
      ASSERT_EQ(append->entries.size(), 1u);
      EXPECT_EQ(*append->entries[0].payload, *payload);
    }
    if (number > kMessages) continue;  // of Reaches
    EXPECT_EQ(number, last + 1);
    last = number;
  }
  EXPECT_EQ(last, kMessages);
}

TEST(PeerTransportTest, APeerThatComesBackIsReachedAgainAndItsEndIsNoticed) {
  Member a(Named(1));
  a.Serve();
  auto b = std::make_unique<Member>(Named(2));
  b->Serve();
  const std::string address = b->identity().address;
  const int port = b->peers().port();
  ASSERT_TRUE(a.Reaches(*b));
  ASSERT_TRUE(b->Reaches(a));
  EXPECT_EQ(a.lost(), 0);
  b = nullptr;
  EXPECT_TRUE(WaitFor([&] { return a.lost() == 1; }));
  b = std::make_unique<Member>(Named(2), port);
  ASSERT_EQ(b->identity().address, address);
  b->Serve();
  EXPECT_TRUE(a.Reaches(*b));
  EXPECT_TRUE(b->Reaches(a));
}

TEST(PeerTransportTest, WhoeverIsToBeKeptIsConnectedWithNothingToSend) {
  Member a(Named(1));
  a.Serve();
  auto b = std::make_unique<Member>(Named(2));
  b->Serve();
  const NodeId to = b->identity().node;
  const std::string address = b->identity().address;
  const int port = b->peers().port();
  const auto connected = [&] { return a.peers().connected(to); };
  EXPECT_FALSE(connected());
  a.peers().KeepConnected({{a.identity().node, a.identity().address}, {to, address}});
  EXPECT_TRUE(WaitFor(connected));
  b = nullptr;
  EXPECT_TRUE(WaitFor([&] { return !connected(); }));
  b = std::make_unique<Member>(Named(2), port);
  b->Serve();
  // It calls, so there is no need to find out.
  b->peers().KeepConnected({{a.identity().node, a.identity().address}, {to, address}});
  EXPECT_TRUE(WaitFor(connected));
  EXPECT_TRUE(b->Received().empty());
  // No member any more: its end is final.
  a.peers().KeepConnected({});
  b = nullptr;
  EXPECT_TRUE(WaitFor([&] { return !connected(); }));
  b = std::make_unique<Member>(Named(2), port);
  b->Serve();
  EXPECT_TRUE(b->Reaches(a));
  EXPECT_FALSE(connected());
}

// Streams are broken again and again under load: what arrives is in order, whatever is missing.
TEST(PeerTransportTest, AReconnectReordersNothing) {
  Member a(Named(1));
  a.Serve();
  auto b = std::make_unique<Member>(Named(2));
  const int port = b->peers().port();
  std::atomic<uint64_t> sent{0};
  for (int life = 0; life < 4; ++life) {
    if (b == nullptr) b = std::make_unique<Member>(Named(2), port);
    b->Serve();
    ASSERT_TRUE(WaitFor([&] {
      for (int i = 0; i < 50; ++i) a.Send(*b, Probe{Term(1), ++sent});
      return b->Contexts().size() > 2'000;
    }));
    uint64_t last = 0;
    for (const uint64_t context : b->Contexts()) {
      ASSERT_GT(context, last);
      last = context;
    }
    b = nullptr;
  }
}

TEST(PeerTransportTest, ANodeOfAnotherClusterGetsNothingThrough) {
  Member a(Named(1));
  Member stranger(Named(2, /*cluster=*/6));
  a.Know(stranger);
  stranger.Know(a);
  a.peers().Handle("echo", [](PeerRequest request, PeerReply reply) {
    std::move(reply)(std::move(request.body));
  });
  a.Serve();
  stranger.Serve();
  const auto answer = stranger.Ask(a, "echo", "hello");
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kFailedPrecondition) << answer.status();
  EXPECT_NE(std::string(answer.status().message()).find("cluster 6"), std::string::npos);
  // A friend's messages arrive meanwhile, so it had the time.
  Member b(Named(3));
  b.Serve();
  for (int i = 0; i < 20; ++i) {
    stranger.Send(a, Probe{Term(1), 77});
    ASSERT_TRUE(b.Reaches(a));
  }
  for (const PeerMessage& message : a.Received()) EXPECT_EQ(message.from, NodeId(3));
}

TEST(PeerTransportTest, WhoeverIsNotAdmittedGetsNothingThrough) {
  Member a(Named(1));
  Member b(Named(2));
  Member c(Named(3));
  a.Serve([](const PeerIdentity& peer) {
    return peer.node == NodeId(2) ? absl::FailedPreconditionError("not you") : absl::OkStatus();
  });
  b.Serve();
  c.Serve();
  for (int i = 0; i < 10; ++i) {
    b.Send(a, Probe{Term(1), 77});
    ASSERT_TRUE(c.Reaches(a));
  }
  for (const PeerMessage& message : a.Received()) EXPECT_EQ(message.from, NodeId(3));
  // Nor does it send anything to it.
  a.Send(b, Probe{Term(1), 1});
  ASSERT_TRUE(a.Reaches(c));
  EXPECT_TRUE(b.Received().empty());
}

TEST(PeerTransportTest, AStreamThatDoesNotSayWhoItIsIsEnded) {
  Member a(Named(1));
  a.Serve();
  const auto channel = MakePeerChannel(a.identity().address, {});
  grpc::ClientContext context;
  const auto stream = internal::v1::Peer::NewStub(channel)->Messages(&context);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  Member b(Named(2));
  b.Serve();
  EXPECT_TRUE(b.Reaches(a));
}

TEST(PeerTransportTest, RequestsAreAnsweredAlsoByThisNodeItself) {
  Member a(Named(1));
  Member b(Named(2));
  a.Know(b);
  for (Member* member : {&a, &b}) {
    member->peers().Handle("who", [member](PeerRequest request, PeerReply reply) {
      std::move(reply)(Text(member->identity().name, " asked by ", request.from_name, " with ",
                            request.body.size()));
    });
    member->peers().Handle("fail", [](PeerRequest, PeerReply reply) {
      std::move(reply)(absl::NotFoundError("nothing of that name"));
    });
    member->Serve();
  }
  EXPECT_EQ(*a.Ask(b, "who", std::string(3 << 20, 'x')), "n2 asked by n1 with 3145728");
  EXPECT_EQ(*a.Ask(a, "who", ""), "n1 asked by n1 with 0");
  EXPECT_EQ(a.Ask(b, "fail", "").status(), absl::NotFoundError("nothing of that name"));
  EXPECT_EQ(a.Ask(b, "no such", "").status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(a.Ask(b, "who", std::string(PeerLimits::kBodyMax + 1, 'x')).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(PeerTransportTest, ARequestThatWasNotSentIsToldApartFromOneThatMayHaveBeenHandled) {
  Member a(Named(1));
  auto b = std::make_unique<Member>(Named(2));
  a.Know(*b);
  a.Serve();
  Mutex mutex;
  std::vector<PeerReply> held;
  b->peers().Handle("hold", [&](PeerRequest, PeerReply reply) {
    MutexLock lock(mutex);
    held.push_back(std::move(reply));
  });
  b->Serve();
  // Handled, and not answered in time.
  EXPECT_EQ(a.Ask(*b, "hold", "", 200).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(held.size(), 1u);
  std::move(held[0])("late");
  // Unknown members, and those that nobody listens for: not sent.
  EXPECT_EQ(a.Ask(Member(Named(9)), "hold", "").status().code(), absl::StatusCode::kUnavailable);
  b = nullptr;
  Member gone(Named(2));
  EXPECT_EQ(a.Ask(gone, "hold", "").status().code(), absl::StatusCode::kUnavailable);
}

TEST(PeerTransportTest, StopAnswersWhatIsUnderWay) {
  auto a = std::make_unique<Member>(Named(1));
  Member b(Named(2));
  a->Know(b);
  a->Serve();
  Mutex mutex;
  std::vector<PeerReply> held;
  b.peers().Handle("hold", [&](PeerRequest, PeerReply reply) {
    MutexLock lock(mutex);
    held.push_back(std::move(reply));
  });
  b.Serve();
  std::atomic<int> answered{0};
  for (int i = 0; i < 10; ++i) {
    a->peers().Call(NodeId(2), "hold", "", 60'000, [&](absl::StatusOr<std::string> answer) {
      EXPECT_FALSE(answer.ok());
      ++answered;
    });
  }
  ASSERT_TRUE(WaitFor([&] {
    MutexLock lock(mutex);
    return held.size() == 10;
  }));
  a = nullptr;
  EXPECT_EQ(answered, 10);
  for (PeerReply& reply : held) std::move(reply)("");
}

TEST(PeerTransportTest, APortThatIsTakenIsRefused) {
  Member a(Named(1));
  const auto second = PeerTransport::Listen("127.0.0.1", a.peers().port(), {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace registryd::consensus
