// A configuration entry's bytes: libraft's own format, so that the core can read what the log
// holds.
//
//   LogEntry first{Term(1), EntryType::kConfiguration, *EncodeConfiguration({{NodeId(7),
//   "10.0.0.1:7002"}})}; log->Bootstrap(identity, first);                        // entry 1 of
//   every log absl::StatusOr<Configuration> now = DecodeConfiguration(*entry.payload);
//
// Format: u8 version (1), u64 count, per server u64 id, address with a final zero byte, u8 role;
// zeros up to a multiple of 8; little endian. Decoding checks every bound: the core's own decoder
// trusts its input, so nothing reaches it that was not decoded here first.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "registryd/consensus/types.h"

namespace registryd::consensus {

// Limits of a configuration that may enter a log.
inline constexpr size_t kMaxServers = 64;
inline constexpr size_t kMaxAddressLength = 512;

// INVALID_ARGUMENT: empty, too many servers, an id 0 or twice, an address empty, too long or twice.
absl::StatusOr<Payload> EncodeConfiguration(const Configuration& configuration);
// DATA_LOSS: these bytes are no configuration.
absl::StatusOr<Configuration> DecodeConfiguration(std::string_view bytes);

}  // namespace registryd::consensus
