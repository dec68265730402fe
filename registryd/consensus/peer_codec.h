// A peer's message as bytes: peer_message.h to and from registryd/internal/v1/peer.proto.
//
//   ToProto(message, frame.add_messages());
//   ASSIGN_OR_RETURN(PeerMessage message, FromProto(std::move(raft_message), from, from_address));
//
// Decoding checks form only (a body is there, entries have a known type, ids are not 0 where they
// must not be); what a message means is checked by receive_filters.h. Payloads are moved, not
// copied, on the way in. Threads: any.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "registryd/consensus/peer_message.h"

namespace registryd::internal::v1 {
class RaftMessage;
}

namespace registryd::consensus {

// Of everything in peer.proto. A build reads its own format only until there is a second one.
inline constexpr uint32_t kPeerFormat = 1;

void ToProto(const PeerMessage& message, registryd::internal::v1::RaftMessage* out);
// INVALID_ARGUMENT: no build of this format sends such a message.
absl::StatusOr<PeerMessage> FromProto(registryd::internal::v1::RaftMessage&& message, NodeId from,
                                      const std::string& from_address);

}  // namespace registryd::consensus
