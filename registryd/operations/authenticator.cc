#include "registryd/operations/authenticator.h"

#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/metrics.h"
#include "registryd/base/text.h"

namespace registryd::operations {
namespace {

constexpr std::string_view kScheme = "bearer ";

std::string Hash(std::string_view text) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

absl::Status TooFast(int64_t wait_ms) {
  return absl::ResourceExhaustedError(
      Text("more calls than this identity may make; repeat it in ", wait_ms, " ms"));
}

}  // namespace

std::string Sha256Hex(std::string_view text) {
  std::string hex;
  for (char c : Hash(text)) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

Authenticator::Authenticator(const Options& options, const Clock* clock)
    : options_(options),
      clock_(clock),
      calls_(clock, options.calls),
      renewals_(clock, options.renewals),
      failures_(clock, {.per_second = kFailuresPerSecond, .burst = 2 * kFailuresPerSecond}) {}

void Authenticator::SetKeys(std::shared_ptr<const KeySet> keys) {
  MutexLock lock(mutex_);
  keys_ = std::move(keys);
  ++generation_;  // what other keys have signed is forgotten
}

absl::Status Authenticator::IdentifyByToken(std::string_view token, Caller* caller) {
  // Before anything that costs: a hash of it too.
  if (token.size() > kTokenSizeMax) {
    return absl::UnauthenticatedError(Text("token: larger than ", kTokenSizeMax, " bytes"));
  }
  std::shared_ptr<const KeySet> keys;
  uint64_t generation;
  {
    MutexLock lock(mutex_);
    keys = keys_;
    generation = generation_;
  }
  if (keys == nullptr) {
    return absl::UnauthenticatedError(
        "token: this registry takes none (no JWKS file is configured)");
  }
  const int64_t now_ms = clock_->WallMs();
  const std::string hash = Hash(token);
  Shard& shard = shards_[static_cast<unsigned char>(hash[0]) % kShards];
  {
    MutexLock lock(shard.mutex);
    if (shard.generation != generation) {
      shard.known.clear();
      shard.generation = generation;
    }
    if (const auto found = shard.known.find(hash);
        found != shard.known.end() && found->second.expires_ms > now_ms) {
      caller->identity = Text("jwt:", found->second.subject);
      caller->expires_ms = found->second.expires_ms;
      return absl::OkStatus();
    }
  }
  const std::string address(AddressOf(*caller));
  if (const int64_t wait_ms = failures_.Peek(address); wait_ms > 0) {
    caller->retry_after_ms = wait_ms;
    return absl::ResourceExhaustedError(
        Text("too many wrong tokens came from ", address, "; repeat it in ", wait_ms, " ms"));
  }
  const absl::StatusOr<TokenClaims> claims = CheckToken(token, *keys, options_.tokens, now_ms);
  if (!claims.ok()) {
    failures_.Take(address);
    return claims.status();
  }
  caller->identity = Text("jwt:", claims->subject);
  caller->expires_ms = claims->expires_ms;
  MutexLock lock(shard.mutex);
  if (shard.generation != generation) return absl::OkStatus();
  if (shard.known.size() >= kTokensKept / kShards) shard.known.clear();
  shard.known[hash] = {claims->subject, claims->expires_ms};
  return absl::OkStatus();
}

Caller Authenticator::Identify(const Credentials& credentials, Lane lane) {
  Caller caller;
  caller.peer = credentials.peer;
  if (credentials.ambiguous) {
    caller.identified = absl::UnauthenticatedError(
        "several authorization headers, or several URIs in the client's certificate");
  } else if (!credentials.authorization.empty()) {
    const std::string_view header = credentials.authorization;
    if (Lower(std::string(header.substr(0, kScheme.size()))) != kScheme) {
      caller.identified =
          absl::UnauthenticatedError("the authorization header is not \"Bearer\" and a token");
    } else {
      caller.identified = IdentifyByToken(header.substr(kScheme.size()), &caller);
    }
  } else if (!credentials.spiffe.empty()) {
    caller.identity = credentials.spiffe;
  } else if (!credentials.dns.empty()) {
    caller.identity = Text("dns:", Lower(credentials.dns));
  }
  if (!caller.identified.ok()) return caller;
  RateLimiter& limiter = lane == Lane::kRenewals ? renewals_ : calls_;
  if (const int64_t wait_ms = limiter.Take(LimitedAs(caller)); wait_ms > 0) {
    caller.identified = TooFast(wait_ms);
    caller.retry_after_ms = wait_ms;
  }
  return caller;
}

absl::Status Authenticator::AdmitRenewal(const Caller& caller) {
  const int64_t wait_ms = renewals_.Take(LimitedAs(caller));
  return wait_ms > 0 ? TooFast(wait_ms) : absl::OkStatus();
}

}  // namespace registryd::operations
