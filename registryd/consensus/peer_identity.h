// Who a member says it is, and whether another one may talk to it.
//
//   RETURN_IF_ERROR(CheckHello(self, hello));     // on both sides, before the first message
//
// The refusals are for people: they name both sides and say what to do. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "registryd/base/ids.h"

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace registryd::internal::v1 {
class PeerHello;
}

namespace registryd::consensus {

struct PeerIdentity {
  ClusterId cluster;  // 0: not a member of any cluster yet
  NodeId node;
  std::string name;
  std::string address;   // host:port where it listens for peers
  uint64_t data_id = 0;  // random, made with the data directory
};

// How the connections of the peer port are protected. Without credentials: plain text, for loopback
// and --insecure.
struct PeerSecurity {
  std::shared_ptr<grpc::ServerCredentials> server;
  std::shared_ptr<grpc::ChannelCredentials> client;
  // Asked on both sides once the other side has said its name; `verified` is what its certificate
  // proves (grpc::AuthContext's peer identity: the subject alternative names). Absent: everybody is
  // who it says it is.
  std::function<absl::Status(const std::vector<std::string>& verified,
                             const std::string& claimed_name)>
      verify;
};

internal::v1::PeerHello MakeHello(const PeerIdentity& self, NodeId expected);
PeerIdentity IdentityOf(const internal::v1::PeerHello& hello);
// May `self` talk to whoever said this? FAILED_PRECONDITION: it speaks another format, is of
// another cluster, has another node's identity, or wanted somebody else. `strangers`: a node
// without a cluster is let in.
absl::Status CheckHello(const PeerIdentity& self, const internal::v1::PeerHello& hello,
                        bool strangers = false);

}  // namespace registryd::consensus
