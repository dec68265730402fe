// Kubernetes' selector grammar: what is chosen, what is refused and where, and the canonical text.
#include "registryd/core/selector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "registryd/base/text.h"
#include "registryd/core/limits.h"

namespace registryd::core {
namespace {

using Labels = std::vector<Label>;

Selector Parsed(const std::string& text) {
  absl::StatusOr<Selector> selector = Selector::Parse("selector", text);
  EXPECT_TRUE(selector.ok()) << "\"" << text << "\": " << selector.status();
  return selector.ok() ? *std::move(selector) : Selector();
}

std::string Error(const std::string& text, const std::string& path = "selector") {
  const absl::StatusOr<Selector> selector = Selector::Parse(path, text);
  EXPECT_EQ(selector.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(selector.status().message());
}

// "1,2,3" of that many numbers.
std::string List(size_t count, const std::string& before = "") {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += Text(i == 0 ? "" : ",", before, i);
  return out;
}

TEST(SelectorTest, Matches) {
  // Of Kubernetes' "Labels and Selectors" and its selector_test.go.
  const Labels web = {{"environment", "production"}, {"tier", "frontend"}};
  const Labels foo = {{"baz", "blah"}, {"foo", "bar"}};
  const Labels x = {{"x", "abc"}};
  const Labels empty_value = {{"x", ""}};
  const Labels prefixed = {{"example.com/team", "a"}, {"team", "b"}};
  const Labels keywords = {{"in", "notin"}, {"notin", "in"}};
  const struct {
    const char* selector;
    Labels labels;
    bool matches;
  } cases[] = {
      {"", web, true},
      {"", {}, true},
      {" \t\r\n", web, true},
      {"environment=production", web, true},
      {"environment==production", web, true},
      {"environment = production", web, true},
      {"environment=qa", web, false},
      {"environment=Production", web, false},
      {"environment=prod", web, false},
      {"tier!=frontend", web, false},
      {"tier!=backend", web, true},
      {"environment=production,tier!=frontend", web, false},
      {"environment=production,tier=frontend", web, true},
      {"environment=production,tier=backend", web, false},
      {"environment in (production, qa)", web, true},
      {"environment in (qa,dev)", web, false},
      {"environment in (production),tier in (frontend)", web, true},
      {"tier notin (frontend, backend)", web, false},
      {"tier notin (backend)", web, true},
      {"partition", web, false},
      {"!partition", web, true},
      {"tier", web, true},
      {"!tier", web, false},
      {"partition,environment notin (qa)", web, false},
      {"partition!=customerA", web, true},
      {"partition notin (customerA, customerB)", web, true},
      {"partition in (customerA, customerB)", web, false},
      {"partition=", web, false},
      {"environment,environment notin (frontend)", web, true},
      {"environment=production,environment=qa", web, false},
      {"environment=production,environment", web, true},
      {"tie", web, false},
      {"tierx", web, false},
      {"a", web, false},
      {"z", web, false},
      {"foo=bar", foo, true},
      {"baz=blah", foo, true},
      {"foo=bar,baz=blah", foo, true},
      {"foo=blah", foo, false},
      {"baz=bar", foo, false},
      {"foo=bar,foobar=bar,baz=blah", foo, false},
      {"x in (abc,def)", x, true},
      {"x in (abc,)", x, true},
      {"x in (,def)", x, false},
      {"x in ()", x, false},
      {"x in ()", empty_value, true},
      {"x in ()", {}, false},
      {"x notin ()", x, true},
      {"x notin ()", empty_value, false},
      {"x notin ()", {}, true},
      {"x in (a,,b)", empty_value, true},
      {"x in (a,b,)", empty_value, true},
      {"x=", empty_value, true},
      {"x=", x, false},
      {"x==", empty_value, true},
      {"x!=", empty_value, false},
      {"x!=", x, true},
      {"x!=", {}, true},
      {"x", empty_value, true},
      {"!x", empty_value, false},
      {"!x", {}, true},
      {"x notin\n (abc)", x, false},
      {"x   in\t(  abc ,def )", x, true},
      {"x in(abc)", x, true},
      {"\rx", x, true},
      {"! x", x, false},
      {" x = abc , ! y ", x, true},
      {"example.com/team=a", prefixed, true},
      {"example.com/team=b", prefixed, false},
      {"team=b", prefixed, true},
      {"example.org/team", prefixed, false},
      {"!example.org/team,example.com/team in (a,b)", prefixed, true},
      {"in=notin", keywords, true},
      {"in in (notin),notin notin (notin)", keywords, true},
      {"in,notin", keywords, true},
      {"!in", keywords, false},
      {"in in (in)", keywords, false},
      {"notin == in", keywords, true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Parsed(c.selector).Matches(c.labels), c.matches) << c.selector;
  }
}

TEST(SelectorTest, AmongManyLabels) {
  Labels labels;
  for (int i = 100; i < 164; ++i) labels.push_back({Text("key", i), Text("value", i)});
  for (const Label& label : labels) {
    EXPECT_TRUE(Parsed(Text(label.key, "=", label.value)).Matches(labels)) << label.key;
    EXPECT_TRUE(Parsed(Text("!", label.key, "x")).Matches(labels)) << label.key;
    EXPECT_FALSE(Parsed(Text("!", label.key)).Matches(labels)) << label.key;
  }
}

TEST(SelectorTest, Canonical) {
  const struct {
    const char* text;
    const char* canonical;
  } cases[] = {
      {"", ""},
      {" \n", ""},
      {"a", "a"},
      {" ! a ", "!a"},
      {"a=b", "a=b"},
      {"a == b", "a=b"},
      {"a in (b)", "a=b"},
      {"a in ( b , b )", "a=b"},
      {"a != b", "a!=b"},
      {"a notin (b)", "a!=b"},
      {"a in (c,b)", "a in(b,c)"},
      {"a notin (c,b,c)", "a notin(b,c)"},
      {"a=", "a="},
      {"a in ()", "a="},
      {"a in (,)", "a="},
      {"a in (,,)", "a="},
      {"a notin ()", "a!="},
      {"a in (b,)", "a in(,b)"},
      {"a in (c,,b)", "a in(,b,c)"},
      {"b,a", "a,b"},
      {"b,a,b", "a,b"},
      {"a=c,a=b", "a=b,a=c"},
      {"a=b,a in (b)", "a=b"},
      {"z=1,!y,x in (b,a),w!=2,v", "v,w!=2,x in(a,b),!y,z=1"},
      {"a,!a,a=b,a!=b", "a=b,a!=b,a,!a"},
      {"tier in (a,b),env=prod,!canary", "!canary,env=prod,tier in(a,b)"},
      {"in in (in),notin", "in=in,notin"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Parsed(c.text).Canonical(), c.canonical) << c.text;
    EXPECT_EQ(Parsed(c.canonical).Canonical(), c.canonical);
    EXPECT_EQ(Parsed(c.text).empty(), std::string(c.canonical).empty()) << c.text;
  }
}

TEST(SelectorTest, Errors) {
  const std::string operators = "expected =, ==, !=, in, notin, ',' or the end after the key \"x\"";
  const std::string key_rule =
      "the key must be 1 to 63 letters, digits and ._-, first and last a letter or digit, is ";
  const std::string prefix_rule =
      "the key's part before '/' must be a DNS name in lower case of at most 253 characters, is ";
  const std::string value_rule =
      "expected a value of at most 63 letters, digits and ._-, first and last a letter or digit, "
      "is ";
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {",", "column 1: expected a key"},
      {"a,", "column 3: expected a key"},
      {"a, ", "column 4: expected a key"},
      {"a,,b", "column 3: expected a key"},
      {",a", "column 1: expected a key"},
      {"!", "column 2: expected a key"},
      {"!!x", "column 2: expected a key"},
      {"!=x", "column 2: expected a key"},
      {"=x", "column 1: expected a key"},
      {"==", "column 1: expected a key"},
      {"(x)", "column 1: expected a key"},
      {"x y", "column 3: " + operators},
      {"x (a)", "column 3: " + operators},
      {"x<1", "column 2: " + operators},
      {"x > 1", "column 3: " + operators},
      {"x In (a)", "column 3: " + operators},
      {"x not in (a)", "column 3: " + operators},
      {"x)", "column 2: " + operators},
      {"x!", "column 2: " + operators},
      {"x ! = a", "column 3: " + operators},
      {"!x=a", "column 3: expected ',' or the end after the requirement of \"x\""},
      {"!x in (a)", "column 4: expected ',' or the end after the requirement of \"x\""},
      {"x=a b", "column 5: expected ',' or the end after the requirement of \"x\""},
      {"x==a==b", "column 5: expected ',' or the end after the requirement of \"x\""},
      {"x=a=b", "column 4: expected ',' or the end after the requirement of \"x\""},
      {"x in (a) y", "column 10: expected ',' or the end after the requirement of \"x\""},
      {"x in (a))", "column 9: expected ',' or the end after the requirement of \"x\""},
      {"x===a", "column 4: expected a value of \"x\""},
      {"x= =a", "column 4: expected a value of \"x\""},
      {"x=!y", "column 3: expected a value of \"x\""},
      {"x=(a)", "column 3: expected a value of \"x\""},
      {"x!=<", "column 4: expected a value of \"x\""},
      {"x in a", "column 6: expected '(' before the values of \"x\""},
      {"x in", "column 5: expected '(' before the values of \"x\""},
      {"x notin )", "column 9: expected '(' before the values of \"x\""},
      {"tier in (a", "column 11: expected ',' or ')' after the values of \"tier\""},
      {"tier in (", "column 10: expected ',' or ')' after the values of \"tier\""},
      {"tier in (a,", "column 12: expected ',' or ')' after the values of \"tier\""},
      {"tier in (a b)", "column 12: expected ',' or ')' after the values of \"tier\""},
      {"tier in (a=b)", "column 11: expected ',' or ')' after the values of \"tier\""},
      {"tier in ((a))", "column 10: expected ',' or ')' after the values of \"tier\""},
      {"tier in (!a)", "column 10: expected ',' or ')' after the values of \"tier\""},
      {"env=prod,tier in (a,b", "column 22: expected ',' or ')' after the values of \"tier\""},
      {"x=a||y=b", "column 3: " + value_rule + "\"a||y\""},
      {"x=-a", "column 3: " + value_rule + "\"-a\""},
      {"x= a.", "column 4: " + value_rule + "\"a.\""},
      {"x=a/b", "column 3: " + value_rule + "\"a/b\""},
      {"x=\"a\"", "column 3: " + value_rule + "\"\"a\"\""},
      {"x in (a, b:1)", "column 10: " + value_rule + "\"b:1\""},
      {"x=caf\u00e9", "column 3: " + value_rule + "\"caf\u00e9\""},
      {std::string("x=a\0b", 5), "column 3: " + value_rule + "\"a\\x00b\""},
      {std::string("x\0", 2), "column 1: " + key_rule + "\"x\\x00\""},
      {"-x", "column 1: " + key_rule + "\"-x\""},
      {"a, x_=1", "column 4: " + key_rule + "\"x_\""},
      {"!a:b", "column 2: " + key_rule + "\"a:b\""},
      {"example.com/", "column 1: " + key_rule + "\"\""},
      {"a/b/c", "column 1: " + key_rule + "\"b/c\""},
      {"/a", "column 1: " + prefix_rule + "\"\""},
      {"Example.com/a", "column 1: " + prefix_rule + "\"Example.com\""},
      {"a,example..com/a", "column 3: " + prefix_rule + "\"example..com\""},
      {"example_com/a", "column 1: " + prefix_rule + "\"example_com\""},
      {"a;b", "column 1: " + key_rule + "\"a;b\""},
  };
  for (const auto& c : cases) EXPECT_EQ(Error(c.text), "selector: " + c.message) << c.text;
  EXPECT_EQ(Error("a,", ""), "column 3: expected a key") << "the top level has no path";
  EXPECT_EQ(Error(" a,", "filters[1].selector"), "filters[1].selector: column 4: expected a key");
}

TEST(SelectorTest, Limits) {
  const std::string n63(63, 'n');
  Parsed(n63 + "=" + n63);
  EXPECT_EQ(Error("n" + n63).rfind("selector: column 1: the key must be 1 to 63", 0), 0u);
  EXPECT_EQ(Error("a=n" + n63).rfind("selector: column 3: expected a value of at most 63", 0), 0u);
  const std::string prefix = n63 + "." + n63 + "." + n63 + "." + std::string(61, 'p');
  ASSERT_EQ(prefix.size(), 253u);
  Parsed(prefix + "/a");
  EXPECT_EQ(Error(prefix + "p/a").rfind("selector: column 1: the key's part before '/'", 0), 0u);

  const std::string values = "a in (" + List(64) + ")";
  Parsed(values);
  EXPECT_EQ(Parsed(values).Canonical().size(), values.size() - 1) << "no value is lost";
  EXPECT_EQ(Error("a in (" + List(65) + ")"), Text("selector: column ", 8 + List(64).size(),
                                                   ": at most 64 values of \"a\" are allowed"));
  Parsed("a in (" + std::string(63, ',') + ")");
  EXPECT_EQ(Error("a in (" + std::string(64, ',') + ")"),
            "selector: column 71: at most 64 values of \"a\" are allowed")
      << "repetitions count, too";

  const std::string requirements = List(32, "k");
  EXPECT_EQ(std::count(requirements.begin(), requirements.end(), ','), 31);
  Parsed(requirements);
  EXPECT_EQ(Error(List(33, "k")), Text("selector: column ", requirements.size() + 2,
                                       ": at most 32 requirements are allowed"));

  const std::string longest = "a in (" + std::string(1'024 - 7, ' ') + ")";
  ASSERT_EQ(longest.size(), limits::kSelectorSize);
  EXPECT_EQ(Parsed(longest).Canonical(), "a=");
  EXPECT_EQ(Error(longest + " "), "selector: must be at most 1024 bytes, is 1025");
}

// The longest texts have no room for a longer canonical one.
TEST(SelectorTest, CanonicalOfTheLongestIsASelector) {
  std::string text = "k in(";
  for (char c = 'a'; c < 'p'; ++c) text += c + std::string(62, 'v') + ",";
  text += "p" + std::string(57, 'v') + ")";
  ASSERT_EQ(text.size(), limits::kSelectorSize);
  EXPECT_EQ(Parsed(text).Canonical(), text);
}

}  // namespace
}  // namespace registryd::core
