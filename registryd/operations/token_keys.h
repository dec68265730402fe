// The public keys that tokens are signed with, from a JWKS file (RFC 7517).
//
//   ASSIGN_OR_RETURN(KeySet keys, KeySet::Parse(json));
//   RETURN_IF_ERROR(keys.Verify(SignatureAlgorithm::kEs256, kid, signed_text, signature));
//
// A key is for one algorithm, which follows from the key and never from the token: RSA of 2048 to
// 8192 bits for RS256, EC P-256 for ES256, OKP Ed25519 for EdDSA. So a token that says HS256 and is
// signed with the public key as a shared secret finds no key. A symmetric key in the file is an
// error. Threads: immutable. Cost of Verify: about 30 us (RSA) to 100 us (EC).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace registryd::operations {

enum class SignatureAlgorithm : uint8_t { kRs256, kEs256, kEdDsa };
// "RS256", "ES256", "EdDSA"; absent for everything else, "none" and the symmetric ones among it.
std::optional<SignatureAlgorithm> ParseAlgorithm(std::string_view name);

class KeySet {
 public:
  static constexpr size_t kFileSizeMax = 1 << 20;
  static constexpr size_t kKeysMax = 100;

  // INVALID_ARGUMENT says which key, and why. Keys for encryption ("use": "enc") are passed over.
  static absl::StatusOr<KeySet> Parse(std::string_view json);

  // UNAUTHENTICATED: no such key, a key for another algorithm, or a signature that is not its.
  // `kid` may be empty where the set has one key only.
  absl::Status Verify(SignatureAlgorithm algorithm, std::string_view kid,
                      std::string_view signed_text, std::string_view signature) const;
  size_t size() const { return keys_.size(); }

 private:
  struct Key;
  std::vector<std::shared_ptr<const Key>> keys_;
};

// Base64 with the alphabet for URLs, without padding (RFC 4648, section 5). Absent: another
// character, a length that none has, or bits left over.
std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace registryd::operations
