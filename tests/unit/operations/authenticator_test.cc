#include "registryd/operations/authenticator.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "registryd/operations/policy_access.h"
#include "tests/support/token_maker.h"

namespace registryd::operations {
namespace {

using testing::Jwks;
using testing::SigningKey;

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest() { Take({&key_}); }
  void Take(const std::vector<const SigningKey*>& keys) {
    authenticator_.SetKeys(std::make_shared<const KeySet>(*KeySet::Parse(Jwks(keys))));
  }
  static std::string Token(const SigningKey& key, const std::string& sub) {
    return key.Token(R"({"iss":"i","aud":"a","exp":1700000100,"sub":")" + sub + R"("})");
  }
  Caller Call(const std::string& authorization, const std::string& spiffe = "",
              Lane lane = Lane::kCalls) {
    return authenticator_.Identify({.peer = "ipv4:10.0.0.1:" + std::to_string(++port_),
                                    .spiffe = spiffe,
                                    .dns = spiffe.empty() ? "Web.Example.org" : "",
                                    .authorization = authorization},
                                   lane);
  }

  FakeClock clock_;  // wall 1,700,000,000 s
  SigningKey key_{"EdDSA", "k"};
  Authenticator authenticator_{{.tokens = {.issuer = "i", .audiences = {"a"}},
                                .calls = {.per_second = 10, .burst = 20},
                                .renewals = {.per_second = 10, .burst = 20}},
                               &clock_};
  int port_ = 1000;
};

TEST_F(AuthenticatorTest, WhereAnIdentityComesFromStandsInIt) {
  EXPECT_EQ(Call("").identity, "dns:web.example.org");
  EXPECT_EQ(Call("", "spiffe://a/b").identity, "spiffe://a/b");
  EXPECT_EQ(Call("Bearer " + Token(key_, "alice"), "spiffe://a/b").identity, "jwt:alice");
  EXPECT_EQ(Call("bEARER " + Token(key_, "alice")).identity, "jwt:alice");
  EXPECT_EQ(Call("Bearer " + Token(key_, "spiffe://a/b")).identity, "jwt:spiffe://a/b");
}

TEST_F(AuthenticatorTest, AWrongTokenIsNotPassedOver) {
  for (const std::string& header :
       {std::string("Bearer x"), std::string("Basic YTpi"), std::string("Bearer "),
        "Bearer " + Token(key_, "a") + "x", "Bearer " + std::string(10'000, 'x')}) {
    const Caller caller = Call(header, "spiffe://a/b");
    EXPECT_EQ(caller.identified.code(), absl::StatusCode::kUnauthenticated) << header;
    EXPECT_EQ(caller.identity, "");
  }
}

TEST_F(AuthenticatorTest, ATokenIsGoodUntilItExpiresOrItsKeyGoes) {
  const std::string header = "Bearer " + Token(key_, "alice");
  Caller caller = Call(header);
  ASSERT_TRUE(caller.identified.ok()) << caller.identified;
  EXPECT_EQ(caller.expires_ms, 1'700'000'130'000);
  PolicyAccess access({.clock = &clock_});
  EXPECT_TRUE(access.StillIdentified(caller).ok());
  clock_.Advance(130'000);
  EXPECT_EQ(access.StillIdentified(caller).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(access.Authorize(caller, Verb::kLookup, "a/b").code(),
            absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Call(header).identified.code(), absl::StatusCode::kUnauthenticated);

  const SigningKey other("EdDSA", "k2");
  const std::string by_other =
      "Bearer " + other.Token(R"({"iss":"i","aud":"a","exp":1700009999,"sub":"bob"})");
  Take({&key_, &other});
  EXPECT_EQ(Call(by_other).identity, "jwt:bob");
  EXPECT_EQ(Call(by_other).identity, "jwt:bob");  // remembered
  Take({&key_});
  EXPECT_EQ(Call(by_other).identified.code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(AuthenticatorTest, EachIdentityHasARateAndRenewalsTheirOwn) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Call("", "spiffe://a/b").identified.ok()) << i;
  Caller refused = Call("", "spiffe://a/b");
  EXPECT_EQ(refused.identified.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.retry_after_ms, 100);
  EXPECT_TRUE(Call("", "spiffe://a/c").identified.ok());
  EXPECT_TRUE(Call("", "spiffe://a/b", Lane::kRenewals).identified.ok());
  EXPECT_TRUE(authenticator_.AdmitRenewal(refused).ok());
  clock_.Advance(100);
  EXPECT_TRUE(Call("", "spiffe://a/b").identified.ok());
  EXPECT_FALSE(Call("", "spiffe://a/b").identified.ok());
}

TEST_F(AuthenticatorTest, WhoSendsManyWrongTokensWaits) {
  int unauthenticated = 0;
  Caller last;
  for (int i = 0; i < 100; ++i) {
    last = Call("Bearer " + Token(key_, "a") + std::string(static_cast<size_t>(i + 1), 'x'));
    unauthenticated += last.identified.code() == absl::StatusCode::kUnauthenticated ? 1 : 0;
  }
  EXPECT_EQ(unauthenticated, 2 * static_cast<int>(Authenticator::kFailuresPerSecond));
  EXPECT_EQ(last.identified.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_GT(last.retry_after_ms, 0);
}

TEST(RateLimiterTest, IsBoundedAndForgetsWhoIsIdle) {
  FakeClock clock;
  RateLimiter limiter(&clock, {.per_second = 1, .burst = 1});
  for (int i = 0; i < 200'000; ++i) limiter.Take("k" + std::to_string(i));
  EXPECT_LE(limiter.keys(), RateLimiter::kKeysMax + 16);
  EXPECT_GT(limiter.Take("somebody new"), 0);  // shares the bucket of the crowd
  clock.Advance(1'000);
  EXPECT_EQ(limiter.Take("somebody new"), 0);
  EXPECT_LE(limiter.keys(), RateLimiter::kKeysMax + 16);
  RateLimiter none(&clock, {});
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(none.Take("k"), 0);
  EXPECT_EQ(none.keys(), 0u);
}

}  // namespace
}  // namespace registryd::operations
