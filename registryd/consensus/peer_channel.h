// A connection to one peer's port, as members make them: keepalive that notices a vanished host,
// reconnects that are quick and look the name up again, and no sharing of connections, so that bulk
// never stands before a heartbeat. Threads: any.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "registryd/consensus/peer_identity.h"

namespace registryd::consensus {

// A host that is silent for the sum of both is gone. Long against a busy machine, short against an
// operator.
inline constexpr int kPeerKeepaliveMs = 1'000;
inline constexpr int kPeerKeepaliveTimeoutMs = 2'000;
// One frame or request, with some room for what stands around a body.
inline constexpr int kPeerMessageMax = 20 << 20;
inline constexpr int kPeerBackoffMinMs = 50;
inline constexpr int kPeerBackoffMaxMs = 300;

std::shared_ptr<grpc::Channel> MakePeerChannel(const std::string& address,
                                               const PeerSecurity& security);

enum class Connection { kReady, kFailed, kUnderWay };
// Never blocks, and starts to connect where nothing is under way.
Connection StateOf(grpc::Channel& channel);

// A deadline for gRPC; nothing else is decided by this clock.
gpr_timespec DeadlineIn(int64_t ms);

// The identities that the other side's certificate proves; empty without TLS.
std::vector<std::string> VerifiedNames(const grpc::AuthContext* context);

}  // namespace registryd::consensus
