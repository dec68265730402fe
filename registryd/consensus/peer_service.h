// What this node answers on its peer port: the streams of Raft messages, and the requests of
// peer_calls.h.
//
// A stream begins with its sender's Hello, which has to come within kHelloMaxMs and is checked
// (peer_identity.h) before anything else is taken. There is at most one stream from a peer: a new
// one is refused, and the sender tries again, until the former one has ended. So messages of one
// peer are never reordered, a reconnect included.
//
// Threads: gRPC's callback pool. Handlers are set before Serve.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/peer_calls.h"
#include "registryd/consensus/peer_identity.h"
#include "registryd/consensus/peer_message.h"
#include "registryd/internal/v1/peer.grpc.pb.h"

namespace registryd::consensus {

class PeerService final : public internal::v1::Peer::CallbackService {
 public:
  static constexpr int64_t kHelloMaxMs = 5'000;

  struct Parts {
    std::function<void(PeerMessage)> on_message;
    // The stream from a peer ended and no newer one took its place.
    std::function<void(NodeId)> on_lost;
    std::function<absl::Status(const PeerIdentity&)> admit;
  };

  PeerService(PeerIdentity self, PeerSecurity security)
      : self_(std::move(self)), security_(std::move(security)) {}
  ~PeerService() override;

  void SetSelf(PeerIdentity self) { self_ = std::move(self); }  // before Serve
  // `strangers`: nodes that are not in a cluster yet may ask as well.
  void Handle(const std::string& method, PeerCalls::Handler handler, bool strangers);
  // Until then everybody is answered UNAVAILABLE.
  void Serve(Parts parts);
  // Ends all streams and refuses new ones; requests under way go on.
  void CloseStreams();
  // Runs the handler on this thread.
  void Run(const std::string& method, PeerRequest request, PeerReply reply);

  grpc::ServerBidiReactor<internal::v1::PeerFrame, internal::v1::PeerHello>* Messages(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Call(grpc::CallbackServerContext* context,
                                 const internal::v1::CallRequest* request,
                                 internal::v1::CallReply* reply) override;

 private:
  class Stream;
  struct Method {
    PeerCalls::Handler handler;
    bool strangers;
  };

  absl::Status Check(const grpc::CallbackServerContext& context,
                     const internal::v1::PeerHello& hello, bool strangers);
  absl::Status Open(NodeId from, const std::shared_ptr<Stream>& stream);
  void Ended(NodeId from, const Stream* stream);
  void LogRefusal(const absl::Status& status);

  PeerIdentity self_;
  const PeerSecurity security_;
  const SystemClock clock_;
  std::atomic<bool> serving_{false};
  Parts parts_;
  std::map<std::string, Method> methods_;

  Mutex mutex_;
  std::map<NodeId, std::shared_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
  std::string refusal_ ABSL_GUARDED_BY(mutex_);
  int64_t refused_ms_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace registryd::consensus
