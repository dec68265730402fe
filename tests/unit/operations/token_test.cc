#include "registryd/operations/token.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/token_maker.h"

namespace registryd::operations {
namespace {

using testing::HmacToken;
using testing::JoinToken;
using testing::Jwks;
using testing::SigningKey;

constexpr int64_t kNowMs = 1'800'000'000'000;
const TokenRules kRules{.issuer = "https://issuer", .audiences = {"registry", "other"}};

std::string Body(
    const std::string& more = R"("exp":1800000100)",
    const std::string& who = R"("iss":"https://issuer","aud":"registry","sub":"alice",)") {
  return "{" + who + more + "}";
}

class TokenTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    rsa_ = new SigningKey("RS256", "r");
    ec_ = new SigningKey("ES256", "e");
    ed_ = new SigningKey("EdDSA", "d");
    keys_ = new KeySet(*KeySet::Parse(Jwks({rsa_, ec_, ed_})));
  }
  static void TearDownTestSuite() {
    delete keys_;
    for (SigningKey* key : {rsa_, ec_, ed_}) delete key;
  }
  static absl::StatusOr<TokenClaims> Check(const std::string& token) {
    return CheckToken(token, *keys_, kRules, kNowMs);
  }
  static void ExpectRefused(const std::string& token, const std::string& words) {
    const auto claims = Check(token);
    ASSERT_EQ(claims.status().code(), absl::StatusCode::kUnauthenticated) << words;
    EXPECT_NE(std::string(claims.status().message()).find(words), std::string::npos)
        << claims.status();
    // What is said to callers and logs has nothing of the token in it.
    if (token.size() > 40) {
      EXPECT_EQ(std::string(claims.status().message()).find(token.substr(0, 20)),
                std::string::npos);
    }
  }

  static SigningKey* rsa_;
  static SigningKey* ec_;
  static SigningKey* ed_;
  static KeySet* keys_;
};
SigningKey* TokenTest::rsa_ = nullptr;
SigningKey* TokenTest::ec_ = nullptr;
SigningKey* TokenTest::ed_ = nullptr;
KeySet* TokenTest::keys_ = nullptr;

TEST_F(TokenTest, EachAlgorithmIsTaken) {
  for (const SigningKey* key : {rsa_, ec_, ed_}) {
    const auto claims = Check(key->Token(Body()));
    ASSERT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->subject, "alice");
    EXPECT_EQ(claims->expires_ms, 1'800'000'100'000 + kRules.skew_ms);
  }
}

