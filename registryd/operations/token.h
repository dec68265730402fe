// Bearer tokens: JSON Web Tokens (RFC 7519) that somebody else has signed.
//
//   ASSIGN_OR_RETURN(TokenClaims claims, CheckToken(token, keys, rules, clock->WallMs()));
//   claims.subject      -> the identity is "jwt:" and this
//
// What is demanded: three parts of Base64 for URLs; a header with an algorithm that is one of three
// and the key's own; no critical extension; the issuer and one of the audiences that are
// configured; `sub` and `exp`; the present between `nbf` and `exp`, give or take the skew. Refused
// before anything is decoded: more than 8 KiB. A message never repeats a part of the token but the
// name of its key. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/operations/token_keys.h"

namespace registryd::operations {

inline constexpr size_t kTokenSizeMax = 8 << 10;

struct TokenRules {
  std::string issuer;                  // `iss` must be this
  std::vector<std::string> audiences;  // `aud` must be or contain one of them
  int64_t skew_ms = 30'000;
};

struct TokenClaims {
  std::string subject;
  int64_t expires_ms = 0;  // wall clock, with the skew
};

// UNAUTHENTICATED says what is wrong.
absl::StatusOr<TokenClaims> CheckToken(std::string_view token, const KeySet& keys,
                                       const TokenRules& rules, int64_t now_ms);

}  // namespace registryd::operations
