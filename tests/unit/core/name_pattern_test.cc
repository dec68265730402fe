#include "registryd/core/name_pattern.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace registryd::core {
namespace {

NamePattern Pattern(std::string_view text) {
  auto pattern = NamePattern::Parse("allow", text);
  EXPECT_TRUE(pattern.ok()) << pattern.status();
  return *pattern;
}

TEST(NamePatternTest, AStarStaysWithinItsPart) {
  EXPECT_TRUE(Pattern("shop/web").Matches("shop/web"));
  EXPECT_FALSE(Pattern("shop/web").Matches("shop/webx"));
  EXPECT_FALSE(Pattern("shop/web").Matches("xshop/web"));
  EXPECT_TRUE(Pattern("shop/web-*").Matches("shop/web-"));
  EXPECT_TRUE(Pattern("shop/*-blue").Matches("shop/web-green-blue"));
  EXPECT_FALSE(Pattern("shop/*").Matches("shop2/web"));
  EXPECT_TRUE(Pattern("*/metrics").Matches("a/metrics"));
  EXPECT_FALSE(Pattern("*/metrics").Matches("a/b/metrics"));
  EXPECT_FALSE(Pattern("*/*").Matches(""));
  EXPECT_TRUE(Pattern("*").Matches(""));
  EXPECT_TRUE(Pattern("*").Matches("a/b"));
}

TEST(NamePatternTest, CaseAndLookalikesAreOtherNames) {
  EXPECT_FALSE(Pattern("shop/web").Matches("shop/Web"));
  EXPECT_FALSE(Pattern("shop/web")
                   .Matches("shop/w\xd0\xb5"
                            "b"));  // a Cyrillic e
  EXPECT_FALSE(Pattern("shop/web").Matches(std::string("shop/web\0", 9)));
  EXPECT_FALSE(Pattern("shop/*").Matches("shop/../bank/web"));
}

TEST(NamePatternTest, WhatIsNoPatternIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("shop"), std::string("shop/"), std::string("/web"),
        std::string("a/b/c"), std::string("shop/w b"), std::string("shop/{x}"),
        std::string("shop/web\0", 9), std::string("**"), std::string(64, 'a') + "/b",
        std::string("sh*")}) {
    const auto pattern = NamePattern::Parse("allow[3]", text);
    EXPECT_EQ(pattern.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(std::string(pattern.status().message()).rfind("allow[3]: ", 0), 0u);
  }
}

TEST(NamePatternTest, StarsDoNotMakeItSlow) {
  const std::string glob = "ns/" + std::string("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b");
  EXPECT_FALSE(Pattern(glob).Matches("ns/" + std::string(100'000, 'a')));
}

// Against the plain meaning of the words, over all short names.
TEST(NamePatternTest, PrefixesAreJudgedAsTheirNamesAre) {
  std::mt19937 random(20261124);
  const auto pick = [&](const std::string& letters, size_t most) {
    std::string text;
    for (size_t n = 1 + random() % most; n > 0; --n) text += letters[random() % letters.size()];
    return text;
  };
  std::vector<std::string> tails{""};
  for (size_t from = 0, round = 0; round < 3; ++round) {
    const size_t end = tails.size();
    for (; from < end; ++from) {
      for (char c : {'a', 'b', 'c'}) tails.push_back(tails[from] + c);
    }
  }
  for (int i = 0; i < 3'000; ++i) {
    const NamePattern pattern = Pattern(pick("ab*", 2) + "/" + pick("ab*", 4));
    const std::string prefix = pick("ab", 1) + "/" + (random() % 4 == 0 ? "" : pick("ab", 3));
    bool all = true;
    bool some = false;
    for (const std::string& tail : tails) {
      const bool matches = pattern.Matches(prefix + tail);
      all &= matches;
      some |= matches;
    }
    EXPECT_TRUE(all || !pattern.CoversPrefix(prefix)) << pattern.text() << " " << prefix;
    EXPECT_TRUE(!some || pattern.MeetsPrefix(prefix)) << pattern.text() << " " << prefix;
  }
}

TEST(NameSetTest, EqualSetsHaveEqualTexts) {
  const NameSet one({Pattern("b/*"), Pattern("a/x"), Pattern("b/*")});
  const NameSet other({Pattern("a/x"), Pattern("b/*")});
  EXPECT_EQ(one.text(), "a/x,b/*");
  EXPECT_EQ(one.text(), other.text());
  EXPECT_TRUE(one.Contains("b/y"));
  EXPECT_FALSE(one.Contains("a/y"));
  EXPECT_FALSE(NameSet().Contains("a/x"));
  EXPECT_TRUE(NameSet().empty());
}

}  // namespace
}  // namespace registryd::core
