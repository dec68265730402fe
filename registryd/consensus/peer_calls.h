// A request to one member and its answer, for everything that members ask each other beside Raft:
// forwarded writes, read indexes, renewals, status, drains, checks, snapshots in chunks.
//
//   calls->Handle("status", [](PeerRequest request, PeerReply reply) {
//     std::move(reply)(Encode(...));
//   });
//   calls->Call(leader, "status", bytes, 500, [](absl::StatusOr<std::string> answer) { ... });
//
// Bytes only: caller and handler agree on what they mean, and must still do so when they are of two
// builds. The channel has a connection of its own, so a large answer never stands before a
// heartbeat. Each request stands alone: two of them may overtake each other.
//
// Errors: what the handler answers comes back as it is. Besides, the channel answers itself
//   UNAVAILABLE          the request was not sent: nobody with this id, no connection, or this node
//                        stops
//   ABORTED              the request may or may not have been handled: the connection broke, or
//                        time ran out
//   RESOURCE_EXHAUSTED   too much is under way to this peer
//   UNIMPLEMENTED        the peer has no such method (an older build)
//   FAILED_PRECONDITION  the peer is of another cluster, or another node
// A call to this node itself runs its handler at once, on the calling thread.
//
// Threads: Call from any thread, never blocks. `done` and handlers run once, on any thread, and
// must not block; a handler may answer later, from any thread, and must answer. Limits: PeerLimits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "registryd/base/ids.h"

namespace registryd::consensus {

struct PeerLimits {
  // Of one request, and of one answer.
  static constexpr size_t kBodyMax = 16 << 20;
  // Under way to one peer.
  static constexpr size_t kCallsMax = 16'384;
  static constexpr size_t kCallBytesMax = 64 << 20;
};

using PeerReply = absl::AnyInvocable<void(absl::StatusOr<std::string>) &&>;

struct PeerRequest {
  NodeId from;  // checked by the handshake; the asking node's own id where it asks itself
  std::string from_name;
  std::string body;
};

class PeerCalls {
 public:
  using Handler = std::function<void(PeerRequest request, PeerReply reply)>;

  virtual ~PeerCalls() = default;
  virtual void Call(NodeId to, const std::string& method, std::string body, int64_t timeout_ms,
                    PeerReply done) = 0;
  // Before the node serves its peers; one handler a method. It is asked by members of this cluster
  // only.
  virtual void Handle(const std::string& method, Handler handler) = 0;
};

}  // namespace registryd::consensus
