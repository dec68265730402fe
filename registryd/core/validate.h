// The rules for everything that a caller may say, checked once at the border (operations) and never
// again.
//
// Each function returns OK or INVALID_ARGUMENT whose message begins with the path of the field:
//   "instances[2].endpoints[0].port: must be 1 to 65535, is 70000"
// `path` is that prefix; "" for the top level. A value in a message is cut to 64 bytes, and what is
// not printable in it is written as \xNN. The grammars are in core/grammar.h.
//
// Threads: any. Cost: one pass over the texts; nearly all of it is making the paths.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "registryd/core/commands.h"
#include "registryd/core/types.h"

namespace registryd::core {

// Namespace or service: 1 to 63 of a-z A-Z 0-9 . _ -, first and last a letter or digit.
absl::Status ValidateName(std::string_view path, std::string_view name);
// What a name may begin with: 1 to 63 of the same characters, first a letter or digit.
absl::Status ValidateNamePrefix(std::string_view path, std::string_view prefix);
// Instance id: the same characters and ':', up to 128; first and last a letter or digit, too.
absl::Status ValidateInstanceId(std::string_view path, std::string_view id);
// A port as it came from the caller, before it is narrowed.
absl::Status ValidatePort(std::string_view path, uint64_t port);
absl::Status ValidateTtl(std::string_view path, int64_t ttl_ms);
// SemVer 2.0 with numbers of at most 18 digits (Version::Parse of core/version_range.h), or empty.
absl::Status ValidateVersion(std::string_view path, std::string_view version);
absl::Status ValidateEndpoints(std::string_view path, const std::vector<Endpoint>& endpoints);
// "name" or "example.com/name": a name, and before it a DNS name in lower case of at most 253.
absl::Status ValidateLabelKey(std::string_view path, std::string_view key);
absl::Status ValidateLabels(std::string_view path, const std::vector<Label>& labels);  // sorted
absl::Status ValidateSpec(std::string_view path, const InstanceSpec& spec);
absl::Status ValidateTarget(std::string_view path, const Target& target);

// A whole command, as `operations` does it before it is proposed. Defaults are filled in already.
// The fields are named as in the API's requests. ExpireLeases and RemoveCritical are made by the
// daemon itself and have no limit of count here.
absl::Status ValidateCommand(const Command& command);

}  // namespace registryd::core
