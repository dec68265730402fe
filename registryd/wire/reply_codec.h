// What the state machine answered to a command, as bytes: how the reply of a forwarded write comes
// back to the member that took it.
//
//   std::string bytes = EncodeReply(index, reply);                   // on the leader
//   ASSIGN_OR_RETURN(ForwardedReply read, DecodeReply(bytes));       // on the member that asked
//
// Errors: DATA_LOSS for bytes that are none. Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "registryd/base/ids.h"
#include "registryd/core/commands.h"

namespace registryd::wire {

struct ForwardedReply {
  LogIndex index;
  core::Reply reply;
};

std::string EncodeReply(LogIndex index, const core::Reply& reply);
absl::StatusOr<ForwardedReply> DecodeReply(std::string_view bytes);

}  // namespace registryd::wire
