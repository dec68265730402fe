// node-semver's ranges: what is chosen, what is refused and where, and the canonical text.
#include "registryd/core/version_range.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "registryd/base/text.h"
#include "registryd/core/limits.h"

namespace registryd::core {
namespace {

VersionRange Parsed(const std::string& text) {
  absl::StatusOr<VersionRange> range = VersionRange::Parse("version_range", text);
  EXPECT_TRUE(range.ok()) << "\"" << text << "\": " << range.status();
  return range.ok() ? *std::move(range) : VersionRange();
}

std::string Error(const std::string& text, const std::string& path = "range") {
  const absl::StatusOr<VersionRange> range = VersionRange::Parse(path, text);
  EXPECT_EQ(range.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(range.status().message());
}

TEST(VersionTest, Parse) {
  const auto version = Version::Parse("1.20.300-rc.1.x-y+build.5");
  ASSERT_TRUE(version);
  EXPECT_EQ(version->major, 1u);
  EXPECT_EQ(version->minor, 20u);
  EXPECT_EQ(version->patch, 300u);
  EXPECT_EQ(version->prerelease, (std::vector<std::string>{"rc", "1", "x-y"}));
  EXPECT_TRUE(Version::Parse("1.2.3+a-b")->prerelease.empty()) << "'-' of the build metadata";
  const std::string n18(18, '9');
  EXPECT_EQ(Version::Parse("0.0." + n18)->patch, 999'999'999'999'999'999u);
  EXPECT_TRUE(Version::Parse("1.0.0-" + n18 + n18)) << "a pre-release is text";
  for (const std::string& text :
       {std::string(""), std::string("1"), std::string("1.2"), std::string("v1.2.3"),
        std::string("1.2.3-01"), "1.0.9" + n18, "9" + n18 + ".0.0", "0.9" + n18 + ".0"}) {
    EXPECT_FALSE(Version::Parse(text)) << text;
  }
}

TEST(VersionTest, Compare) {
  // https://semver.org, section 11, and its neighbours; each is lower than the next one.
  // "-" is a word and so comes behind the numbers.
  const std::vector<std::string> ascending = {"0.0.0-0",
                                              "0.0.0",
                                              "0.0.1",
                                              "0.9.9",
                                              "0.10.0",
                                              "1.0.0-0",
                                              "1.0.0-2",
                                              "1.0.0-10",
                                              "1.0.0-10.0",
                                              "1.0.0--",
                                              "1.0.0-10a",
                                              "1.0.0-A",
                                              "1.0.0-alpha",
                                              "1.0.0-alpha.1",
                                              "1.0.0-alpha.1.0",
                                              "1.0.0-alpha.beta",
                                              "1.0.0-beta",
                                              "1.0.0-beta.2",
                                              "1.0.0-beta.11",
                                              "1.0.0-rc.1",
                                              "1.0.0-rc.99999999999999999998",
                                              "1.0.0-rc.99999999999999999999",
                                              "1.0.0",
                                              "1.0.1",
                                              "1.2.0",
                                              "2.0.0",
                                              "2.1.0",
                                              "2.1.1",
                                              "10.0.0"};
  std::vector<Version> versions;
  for (const std::string& text : ascending) versions.push_back(Version::Parse(text).value());
  for (size_t i = 0; i < versions.size(); ++i) {
    for (size_t j = 0; j < versions.size(); ++j) {
      const int order = Compare(versions[i], versions[j]);
      EXPECT_EQ(order < 0, i < j) << ascending[i] << " " << ascending[j];
      EXPECT_EQ(order > 0, i > j) << ascending[i] << " " << ascending[j];
    }
  }
  EXPECT_EQ(Compare(*Version::Parse("1.0.0+a"), *Version::Parse("1.0.0+b")), 0);
}

struct Case {
  const char* range;
  const char* version;
};

// Of node-semver's range-include.js, without what is not taken here, and of its README.
TEST(VersionRangeTest, Matches) {
  const Case cases[] = {
      {"", "1.0.0"},
      {"", ""},
      {"  ", "1.0.0-rc.1"},
      {"^1.2.3+build", "1.2.3"},
      {"^1.2.3+build", "1.3.0"},
      {"1.0.0", "1.0.0"},
      {"1.0.0", "1.0.0+build"},
      {"1.0.0+a", "1.0.0+b"},
      {">=*", "0.2.4"},
      {"*", "1.2.3"},
      {"x", "1.2.3"},
      {"X.x.*", "0.0.0"},
      {">=1.0.0", "1.0.1"},
      {">=1.0.0", "1.1.0"},
      {">1.0.0", "1.0.1"},
      {"<=2.0.0", "2.0.0"},
      {"<=2.0.0", "1.9999.9999"},
      {"<2.0.0", "0.2.9"},
      {">= 1.0.0", "1.0.0"},
      {">=   1.0.0", "1.1.0"},
      {"<    2.0.0", "1.9999.9999"},
      {"<\t2.0.0", "0.2.9"},
      {">=0.1.97", "0.1.97"},
      {"0.1.20 || 1.2.4", "1.2.4"},
      {">=0.2.3 || <0.0.1", "0.0.0"},
      {">=0.2.3 || <0.0.1", "0.2.4"},
      {"||", "1.3.4"},
      {"2.x.x", "2.1.3"},
      {"1.2.x || 2.x", "2.1.3"},
      {"1.2.x||2.x", "1.2.3"},
      {"2.*.*", "2.1.3"},
      {"1.2.* || 2.*", "1.2.3"},
      {"2", "2.1.2"},
      {"2.3", "2.3.1"},
      {"~0.0.1", "0.0.1"},
      {"~0.0.1", "0.0.2"},
      {"~x", "0.0.9"},
      {"~2", "2.0.9"},
      {"~2.4", "2.4.5"},
      {"~1", "1.2.3"},
      {"~1.0", "1.0.2"},
      {"~ 1.0.3", "1.0.12"},
      {"~1.2.3-beta.2", "1.2.3-beta.4"},
      {"~1.2.3-beta.2", "1.2.9"},
      {">=1", "1.0.0"},
      {"< 1.2", "1.1.1"},
      {"~0.5.4-pre", "0.5.4"},
      {"=0.7.x", "0.7.2"},
      {"<=0.7.x", "0.7.2"},
      {"<=0.7.x", "0.6.2"},
      {">=0.7.x", "0.7.2"},
      {"~1.2.1 >=1.2.3", "1.2.3"},
      {"~1.2.1 1.2.3 >=1.2.3", "1.2.3"},
      {">=1.2.1 >=1.2.3", "1.2.3"},
      {"^1.2.3", "1.8.1"},
      {"^0.1.2", "0.1.9"},
      {"^0.1", "0.1.2"},
      {"^0.0.1", "0.0.1"},
      {"^0.0", "0.0.9"},
      {"^0", "0.9.9"},
      {"^0.x", "0.2.0"},
      {"^1.2.x", "1.4.2"},
      {"^1.2 ^1", "1.4.2"},
      {"^1.2.3-alpha", "1.2.3-pre"},
      {"^1.2.0-alpha", "1.2.0-pre"},
      {"^0.0.1-alpha", "0.0.1-beta"},
      {"^0.0.1-alpha", "0.0.1"},
      {"^0.1.1-alpha", "0.1.1-beta"},
      {"^x", "1.2.3"},
      {"<=7.x", "7.9.9"},
      {">1.2", "1.3.0"},
      {">1", "2.0.0"},
      {"1.2.3-rc.1", "1.2.3-rc.1"},
      {">1.2.3-alpha.3", "1.2.3-alpha.7"},
      {">1.2.3-alpha.3", "3.4.5"},
      {"<=1.2.3-rc.1", "1.2.3-alpha"},
      {"<1.2.3-0", "1.2.2"},
      {"1.2.x-rc.1+b", "1.2.0"},
      {"* || 1.2.3-rc.1", "1.2.3-rc.1"},
      {"1.2.3-rc.1 ||", "4.0.0"},
      {">=0", "0.0.0"},
      {">=1.2 <2 || 3.x", "1.4.2"},
      {">=1.2 <2 || 3.x", "3.9.0"},
      {"999999999999999999", "999999999999999999.0.1"},
      {"^999999999999999999.0.1", "999999999999999999.5.0"},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(Parsed(c.range).Matches(c.version)) << c.range << " and " << c.version;
  }
}

// Of node-semver's range-exclude.js.
TEST(VersionRangeTest, MatchesNot) {
  const Case cases[] = {
      {"^1.2.3+build", "2.0.0"},
      {"^1.2.3+build", "1.2.0"},
      {"^1.2.3", "1.2.3-pre"},
      {"^1.2", "1.2.0-pre"},
      {">1.2", "1.3.0-beta"},
      {"<=1.2.3", "1.2.3-beta"},
      {"^1.2.3", "1.2.3-beta"},
      {"=0.7.x", "0.7.0-asdf"},
      {">=0.7.x", "0.7.0-asdf"},
      {"1.0.0", "1.0.1"},
      {">=1.0.0", "0.0.0"},
      {">=1.0.0", "0.1.0"},
      {">1.0.0", "1.0.0"},
      {"<=2.0.0", "3.0.0"},
      {"<=2.0.0", "2.9999.9999"},
      {"<2.0.0", "2.0.0"},
      {">=0.1.97", "0.1.93"},
      {"0.1.20 || 1.2.4", "1.2.3"},
      {">=0.2.3 || <0.0.1", "0.0.3"},
      {">=0.2.3 || <0.0.1", "0.2.2"},
      {"2.x.x", "1.1.3"},
      {"2.x.x", "3.1.3"},
      {"1.2.x", "1.3.3"},
      {"1.2.x || 2.x", "3.1.3"},
      {"1.2.x || 2.x", "1.1.3"},
      {"2.*.*", "3.1.3"},
      {"2", "1.1.2"},
      {"2.3", "2.4.1"},
      {"~0.0.1", "0.1.0-alpha"},
      {"~0.0.1", "0.1.0"},
      {"~2.4", "2.5.0"},
      {"~2.4", "2.3.9"},
      {"~1", "0.2.3"},
      {"~1", "2.2.3"},
      {"~1.0", "1.1.0"},
      {"~1.2.3-beta.2", "1.2.4-beta.2"},
      {"~1.2.3-beta.2", "1.2.3-beta.1"},
      {"<1", "1.0.0"},
      {"<1", "1.0.0-beta"},
      {">=1.2", "1.1.1"},
      {"~0.5.4-beta", "0.5.4-alpha"},
      {"=0.7.x", "0.8.2"},
      {">=0.7.x", "0.6.2"},
      {"<0.7.x", "0.7.2"},
      {"<=0.7.x", "0.8.0"},
      {"<1.2.3", "1.2.3-beta"},
      {"=1.2.3", "1.2.3-beta"},
      {">1.2", "1.2.8"},
      {">1", "1.9.9"},
      {"^0.0.1", "0.0.2-alpha"},
      {"^0.0.1", "0.0.2"},
      {"^0.0", "0.1.0"},
      {"^0.1.2", "0.2.0"},
      {"^0.1.2", "0.1.1"},
      {"^0", "1.0.0"},
      {"^1.2.3", "2.0.0-alpha"},
      {"^1.2.3", "1.2.2"},
      {"^1.2", "1.1.9"},
      {"^1.0.0", "2.0.0-rc1"},
      {"*", "1.2.3-foo"},
      {"*", ""},
      {"*", "not a version"},
      {"*", "v1.2.3"},
      {"*", "1.2"},
      {">=2", "glorp"},
      {"<*", "0.0.0"},
      {">x", "1.0.0"},
      {"<0", "0.0.0"},
      {">2 <1", "1.5.0"},
      {"1 2", "1.0.0"},
      {">1.2.3-alpha.3", "3.4.5-alpha.9"},
      {">1.2.3-alpha.3", "1.2.3-alpha.3"},
      {"1.2.3-rc.1", "1.2.3"},
      {"<1.2.3-0", "1.2.3-0"},
      {"<1.2.0-0", "1.2.0-0"},
      {">=1.0.0-rc.1 <2", "1.5.0-rc.1"},
      {"1.2.x-rc.1", "1.2.0-rc.1"},
      {"* || 1.2.3-rc.1", "1.2.4-rc.1"},
      {">=0", "0.0.0-0"},
      {"<=999999999999999999", "1.0.0-rc.1"},
  };
  for (const Case& c : cases) {
    EXPECT_FALSE(Parsed(c.range).Matches(c.version)) << c.range << " and " << c.version;
  }
}

TEST(VersionRangeTest, Canonical) {
  const struct {
    const char* text;
    const char* canonical;
  } cases[] = {
      {"", ""},
      {" ", ""},
      {"*", "*"},
      {"||", "*"},
      {" || x || >=0.0.0", "*"},
      {"^* ~x >=0", "*"},
      {"* 1", "1"},
      {"1 || *", "||1"},
      {"<*", "<0"},
      {">*", "<0"},
      {"<0", "<0"},
      {"<0.0.0-0", "<0"},
      {"1", "1"},
      {"1.x", "1"},
      {"1.*.X", "1"},
      {"=1", "1"},
      {"~1", "1"},
      {"^1", "1"},
      {"^1.0", "1"},
      {"^1.0.0", "1"},
      {"~1.0", "1.0"},
      {"1.0", "1.0"},
      {"~1.0.0", "1.0"},
      {"1.2.x", "1.2"},
      {"~1.2.0", "1.2"},
      {"^1.2.x", "^1.2"},
      {"^1.2.0", "^1.2"},
      {"^ 1.2.3", "^1.2.3"},
      {"^1.2.3-rc.1+b", "^1.2.3-rc.1"},
      {"^1.0.0-rc.1", "^1.0.0-rc.1"},
      {"~1.2.3", "~1.2.3"},
      {"~1.2.0-0", "~1.2.0-0"},
      {"^0", "0"},
      {"^0.0", "0.0"},
      {"^0.2", "0.2"},
      {"^0.2.3", "~0.2.3"},
      {"^0.0.0", "^0.0.0"},
      {"^0.0.3-a", "^0.0.3-a"},
      {"=1.2.3", "1.2.3"},
      {"= 1.2.3+b", "1.2.3"},
      {">= 1.0.0", ">=1"},
      {">=1.2.0", ">=1.2"},
      {">=1.2.0-0", ">=1.2.0-0"},
      {">1.x", ">1"},
      {">1.0.0", ">1.0.0"},
      {">=2", ">=2"},
      {"<2", "<2"},
      {"<2.0.0-0", "<2"},
      {"<2.1.0-0", "<2.1"},
      {"<2.0.1-0", "<2.0.1-0"},
      {"<2.0.0", "<2.0.0"},
      {"<=2.x", "<=2"},
      {"<=2.1.0", "<=2.1.0"},
      {"<=999999999999999999", "<=999999999999999999"},
      {">1.999999999999999999", ">1.999999999999999999"},
      {"<2 >=1.2", "<2 >=1.2"},
      {">=1.2   <2 <2.0.0-0", "<2 >=1.2"},
      {"3.x || >=1.2.0 <2", "3||<2 >=1.2"},
      {"2||1||2.x", "1||2"},
      {"1.2.3 || 1.2.3+b", "1.2.3"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Parsed(c.text).Canonical(), c.canonical) << c.text;
    EXPECT_EQ(Parsed(c.canonical).Canonical(), c.canonical);
    EXPECT_EQ(Parsed(c.text).empty(), std::string(c.canonical).empty()) << c.text;
    EXPECT_LE(Parsed(c.text).Canonical().size(), std::string(c.text).size()) << c.text;
  }
}

TEST(VersionRangeTest, Errors) {
  const std::string expected = "expected a version such as 1, 1.2, 1.x or 1.2.3-rc.1, is ";
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"v1", "column 1: " + expected + "\"v1\""},
      {">v1.2.3", "column 2: " + expected + "\"v1.2.3\""},
      {"latest", "column 1: " + expected + "\"latest\""},
      {">", "column 2: " + expected + "\"\""},
      {">= ", "column 4: " + expected + "\"\""},
      {"^", "column 2: " + expected + "\"\""},
      {"> || 1", "column 3: " + expected + "\"\""},
      {"==1", "column 2: " + expected + "\"\""},
      {"=>1", "column 2: " + expected + "\"\""},
      {"<>1", "column 2: " + expected + "\"\""},
      {"~>1", "column 2: " + expected + "\"\""},
      {"^~1", "column 2: " + expected + "\"\""},
      {"> = 1", "column 3: " + expected + "\"\""},
      {"!1", "column 1: " + expected + "\"!1\""},
      {"1.2 - 2.0", "column 5: " + expected + "\"-\""},
      {"1,2", "column 1: " + expected + "\"1,2\""},
      {"1.", "column 1: " + expected + "\"1.\""},
      {".1", "column 1: " + expected + "\".1\""},
      {".", "column 1: " + expected + "\".\""},
      {"1..2", "column 1: " + expected + "\"1..2\""},
      {"1.2.", "column 1: " + expected + "\"1.2.\""},
      {"1.2.3.", "column 1: " + expected + "\"1.2.3.\""},
      {"1.2.3.4", "column 1: " + expected + "\"1.2.3.4\""},
      {"1.2.x.x", "column 1: " + expected + "\"1.2.x.x\""},
      {"1.x.3", "column 1: " + expected + "\"1.x.3\""},
      {"*.1", "column 1: " + expected + "\"*.1\""},
      {"01", "column 1: " + expected + "\"01\""},
      {"1.02", "column 1: " + expected + "\"1.02\""},
      {"1.2.03", "column 1: " + expected + "\"1.2.03\""},
      {"1.xx", "column 1: " + expected + "\"1.xx\""},
      {"1.2a", "column 1: " + expected + "\"1.2a\""},
      {"1-rc.1", "column 1: " + expected + "\"1-rc.1\""},
      {"1.2-rc.1", "column 1: " + expected + "\"1.2-rc.1\""},
      {"1.x-rc.1", "column 1: " + expected + "\"1.x-rc.1\""},
      {"1.2+b", "column 1: " + expected + "\"1.2+b\""},
      {"1.2.3-", "column 1: " + expected + "\"1.2.3-\""},
      {"1.2.3-01", "column 1: " + expected + "\"1.2.3-01\""},
      {"1.2.3-a..b", "column 1: " + expected + "\"1.2.3-a..b\""},
      {"1.2.3-a_b", "column 1: " + expected + "\"1.2.3-a_b\""},
      {"1.2.3+", "column 1: " + expected + "\"1.2.3+\""},
      {"1.2.x-", "column 1: " + expected + "\"1.2.x-\""},
      {"1.2.x-01", "column 1: " + expected + "\"1.2.x-01\""},
      {"-1", "column 1: " + expected + "\"-1\""},
      {"+1", "column 1: " + expected + "\"+1\""},
      {"-", "column 1: " + expected + "\"-\""},
      {"1 and 2", "column 3: " + expected + "\"and\""},
      {">=1.2 <2 || 3.y", "column 13: " + expected + "\"3.y\""},
      {"|", "column 1: " + expected + "\"\""},
      {"|||", "column 3: " + expected + "\"\""},
      {"1 | 2", "column 3: " + expected + "\"\""},
      {std::string("1\0", 2), "column 1: " + expected + "\"1\\x00\""},
      {"1\xff", "column 1: " + expected + "\"1\\xff\""},
      {"1000000000000000000", "column 1: " + expected + "\"1000000000000000000\""},
      {"0.0.1000000000000000000", "column 1: " + expected + "\"0.0.1000000000000000000\""},
      {">=1.2<2", "column 6: expected a space, \"||\" or the end after the version \"1.2\""},
      {"1|2", "column 2: expected a space, \"||\" or the end after the version \"1\""},
      {"1^2", "column 2: expected a space, \"||\" or the end after the version \"1\""},
      {"1.2.3=", "column 6: expected a space, \"||\" or the end after the version \"1.2.3\""},
      {"*>1", "column 2: expected a space, \"||\" or the end after the version \"*\""},
  };
  for (const auto& c : cases) EXPECT_EQ(Error(c.text), "range: " + c.message) << c.text;
  EXPECT_EQ(Error("v1", ""), "column 1: " + expected + "\"v1\"") << "the top level has no path";
  EXPECT_EQ(Error(" v1", "filters[1].version_range"),
            "filters[1].version_range: column 2: " + expected + "\"v1\"");
}

TEST(VersionRangeTest, Limits) {
  std::string sixteen;
  for (int i = 10; i < 26; ++i) sixteen += Text(i == 10 ? "" : i % 2 == 0 ? "||" : " ", ">", i);
  EXPECT_EQ(Parsed(sixteen).Canonical().size(), sixteen.size()) << "no comparator is lost";
  EXPECT_EQ(Error(sixteen + " 1"),
            Text("range: column ", sixteen.size() + 2, ": at most 16 comparators are allowed"));
  EXPECT_EQ(Error("1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
            "range: column 33: at most 16 comparators are allowed")
      << "repetitions count, too";

  const std::string longest = "^1.2.3-" + std::string(249, 'a');
  ASSERT_EQ(longest.size(), limits::kVersionRangeSize);
  EXPECT_EQ(Parsed(longest).Canonical(), longest);
  EXPECT_EQ(Error(longest + "a"), "range: must be at most 256 bytes, is 257");
  EXPECT_EQ(Parsed(std::string(256, '|')).Canonical(), "*");
}

}  // namespace
}  // namespace registryd::core