TEST_F(TokenTest, NoAlgorithmAndSharedSecretsAreRefused) {
  for (const char* none : {"none", "None", "NONE", "nOnE", ""}) {
    ExpectRefused(JoinToken(std::string(R"({"alg":")") + none + R"("})", Body(), ""), "algorithm");
  }
  ExpectRefused(JoinToken(R"({"typ":"JWT"})", Body(), ""), "algorithm");
  for (const SigningKey* key : {rsa_, ec_, ed_}) {
    for (const std::string& secret : {key->PublicPem(), key->Jwk()}) {
      ExpectRefused(HmacToken(R"({"alg":"HS256","kid":"r"})", Body(), secret), "algorithm");
      ExpectRefused(HmacToken(R"({"alg":"RS256","kid":"r"})", Body(), secret), "signature");
    }
  }
}

TEST_F(TokenTest, TheKeyDecidesTheAlgorithm) {
  ExpectRefused(ec_->TokenWith(R"({"alg":"ES256","kid":"r"})", Body()), "not for the algorithm");
  ExpectRefused(rsa_->TokenWith(R"({"alg":"EdDSA","kid":"r"})", Body()), "not for the algorithm");
  ExpectRefused(rsa_->TokenWith(R"({"alg":"RS256","kid":"unknown"})", Body()), "unknown");
  ExpectRefused(rsa_->TokenWith(R"({"alg":"RS256"})", Body()), "not in the JWKS file");
  const SigningKey stranger("ES256", "e");
  ExpectRefused(stranger.Token(Body()), "signature");
  // A key that the token brings with it, or a place where one can be fetched, is not looked at.
  ExpectRefused(
      stranger.TokenWith(R"({"alg":"ES256","kid":"e","jwk":)" + stranger.Jwk() + "}", Body()),
      "signature");
}

TEST_F(TokenTest, TamperedOnesAreRefused) {
  const std::string token = ec_->Token(Body());
  int refused = 0;
  for (size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    refused += Check(other).ok() ? 0 : 1;
    EXPECT_FALSE(Check(token.substr(0, i)).ok());
  }
  EXPECT_EQ(refused, static_cast<int>(token.size()));
  ExpectRefused(token + "=", "Base64");
  ExpectRefused(token + ".x", "three parts");
  ExpectRefused(token + std::string(8 << 10, 'A'), "larger");
  ExpectRefused("", "three parts");
  ExpectRefused("..", "JSON");
}

TEST_F(TokenTest, TimesIssuerAndAudience) {
  const auto refused = [](const std::string& body, const std::string& words) {
    ExpectRefused(ed_->Token(body), words);
  };
  refused(Body(R"("exp":1799999900)"), "expired 100 s ago");
  EXPECT_TRUE(Check(ed_->Token(Body(R"("exp":1799999980)"))).ok());  // within the skew
  refused(Body(R"("nbf":1)"), "exp");
  refused(Body(R"("exp":"1800000100")"), "exp");
  refused(Body(R"("exp":1e300)"), "exp");
  refused(Body(R"("exp":-5)"), "exp");
  refused(Body(R"("exp":1800000100,"nbf":1800000090)"), "nbf");
  refused(Body(R"("exp":1800000100,"nbf":"x")"), "nbf");
  EXPECT_TRUE(Check(ed_->Token(Body(R"("exp":1800000100,"nbf":1800000020)"))).ok());
  const std::string exp = R"("exp":1800000100)";
  refused(Body(exp, R"("iss":"https://evil","aud":"registry","sub":"alice",)"), "issuer");
  refused(Body(exp, R"("aud":"registry","sub":"alice",)"), "issuer");
  refused(Body(exp, R"("iss":"https://issuer","aud":"bank","sub":"alice",)"), "audience");
  refused(Body(exp, R"("iss":"https://issuer","aud":["bank",7],"sub":"alice",)"), "audience");
  refused(Body(exp, R"("iss":"https://issuer","sub":"alice",)"), "audience");
  EXPECT_TRUE(
      Check(ed_->Token(Body(exp, R"("iss":"https://issuer","aud":["x","other"],"sub":"a",)")))
          .ok());
  refused(Body(exp, R"("iss":"https://issuer","aud":"registry",)"), "subject");
  refused(Body(exp, R"("iss":"https://issuer","aud":"registry","sub":"a\nb",)"), "subject");
  refused(Body(exp, R"("iss":"https://issuer","aud":"registry","sub":"a","sub":"b",)"), "JSON");
  refused("[1]", "JSON");
  refused(std::string(4'000, '['), "JSON");
  ExpectRefused(ed_->TokenWith(R"({"alg":"EdDSA","kid":"d","crit":["x"]})", Body()), "critical");
}

TEST(KeySetTest, WhatIsNoGoodKeyIsRefused) {
  const auto refused = [](const std::string& json, const std::string& words) {
    const auto keys = KeySet::Parse(json);
    ASSERT_EQ(keys.status().code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_NE(std::string(keys.status().message()).find(words), std::string::npos) << keys.status();
  };
  refused("", "JSON");
  refused("{}", "keys");
  refused(R"({"keys":[]})", "no key");
  refused(R"({"keys":[{"kty":"oct","k":"c2VjcmV0"}]})", "symmetric");
  refused(R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]})", "valid");
  // A point that is not on the curve.
  const std::string ones = testing::Base64Url(std::string(32, '\1'));
  refused(R"({"keys":[{"kty":"EC","crv":"P-256","x":")" + ones + R"(","y":")" + ones + R"("}]})",
          "valid");
  const SigningKey small("RS256", "s", 1024);
  refused(Jwks({&small}), "2048");
  const SigningKey one("EdDSA", "same");
  const SigningKey two("EdDSA", "same");
  refused(Jwks({&one, &two}), "twice");
  std::string wrong_alg = one.Jwk();
  wrong_alg.replace(wrong_alg.find("EdDSA"), 5, "RS256");
  refused(R"({"keys":[)" + wrong_alg + "]}", "alg");
}

}  // namespace
}  // namespace registryd::operations
