// Commands and replies as bytes: the log envelope of docs/formats.md.
//
//   std::string bytes = EncodeCommand(request_id, actor, command);   // operations, any thread
//   absl::Status ok = CheckAndStamp(bytes, now_ms);                   // leader's raft thread,
//   before it reaches the log absl::StatusOr<DecodedCommand> decoded = DecodeCommand(bytes);    //
//   loop, at apply
//
// Envelope: byte 0 format version (1), bytes 1-2 feature level (LE), bytes 3-10 leader's time in ms
// (LE), then registryd.internal.v1.CommandBody. Errors are DATA_LOSS or, for a format or feature
// level that this build does not know, UNIMPLEMENTED. Threads: any. Foreign bytes never crash it
// (tests/fuzz).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registryd/core/commands.h"
#include "registryd/wire/feature_level.h"

namespace registryd::wire {

inline constexpr uint8_t kEnvelopeVersion = 1;
inline constexpr size_t kEnvelopeHeaderSize = 11;

struct DecodedCommand {
  uint16_t feature_level = 0;
  int64_t time_ms = 0;
  core::RequestId request;
  std::string actor;
  core::Command command;
};

// The time is left 0 until the leader stamps it.
std::string EncodeCommand(const core::RequestId& request, std::string_view actor,
                          const core::Command& command);
absl::StatusOr<DecodedCommand> DecodeCommand(std::string_view bytes);
// Decodes once, so that what replicas cannot read never reaches the log, and writes the time into
// the header. FAILED_PRECONDITION: it needs a higher feature level than all members know.
absl::Status CheckAndStamp(std::string& bytes, int64_t time_ms,
                           uint32_t cluster_level = kFeatureLevel);

}  // namespace registryd::wire
