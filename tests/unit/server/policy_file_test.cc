#include "registryd/server/policy_file.h"

#include <gtest/gtest.h>

#include <string>

#include "registryd/server/security_config.h"

namespace registryd::server {
namespace {

TEST(PolicyFileTest, ReadsRolesAndIdentities) {
  const auto policy = ParsePolicy(
      "[roles]\nreader = \"lookup shop/*\"\n[identities]\n\"jwt:a\" = [\"reader\"]\n", "p.toml");
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_TRUE(policy->Resolve("jwt:a")->Allows(operations::Verb::kLookup, "shop/web"));
  EXPECT_FALSE(policy->Resolve("jwt:b")->Allows(operations::Verb::kLookup, "shop/web"));
}

TEST(PolicyFileTest, SaysWhatIsWrongAndWhere) {
  const auto refused = [](const std::string& toml, const std::string& words) {
    const auto policy = ParsePolicy(toml, "p.toml");
    ASSERT_EQ(policy.status().code(), absl::StatusCode::kInvalidArgument) << toml;
    EXPECT_NE(std::string(policy.status().message()).find(words), std::string::npos)
        << policy.status();
  };
  refused("[roles]\nr = [\n", "p.toml line ");
  refused("roles = 5", "must be a table");
  refused("[roles]\nr = [5]", "p.toml line 2: must be a text");
  refused("[roles]\nr = 5", "must be a list");
  refused("[rules]\n", "unknown key \"rules\"");
  refused("[identities]\na = [\"x\"]", "role \"x\" is not among the roles");
}

TEST(SecurityConfigTest, BeyondLoopbackItHasToBeSecured) {
  const auto check = [](const SecurityConfig& config, Exposure::Door door, bool insecure = false) {
    return CheckSecurity(config, {{"--listen", "0.0.0.0:7400", false, door}}, insecure);
  };
  using Door = Exposure::Door;
  SecurityConfig config;
  for (Door door : {Door::kClients, Door::kPeers, Door::kPages}) {
    const absl::Status refused = check(config, door);
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(refused.message()).find("--insecure"), std::string::npos);
    EXPECT_TRUE(check(config, door, true).ok());
    EXPECT_TRUE(CheckSecurity(config, {{"--listen", "127.0.0.1:1", true, door}}, false).ok());
  }
  config.tls_cert = "c";
  EXPECT_FALSE(check(config, Door::kClients, true).ok());  // no key
  config.tls_key = "k";
  EXPECT_FALSE(check(config, Door::kClients).ok());  // TLS alone lets everybody in
  config.auth_policy = "p";
  EXPECT_FALSE(check(config, Door::kClients, true).ok());  // nobody could say who it is
  config.tls_ca = "ca";
  EXPECT_TRUE(check(config, Door::kClients).ok());
  EXPECT_TRUE(check(config, Door::kPeers).ok());
  EXPECT_FALSE(check(config, Door::kPages).ok());
  config.auth_jwks = "j";
  EXPECT_FALSE(check(config, Door::kClients).ok());  // no issuer, no audience
  config.auth_issuer = "i";
  config.auth_audiences = {"a"};
  EXPECT_TRUE(check(config, Door::kClients).ok());
  config.auth_policy = "";
  EXPECT_FALSE(check(config, Door::kClients, true).ok());  // tokens without a policy
}

}  // namespace
}  // namespace registryd::server
