// The peer port of a member: Raft's messages and requests between members, over gRPC.
//
//   ASSIGN_OR_RETURN(auto peers, PeerTransport::Listen("10.0.0.1", 7401, security));
//   peers->Handle("status", handler);                 // requests that this node answers
//   RaftThread raft({.transport = peers.get(), ...});
//   peers->Serve({.self = identity, .on_message = ..., .on_lost = ..., .address_of = ...});
//   peers->Call(leader, "status", bytes, 500, done);
//   peers->Stop();              // after whatever its handlers and callbacks use has stopped
//
// Messages of one direction and peer arrive in order or not at all, a reconnect included
// (peer_sender.h, peer_service.h); requests have connections of their own (peer_calls.h). Both
// sides say who they are first: a node of another cluster, or one with another node's data, is
// refused by name, in the log of both.
//
// Threads: Send by the raft thread, the rest as said in peer_calls.h; one a peer, one that accepts
// connections, and gRPC's. Limits: 16 MiB queued for a peer, PeerLimits, kConnections, and the
// times that whoever connects has to say who it is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/base/connection_gate.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/consensus/peer_calls.h"
#include "registryd/consensus/peer_identity.h"

namespace grpc {
class Server;
namespace experimental {
class ExternalConnectionAcceptor;
}  // namespace experimental
}  // namespace grpc

namespace registryd::consensus {

class PeerSender;
class PeerService;

class PeerTransport final : public Transport, public PeerCalls {
 public:
  // A member has two connections to each other one, and a few more for moments while it reconnects
  // or joins. Several members may share an address.
  static constexpr ConnectionGate::Limits kConnections{.connections = 128, .of_one_address = 64};
  // Members themselves give up a connection after two seconds.
  static constexpr int kHandshakeMaxMs = 5'000;

  struct Parts {
    PeerIdentity self;
    std::function<void(PeerMessage)> on_message;
    // The stream from a peer ended: its process died, its host vanished, or it closed it.
    std::function<void(NodeId)> on_lost;
    // Where a member listens, from the newest configuration; absent: no member.
    std::function<std::optional<std::string>(NodeId)> address_of;
    // Asked about everybody who passed the handshake, on both sides, before anything is taken from
    // it. May be empty.
    std::function<absl::Status(const PeerIdentity&)> admit;
  };

  // Takes the port (0: the kernel chooses). Everybody is answered UNAVAILABLE until Serve.
  // UNAVAILABLE: the address is taken or not of this machine.
  static absl::StatusOr<std::unique_ptr<PeerTransport>> Listen(const std::string& host, int port,
                                                               PeerSecurity security);
  ~PeerTransport() override;

  int port() const { return gate_->port(); }
  void Serve(Parts parts);
  // Answers all calls under way, ends all streams, waits for the handlers. Nothing runs afterwards.
  void Stop();

  void Send(NodeId to, const std::string& address, const PeerMessage& message) override;
  void KeepConnected(const Configuration& members) override;
  // Whether there is a stream to it.
  bool connected(NodeId to) const;

  void Call(NodeId to, const std::string& method, std::string body, int64_t timeout_ms,
            PeerReply done) override;
  void Handle(const std::string& method, Handler handler) override;
  // As Handle, and nodes that are in no cluster yet may ask too.
  void HandleStrangers(const std::string& method, Handler handler);
  // Asks whoever listens there, also before Serve; `self` is what this node says of itself.
  void CallAddress(const std::string& address, const PeerIdentity& self, const std::string& method,
                   std::string body, int64_t timeout_ms, PeerReply done);

 private:
  struct Line;
  struct Outgoing;

  explicit PeerTransport(PeerSecurity security);
  // The sender to that address. `moved`: one to another address that it takes the place of, to be
  // dropped without the lock.
  std::shared_ptr<PeerSender>& SenderTo(NodeId to, const std::string& address,
                                        std::shared_ptr<PeerSender>* moved)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Calls(NodeId peer);
  std::shared_ptr<Line> LineTo(NodeId to, const std::string& address);
  void Submit(std::unique_ptr<Outgoing> call);
  void Start(std::unique_ptr<Outgoing> call);
  void Finish(Outgoing* call, absl::StatusOr<std::string> answer);
  void RunConnector();

  const PeerSecurity security_;
  Parts parts_;
  std::unique_ptr<PeerService> service_;
  std::unique_ptr<ConnectionGate> gate_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<NodeId, std::shared_ptr<PeerSender>> senders_ ABSL_GUARDED_BY(mutex_);
  std::map<NodeId, std::shared_ptr<Line>> lines_ ABSL_GUARDED_BY(mutex_);
  // Calls that wait for their connection; the connector thread looks after them.
  std::vector<std::unique_ptr<Outgoing>> waiting_ ABSL_GUARDED_BY(mutex_);
  // Calls that gRPC has.
  std::map<Outgoing*, std::unique_ptr<Outgoing>> started_ ABSL_GUARDED_BY(mutex_);
  std::thread connector_;
};

}  // namespace registryd::consensus
