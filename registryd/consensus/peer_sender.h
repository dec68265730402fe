// The messages from this node to one peer: a queue, a thread, and a stream that is made again
// whenever it ends.
//
//   PeerSender sender({.to = id, .address = "10.0.0.2:7401", .self = self, ...});
//   sender.Send(message);                         // any thread, never blocks
//
// Whatever waits becomes one frame. What a stream had taken when it ended may be lost, and nothing
// of it is sent again, so nothing is reordered or repeated. While there is no stream, entries are
// dropped and the newest few other messages are kept, so that an election does not wait for its
// next round. Over `kQueueBytes` entries are dropped, over `kQueueMessages` everything is: a peer
// that takes nothing is cut by keepalive long before.
//
// A stream is tried when there is something to send, or always (Keep); tries are kPeerBackoffMinMs
// to kPeerBackoffMaxMs apart, or as soon as the peer is heard of (TryNow), and each looks the peer's
// name up again. Why there has been no stream for a second is logged once for each reason.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/peer_identity.h"
#include "registryd/consensus/peer_message.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace registryd::consensus {

class PeerSender {
 public:
  static constexpr size_t kQueueBytes = 16 << 20;
  static constexpr size_t kQueueMessages = 65'536;
  static constexpr size_t kKeptWhileDown = 16;

  struct Parts {
    NodeId to;
    std::string address;
    PeerIdentity self;
    PeerSecurity security;
    // Asked when the peer has said who it is; an error ends the stream.
    std::function<absl::Status(const PeerIdentity&)> admit;
  };
  explicit PeerSender(Parts parts);
  ~PeerSender();  // ends the stream and the thread

  void Send(const PeerMessage& message);
  // Whether a stream is wanted although there is nothing to send. At first it is not.
  void Keep(bool keep);
  // The peer is there: a pause between two tries ends.
  void TryNow();
  bool connected() const;
  const std::string& address() const { return parts_.address; }

 private:
  void Run();
  absl::Status RunStream();
  bool Connect(grpc::Channel& channel);
  // False: the stream has to end.
  bool TakeBatch(grpc::Channel& channel, std::deque<PeerMessage>* batch);
  // False: this object ends. `until_told`: TryNow ends it too.
  bool Pause(int64_t ms, bool until_told = false);
  bool PauseUntilNextTry(int* backoff_ms);
  void SetConnected(bool connected);

  const Parts parts_;
  const SystemClock clock_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<PeerMessage> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;
  bool keep_ ABSL_GUARDED_BY(mutex_) = false;
  bool try_now_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the stream under way; cancelled under the lock, which gRPC allows at any time.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace registryd::consensus
