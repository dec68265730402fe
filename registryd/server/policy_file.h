// A policy as a TOML file (operations/policy.h says what it means).
//
//   [roles]
//   workload = ["register,deregister {namespace}/{service}", "lookup,watch *"]
//   [identities]
//   "spiffe://example.org/{namespace}/{service}" = ["workload"]
//
// Threads: any. Errors: INVALID_ARGUMENT with the file, the line and what is wrong.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "registryd/operations/policy.h"

namespace registryd::server {

inline constexpr size_t kPolicySizeMax = 16 << 20;

// `path` is for messages.
absl::StatusOr<operations::Policy> ParsePolicy(std::string_view toml, const std::string& path);

}  // namespace registryd::server
