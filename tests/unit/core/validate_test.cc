// Every limit of core/limits.h and every grammar, at its edge and one beyond.
#include "registryd/core/validate.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "registryd/base/text.h"
#include "registryd/core/grammar.h"
#include "registryd/core/limits.h"

namespace registryd::core {
namespace {

std::string Times(size_t n, const std::string& text) {
  std::string out;
  while (n-- > 0) out += text;
  return out;
}

InstanceSpec ValidSpec() {
  InstanceSpec spec;
  spec.name = InstanceName("default", "web", "i-1");
  spec.endpoints = {{"http", "10.0.0.1", 80, "http"}};
  spec.version = "1.4.2";
  spec.labels = {{"example.com/team", "a"}, {"tier", "1"}};
  spec.region = "eu";
  spec.zone = "eu-1";
  return spec;
}

void Rename(InstanceSpec& spec, const std::string& ns, const std::string& service,
            const std::string& id) {
  spec.name = InstanceName(ns, service, id);
}

struct SpecCase {
  std::string message;  // what it begins with; empty: the spec is valid
  std::function<void(InstanceSpec&)> edit;
};

void ExpectSpec(const SpecCase& c) {
  InstanceSpec spec = ValidSpec();
  c.edit(spec);
  const absl::Status status = ValidateSpec("instances[2]", spec);
  if (c.message.empty()) {
    EXPECT_EQ(status, absl::OkStatus());
  } else {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.message;
    EXPECT_EQ(std::string(status.message()).rfind(c.message, 0), 0u)
        << status << "\ndoes not begin with " << c.message;
  }
}

TEST(ValidateTest, Names) {
  const std::string rule = "must be letters, digits and ._-, first and last a letter or digit, is ";
  const SpecCase cases[] = {
      {"", [](auto&) {}},
      {"", [](auto& s) { Rename(s, "a", "Z9", "0"); }},
      {"", [](auto& s) { Rename(s, Times(63, "n"), Times(63, "s"), Times(128, "i")); }},
      {"", [](auto& s) { Rename(s, "a.b_c-d", "a..b", "10.0.0.1:80"); }},
      {"instances[2].namespace: is required", [](auto& s) { Rename(s, "", "web", "i"); }},
      {"instances[2].service: is required", [](auto& s) { Rename(s, "n", "", "i"); }},
      {"instances[2].id: is required", [](auto& s) { Rename(s, "n", "web", ""); }},
      {"instances[2].namespace: must be at most 63 characters, is 64: \"nnnn",
       [](auto& s) { Rename(s, Times(64, "n"), "web", "i"); }},
      {"instances[2].service: must be at most 63 characters, is 70000: \"ssss",
       [](auto& s) { Rename(s, "n", Times(70'000, "s"), "i"); }},
      {"instances[2].id: must be at most 128 characters, is 129: \"iiii",
       [](auto& s) { Rename(s, "n", "web", Times(129, "i")); }},
      {"instances[2].namespace: " + rule + "\"a/b\"", [](auto& s) { Rename(s, "a/b", "c", "d"); }},
      {"instances[2].service: " + rule + "\"we b\"", [](auto& s) { Rename(s, "n", "we b", "i"); }},
      {"instances[2].service: " + rule + "\"web:1\"",
       [](auto& s) { Rename(s, "n", "web:1", "i"); }},
      {"instances[2].service: " + rule + "\"-web\"", [](auto& s) { Rename(s, "n", "-web", "i"); }},
      {"instances[2].service: " + rule + "\"web.\"", [](auto& s) { Rename(s, "n", "web.", "i"); }},
      {"instances[2].service: " + rule + "\"\\x00\"",
       [](auto& s) { Rename(s, "n", std::string(1, '\0'), "i"); }},
      {"instances[2].service: " + rule + "\"caf\u00e9\"",
       [](auto& s) { Rename(s, "n", "caf\u00e9", "i"); }},
      {"instances[2].id: must be letters, digits and ._-:, first and last",
       [](auto& s) { Rename(s, "n", "web", "i:"); }},
  };
  for (const SpecCase& c : cases) ExpectSpec(c);
}

TEST(ValidateTest, NamePrefix) {
  for (const std::string& prefix : {std::string("a"), std::string("Z9"), std::string("web-"),
                                    std::string("a._-"), std::string("0"), Times(63, "n")}) {
    EXPECT_EQ(ValidateNamePrefix("prefix", prefix), absl::OkStatus()) << prefix;
  }
  const std::string rule = "prefix: must be letters, digits and ._-, first a letter or digit, is ";
  const std::pair<std::string, std::string> broken[] = {
      {"", "prefix: is required"},
      {Times(64, "n"), "prefix: must be at most 63 characters, is 64: \"" + Times(64, "n") + "\""},
      {"-", rule + "\"-\""},
      {".web", rule + "\".web\""},
      {"we b", rule + "\"we b\""},
      {"web/", rule + "\"web/\""},
      {"web:", rule + "\"web:\""},
      {std::string("a\0", 2), rule + "\"a\\x00\""},
  };
  for (const auto& [prefix, message] : broken) {
    const absl::Status status = ValidateNamePrefix("prefix", prefix);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_EQ(std::string(status.message()), message);
  }
  EXPECT_EQ(std::string(ValidateNamePrefix("", "").message()), "is required");
}

TEST(ValidateTest, Endpoints) {
  const auto many = [](size_t n) {
    return [n](InstanceSpec& s) {
      s.endpoints.clear();
      for (size_t i = 0; i < n; ++i) s.endpoints.push_back({Text("e", i), "10.0.0.1", 80, ""});
    };
  };
  const SpecCase cases[] = {
      {"", many(1)},
      {"", many(16)},
      {"instances[2].endpoints: must be 1 to 16 of them, is 0", many(0)},
      {"instances[2].endpoints: must be 1 to 16 of them, is 17", many(17)},
      {"", [](auto& s) { s.endpoints[0].port = 1; }},
      {"", [](auto& s) { s.endpoints[0].port = 65'535; }},
      {"instances[2].endpoints[0].port: must be 1 to 65535, is 0",
       [](auto& s) { s.endpoints[0].port = 0; }},
      {"", [](auto& s) { s.endpoints[0].name = Times(63, "n"); }},
      {"instances[2].endpoints[0].name: must be at most 63 characters, is 64",
       [](auto& s) { s.endpoints[0].name = Times(64, "n"); }},
      {"instances[2].endpoints[0].name: is required", [](auto& s) { s.endpoints[0].name = ""; }},
      {"instances[2].endpoints[0].name: must be letters, digits and ._-, first",
       [](auto& s) { s.endpoints[0].name = "a b"; }},
      {"instances[2].endpoints[1].name: must differ from that of instances[2].endpoints[0], is "
       "\"http\"",
       [](auto& s) { s.endpoints.push_back(s.endpoints[0]); }},
      {"", [](auto& s) { s.endpoints[0].protocol = ""; }},
      {"", [](auto& s) { s.endpoints[0].protocol = Times(32, "p"); }},
      {"instances[2].endpoints[0].protocol: must be at most 32 bytes, is 33",
       [](auto& s) { s.endpoints[0].protocol = Times(33, "p"); }},
      {"instances[2].endpoints[0].protocol: must be UTF-8 without control characters, is "
       "\"a\\x0a\"",
       [](auto& s) { s.endpoints[0].protocol = "a\n"; }},
      {"instances[2].endpoints[0].host: is required", [](auto& s) { s.endpoints[0].host = ""; }},
      {"", [](auto& s) { s.endpoints[0].host = Times(84, "a1.") + "b"; }},
      {"instances[2].endpoints[0].host: must be at most 253 characters, is 254",
       [](auto& s) { s.endpoints[0].host = Times(84, "a1.") + "bc"; }},
      {"instances[2].endpoints[0].host: must be an IPv4 address, an IPv6 address without brackets "
       "or a host name, is \"[::1]\"",
       [](auto& s) { s.endpoints[0].host = "[::1]"; }},
  };
  for (const SpecCase& c : cases) ExpectSpec(c);
}

TEST(ValidateTest, Labels) {
  const auto key = [](const std::string& k) {
    return [k](InstanceSpec& s) { s.labels = {Label{k, "v"}}; };
  };
  const auto value = [](const std::string& v) {
    return [v](InstanceSpec& s) { s.labels = {Label{"k", v}}; };
  };
  const auto many = [](size_t n) {
    return [n](InstanceSpec& s) {
      s.labels.clear();
      for (size_t i = 0; i < n; ++i) s.labels.push_back({Text("k", i + 100), ""});
    };
  };
  const std::string prefix_of_253 = Times(126, "a.") + "b";
  const SpecCase cases[] = {
      {"", many(0)},
      {"", many(64)},
      {"instances[2].labels: must be 0 to 64 of them, is 65", many(65)},
      {"", key(Times(63, "k"))},
      {"instances[2].labels[\"" + Times(64, "k") + "\"]: the key must be 1 to 63 letters",
       key(Times(64, "k"))},
      {"", key(prefix_of_253 + "/" + Times(63, "k"))},
      {"instances[2].labels[\"" + Times(32, "a.") +
           "...\"]: the key's part before '/' must be a "
           "DNS name in lower case of at most 253 characters, is ",
       key(prefix_of_253 + "c/k")},
      {"instances[2].labels[\"Example.com/k\"]: the key's part before '/'", key("Example.com/k")},
      {"instances[2].labels[\"a..b/k\"]: the key's part before '/'", key("a..b/k")},
      {"instances[2].labels[\"/k\"]: the key's part before '/'", key("/k")},
      {"instances[2].labels[\"a/\"]: the key must be", key("a/")},
      {"instances[2].labels[\"a/b/c\"]: the key must be", key("a/b/c")},
      {"instances[2].labels[\"\"]: the key must be", key("")},
      {"instances[2].labels[\"_k\"]: the key must be", key("_k")},
      {"instances[2].labels[\"a b\"]: the key must be", key("a b")},
      {"", value("")},
      {"", value("blanks, \u00e9, \U0001f600 and / are fine")},
      {"", value(Times(256, "v"))},
      {"instances[2].labels[\"k\"]: must be at most 256 bytes, is 257", value(Times(257, "v"))},
      {"instances[2].labels[\"k\"]: must be UTF-8 without control characters, is \"a\\x09b\"",
       value("a\tb")},
      {"instances[2].labels[\"k\"]: must be UTF-8 without control characters, is \"\\xff\"",
       value("\xff")},
      {"instances[2].labels[\"a\"]: keys must differ and be sorted, comes after \"b\"",
       [](auto& s) {
         s.labels = {Label{"b", ""}, Label{"a", ""}};
       }},
      {"instances[2].labels[\"a\"]: keys must differ and be sorted, comes after \"a\"",
       [](auto& s) {
         s.labels = {Label{"a", "1"}, Label{"a", "2"}};
       }},
  };
  for (const SpecCase& c : cases) ExpectSpec(c);
}

TEST(ValidateTest, OtherFieldsOfASpec) {
  const SpecCase cases[] = {
      {"", [](auto& s) { s.version = ""; }},
      {"", [](auto& s) { s.version = "1.0.0-" + Times(122, "a"); }},
      {"", [](auto& s) { s.version = "1.0." + Times(18, "9"); }},
      {"instances[2].version: a number in it must have at most 18 digits, is \"1.0.1000",
       [](auto& s) { s.version = "1.0.1" + Times(18, "0"); }},
      {"instances[2].version: must be at most 128 characters, is 129",
       [](auto& s) { s.version = "1.0.0-" + Times(123, "a"); }},
      {"instances[2].version: must be a SemVer 2.0 version such as 1.4.2 or 2.0.0-rc.1, is \"v1\"",
       [](auto& s) { s.version = "v1"; }},
      {"", [](auto& s) { s.region = s.zone = ""; }},
      {"", [](auto& s) { s.region = s.zone = Times(63, "z"); }},
      {"instances[2].region: must be at most 63 bytes, is 64",
       [](auto& s) { s.region = Times(64, "z"); }},
      {"instances[2].zone: must be at most 63 bytes, is 64",
       [](auto& s) { s.zone = Times(64, "z"); }},
      {"instances[2].zone: must be UTF-8", [](auto& s) { s.zone = "\x7f"; }},
      {"instances[2].region: must be UTF-8", [](auto& s) { s.region = "\xc2\x80"; }},
      {"", [](auto& s) { s.weight = 1; }},
      {"", [](auto& s) { s.weight = 65'535; }},
      {"instances[2].weight: must be 1 to 65535, is 0", [](auto& s) { s.weight = 0; }},
      {"instances[2].weight: must be 1 to 65535, is 65536", [](auto& s) { s.weight = 65'536; }},
  };
  for (const SpecCase& c : cases) ExpectSpec(c);
}

struct CommandCase {
  std::string message;  // all of it; empty: valid
  Command command;
};

void ExpectCommand(const CommandCase& c) {
  const absl::Status status = ValidateCommand(c.command);
  EXPECT_EQ(std::string(status.message()), c.message);
  EXPECT_EQ(status.code(),
            c.message.empty() ? absl::StatusCode::kOk : absl::StatusCode::kInvalidArgument);
}

Register RegisterMany(size_t n) {
  Register command;
  for (size_t i = 0; i < n; ++i) {
    command.instances.push_back(ValidSpec());
    command.instances.back().name = InstanceName("default", "web", Text("i-", i));
  }
  return command;
}

Register RegisterWith(LeaseClaim lease) {
  Register command = RegisterMany(1);
  command.lease = std::move(lease);
  return command;
}

std::vector<Target> Targets(size_t n) {
  std::vector<Target> targets;
  for (size_t i = 0; i < n; ++i) targets.push_back({InstanceName("n", "web", Text("i-", i)), {}});
  return targets;
}

TEST(ValidateTest, RegisterAndDeregister) {
  Register repeated = RegisterMany(3);
  repeated.instances[2].name = repeated.instances[0].name;
  std::vector<Target> twice = Targets(2);
  twice[1] = twice[0];
  const CommandCase cases[] = {
      {"", RegisterMany(1)},
      {"", RegisterMany(1'000)},
      {"instances: must be 1 to 1000 of them, is 0", RegisterMany(0)},
      {"instances: must be 1 to 1000 of them, is 1001", RegisterMany(1'001)},
      {"instances[2]: names the same instance as instances[0], \"default/web/i-0\"", repeated},
      {"", Deregister{Targets(1'000)}},
      {"instances: must be 1 to 1000 of them, is 0", Deregister{}},
      {"", Deregister{Targets(1), std::string(256, 'r')}},
      {"reason: must be at most 256 bytes, is 257: \"" + std::string(64, 'r') + "...\"",
       Deregister{Targets(1), std::string(257, 'r')}},
      {"instances: must be 1 to 1000 of them, is 1001", Deregister{Targets(1'001)}},
      {"instances[1]: names the same instance as instances[0], \"n/web/i-0\"", Deregister{twice}},
      {"instances[0].service: is required", Deregister{{{InstanceName("n", "", "i"), {}}}}},
  };
  for (const CommandCase& c : cases) ExpectCommand(c);
}

TEST(ValidateTest, Leases) {
  const std::string owner = Times(128, "o");
  const CommandCase cases[] = {
      {"", RegisterWith({LeaseId(7), 0, ""})},
      {"", RegisterWith({LeaseId(7), 2'000, owner})},
      {"", RegisterWith({LeaseId(7), 3'600'000, ""})},
      {"lease.lease_id: is required", RegisterWith({LeaseId(), 6'000, ""})},
      {"lease.ttl_ms: must be 2000 to 3600000, is 1999", RegisterWith({LeaseId(7), 1'999, ""})},
      {"lease.ttl_ms: must be 2000 to 3600000, is 3600001",
       RegisterWith({LeaseId(7), 3'600'001, ""})},
      {"lease.ttl_ms: must be 2000 to 3600000, is -1", RegisterWith({LeaseId(7), -1, ""})},
      {"lease.owner: must be at most 128 bytes, is 129: \"" + Times(64, "o") + "...\"",
       RegisterWith({LeaseId(7), 6'000, owner + "o"})},
      {"lease.owner: must be UTF-8 without control characters, is \"\\x1b[31m\"",
       RegisterWith({LeaseId(7), 6'000, "\x1b[31m"})},
      {"", GrantLease{{LeaseId(7), 6'000, ""}}},
      {"lease.ttl_ms: must be 2000 to 3600000, is 0", GrantLease{{LeaseId(7), 0, ""}}},
      {"lease.lease_id: is required", GrantLease{{LeaseId(), 6'000, ""}}},
      {"", RevokeLease{LeaseId(7), LeaseEpoch()}},
      {"lease_id: is required", RevokeLease{}},
      {"", ExpireLeases{{{LeaseId(7), LeaseEpoch(1)}}, Term(1)}},
      {"leases[0]: is required", ExpireLeases{{{LeaseId(), LeaseEpoch(1)}}, Term(1)}},
  };
  for (const CommandCase& c : cases) ExpectCommand(c);
}

TEST(ValidateTest, UpdateHealthAndRemoval) {
  const Target target{InstanceName("n", "web", "i"), Revision(3)};
  const Target nameless{InstanceName("n", "web", ""), Revision(3)};
  const auto update = [&](auto edit) {
    Update command;
    command.target = target;
    edit(command);
    return command;
  };
  const CommandCase cases[] = {
      {"", update([](Update&) {})},
      {"", update([](Update& u) { u.labels.emplace(); })},
      {"", update([](Update& u) { u.weight = 65'535, u.version = "", u.zone = ""; })},
      {"instance.id: is required", update([&](Update& u) { u.target = nameless; })},
      {"endpoints.entries: must be 1 to 16 of them, is 0",
       update([](Update& u) { u.endpoints.emplace(); })},
      {"labels.entries[\"\"]: the key must be 1 to 63 letters, digits and ._-, first and last a "
       "letter or digit, is \"\"",
       update([](Update& u) {
         u.labels = {Label{"", ""}};
       })},
      {"weight: must be 1 to 65535, is 0", update([](Update& u) { u.weight = 0; })},
      {"weight: must be 1 to 65535, is 65536", update([](Update& u) { u.weight = 65'536; })},
      {"version: must be a SemVer 2.0 version such as 1.4.2 or 2.0.0-rc.1, is \"1\"",
       update([](Update& u) { u.version = "1"; })},
      {"zone: must be at most 63 bytes, is 64: \"" + Times(64, "z") + "\"",
       update([](Update& u) { u.zone = Times(64, "z"); })},
      {"", SetHealth{target, Report::kDraining, Times(256, "m")}},
      {"message: must be at most 256 bytes, is 257: \"" + Times(64, "m") + "...\"",
       SetHealth{target, Report::kDraining, Times(257, "m")}},
      {"message: must be UTF-8 without control characters, is \"\\xc0\\x80\"",
       SetHealth{target, Report::kPassing, "\xc0\x80"}},
      {"health: must be PASSING, CRITICAL or DRAINING",
       SetHealth{target, static_cast<Report>(3), ""}},
      {"instance.id: is required", SetHealth{nameless, Report::kPassing, ""}},
      {"", RemoveCritical{{target}}},
      {"instances[0].incarnation: is required", RemoveCritical{{{target.name, {}}}}},
      {"instances[0].id: is required", RemoveCritical{{nameless}}},
  };
  for (const CommandCase& c : cases) ExpectCommand(c);
}

TEST(ValidateTest, SingleValues) {
  EXPECT_EQ(ValidatePort("port", 70'000).message(), "port: must be 1 to 65535, is 70000");
  EXPECT_EQ(ValidatePort("port", 65'536).message(), "port: must be 1 to 65535, is 65536");
  EXPECT_EQ(ValidatePort("", 0).message(), "must be 1 to 65535, is 0") << "no path, no colon";
  EXPECT_EQ(ValidateTtl("ttl_ms", limits::kTtlDefaultMs), absl::OkStatus());
}

}  // namespace
}  // namespace registryd::core
