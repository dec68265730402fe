#include "registryd/operations/policy.h"

#include <gtest/gtest.h>

#include <string>

namespace registryd::operations {
namespace {

Policy Compiled(const PolicyText& text) {
  auto policy = Policy::Compile(text);
  EXPECT_TRUE(policy.ok()) << policy.status();
  return *std::move(policy);
}

const PolicyText kText{
    .roles = {{"workload",
               {"register,deregister {namespace}/{service}", "lookup,watch {namespace}/*"}},
              {"reader", {"lookup *", "status"}},
              {"operator", {"* *"}}},
    .identities = {{"spiffe://example.org/ns/{namespace}/{service}", {"workload"}},
                   {"jwt:*", {"reader"}},
                   {"jwt:alice", {"operator"}},
                   {"dns:{service}.{namespace}.svc", {"workload"}}}};

bool May(std::string_view identity, Verb verb, std::string_view object) {
  static const Policy* const policy = new Policy(Compiled(kText));
  return policy->Resolve(identity)->Allows(verb, object);
}

TEST(PolicyTest, AWorkloadRegistersOnlyTheServiceOfItsCertificate) {
  const std::string web = "spiffe://example.org/ns/shop/web";
  EXPECT_TRUE(May(web, Verb::kRegister, "shop/web"));
  EXPECT_FALSE(May(web, Verb::kRegister, "shop/db"));
  EXPECT_FALSE(May(web, Verb::kRegister, "bank/web"));
  EXPECT_FALSE(May(web, Verb::kRegister, "shop/web2"));
  EXPECT_TRUE(May(web, Verb::kLookup, "shop/db"));
  EXPECT_FALSE(May(web, Verb::kLookup, "bank/db"));
  EXPECT_TRUE(May(web, Verb::kLease, ""));  // comes with register
  EXPECT_FALSE(May(web, Verb::kStatus, ""));
  EXPECT_FALSE(May(web, Verb::kMember, ""));
  EXPECT_FALSE(May(web, Verb::kDrain, "shop/web"));
}

TEST(PolicyTest, WhatNoRuleAllowsIsDenied) {
  for (Verb verb : kVerbs) {
    EXPECT_FALSE(May("spiffe://evil.org/ns/shop/web", verb, "shop/web")) << ToString(verb);
    EXPECT_FALSE(May("", verb, "shop/web"));
    EXPECT_TRUE(May("jwt:alice", verb, "bank/web"));
    EXPECT_TRUE(May("jwt:alice", verb, ""));
  }
  EXPECT_TRUE(May("jwt:bob", Verb::kLookup, "bank/web"));
  EXPECT_FALSE(May("jwt:bob", Verb::kRegister, "bank/web"));
  EXPECT_FALSE(May("jwt:bob", Verb::kLease, ""));
}

TEST(PolicyTest, IdentitiesCannotBeBent) {
  const std::string base = "spiffe://example.org/ns/";
  for (const std::string& tail :
       {std::string("shop/web/x"), std::string("shop//web"), std::string("shop/"),
        std::string("/web"), std::string("../web"), std::string("shop/.."), std::string("shop/*"),
        std::string("*/*"), std::string("shop/web\0", 9), std::string("shop/w b"),
        std::string("shop/{service}"),
        std::string("shop/w\xd0\xb5"
                    "b"),
        std::string("shop/") + std::string(64, 'a'), std::string("shop/web ")}) {
    for (Verb verb : kVerbs) {
      for (const char* object : {"shop/web", "shop/x", "bank/web", ""}) {
        EXPECT_FALSE(May(base + tail, verb, object)) << tail << " " << ToString(verb) << object;
      }
    }
  }
  EXPECT_FALSE(May("SPIFFE://example.org/ns/shop/web", Verb::kRegister, "shop/web"));
  EXPECT_FALSE(May("xspiffe://example.org/ns/shop/web", Verb::kRegister, "shop/web"));
  // A subject that looks like a certificate stays a subject.
  EXPECT_FALSE(May("jwt:spiffe://example.org/ns/shop/web", Verb::kRegister, "shop/web"));
  EXPECT_TRUE(May("dns:web.shop.svc", Verb::kRegister, "shop/web"));
  EXPECT_FALSE(May("dns:web.shop.svc.evil", Verb::kRegister, "shop/web"));
  EXPECT_FALSE(May("dns:a.web.shop.svc", Verb::kRegister, "shop/web"));
}

TEST(PolicyTest, ExplainsItself) {
  const Policy policy = Compiled(kText);
  const auto why = [&](const char* identity, Verb verb, const char* object) {
    return policy.Resolve(identity)->Explain(identity, verb, object);
  };
  EXPECT_EQ(why("spiffe://example.org/ns/shop/web", Verb::kRegister, "shop/web"),
            "\"spiffe://example.org/ns/shop/web\" may register shop/web: rule "
            "\"register,deregister {namespace}/{service}\" of role workload, which identity "
            "\"spiffe://example.org/ns/{namespace}/{service}\" has");
  EXPECT_EQ(why("spiffe://example.org/ns/shop/web", Verb::kRegister, "shop/db"),
            "\"spiffe://example.org/ns/shop/web\" may not register shop/db: role workload allows "
            "register on shop/web");
  EXPECT_EQ(why("jwt:bob", Verb::kDrain, "shop/db"),
            "\"jwt:bob\" may not drain shop/db: none of its roles (reader) has this verb");
  EXPECT_EQ(why("dns:x", Verb::kStatus, ""),
            "\"dns:x\" may not status the registry: no identity of the policy matches it");
}

TEST(PolicyTest, WhatIsWrongIsNamed) {
  const auto refused = [](const PolicyText& text, const std::string& words) {
    const auto policy = Policy::Compile(text);
    ASSERT_EQ(policy.status().code(), absl::StatusCode::kInvalidArgument) << words;
    EXPECT_NE(std::string(policy.status().message()).find(words), std::string::npos)
        << policy.status();
  };
  refused({.roles = {{"r", {"fly *"}}}, .identities = {}}, "\"fly\" is no verb");
  refused({.roles = {{"r", {"lookup"}}}, .identities = {}}, "names no services");
  refused({.roles = {{"r", {""}}}, .identities = {}}, "no rule");
  refused({.roles = {{"r", {"lookup a b"}}}, .identities = {}}, "no rule");
  refused({.roles = {{"r", {"lookup shop"}}}, .identities = {}}, "no pattern");
  refused({.roles = {{"r", {"lookup {x/y"}}}, .identities = {}}, "brace");
  refused({.roles = {{"r r", {}}}, .identities = {}}, "no name");
  refused({.roles = {}, .identities = {{"a", {"r"}}}}, "\"r\" is not among the roles");
  refused({.roles = {{"r", {"lookup {x}/y"}}}, .identities = {{"a/{y}", {"r"}}}}, "does not name");
  refused({.roles = {}, .identities = {{"a{x}{y}", {}}}}, "side by side");
  refused({.roles = {}, .identities = {{"a{x}-{x}", {}}}}, "twice");
  refused({.roles = {}, .identities = {{"a{", {}}}}, "brace");
  refused({.roles = {}, .identities = {{"", {}}}}, "printable");
}

}  // namespace
}  // namespace registryd::operations
