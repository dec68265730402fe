// Who calls: from what a connection and a call bring with them to an identity.
//
//   Caller caller = authenticator.Identify({.peer = peer, .spiffe = uri}, Lane::kCalls);
//
// An identity is one of
//   spiffe://example.org/shop/web   the SPIFFE URI of a client certificate
//   dns:web.example.org             its first DNS name, in lower case, where it has no URI
//   jwt:alice                       the subject of a bearer token
// The beginning of the text says which, so no token can claim to be a certificate. A token counts
// more than the certificate of the connection that it came on: a gateway has a certificate of its
// own and speaks for others by their tokens. A token that is wrong is never passed over; the call
// is refused although the certificate might be good.
//
// Identify never fails: what is wrong stands in Caller::identified, and every operation refuses
// such a caller. Tokens that were found good are remembered by a hash of them until they expire, so
// the signature is checked once. Addresses from which wrong tokens come are slowed down before a
// signature is checked.
//
// Rates: each identity (or address, where nobody is identified) has so many calls a second.
// Renewals have a lane of their own, so that a client that floods does not lose its leases by it.
//
// Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/operations/access.h"
#include "registryd/operations/rate_limiter.h"
#include "registryd/operations/token.h"

namespace registryd::operations {

enum class Lane : uint8_t { kCalls, kRenewals };

// What the transport has found out. The certificate has been verified by it.
struct Credentials {
  std::string peer;           // network address, "ipv4:10.0.0.1:4711"
  std::string spiffe;         // URI of the client's certificate
  std::string dns;            // first DNS name of it
  std::string authorization;  // the header, as it came
  bool ambiguous = false;     // several such headers, or several URIs
};

std::string Sha256Hex(std::string_view text);

class Authenticator {
 public:
  static constexpr size_t kTokensKept = 16'384;
  // Wrong tokens a second from one address, before it has to wait.
  static constexpr double kFailuresPerSecond = 20;

  struct Options {
    TokenRules tokens = {};
    RateLimiter::Rate calls = {};     // of one identity
    RateLimiter::Rate renewals = {};  // frames and streams of one identity
  };
  Authenticator(const Options& options, const Clock* clock);

  // The keys that tokens are checked with; null: no tokens are taken.
  void SetKeys(std::shared_ptr<const KeySet> keys);

  Caller Identify(const Credentials& credentials, Lane lane);
  // Of one frame on a stream that is open already. RESOURCE_EXHAUSTED.
  absl::Status AdmitRenewal(const Caller& caller);

 private:
  struct Known {
    std::string subject;
    int64_t expires_ms = 0;
  };
  struct Shard {
    Mutex mutex;
    uint64_t generation ABSL_GUARDED_BY(mutex) = 0;
    absl::flat_hash_map<std::string, Known> known ABSL_GUARDED_BY(mutex);  // by SHA-256
  };
  static constexpr size_t kShards = 16;

  absl::Status IdentifyByToken(std::string_view token, Caller* caller);

  const Options options_;
  const Clock* const clock_;
  RateLimiter calls_;
  RateLimiter renewals_;
  RateLimiter failures_;
  Mutex mutex_;
  std::shared_ptr<const KeySet> keys_ ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 1;
  std::array<Shard, kShards> shards_;
};

}  // namespace registryd::operations
