#include "registryd/core/grammar.h"

#include <gtest/gtest.h>

#include <string>

namespace registryd::core {
namespace {

// The lists of https://semver.org's own regular expression tests.
TEST(GrammarTest, SemVer) {
  for (const char* text : {"0.0.4",
                           "1.2.3",
                           "10.20.30",
                           "1.1.2-prerelease+meta",
                           "1.1.2+meta",
                           "1.1.2+meta-valid",
                           "1.0.0-alpha",
                           "1.0.0-beta",
                           "1.0.0-alpha.beta",
                           "1.0.0-alpha.beta.1",
                           "1.0.0-alpha.1",
                           "1.0.0-alpha0.valid",
                           "1.0.0-alpha.0valid",
                           "1.0.0-rc.1+build.1",
                           "2.0.0-rc.1+build.123",
                           "1.2.3-beta",
                           "10.2.3-DEV-SNAPSHOT",
                           "1.2.3-SNAPSHOT-123",
                           "1.0.0",
                           "2.0.0",
                           "1.1.7",
                           "2.0.0+build.1848",
                           "2.0.1-alpha.1227",
                           "1.0.0-alpha+beta",
                           "1.2.3----RC-SNAPSHOT.12.9.1--.12+788",
                           "1.2.3----R-S.12.9.1--.12+meta",
                           "1.2.3----RC-SNAPSHOT.12.9.1--.12",
                           "1.0.0+0.build.1-rc.10000aaa-kk-0.1",
                           "99999999999999999999999.999999999999999999.99999999999999999",
                           "1.0.0-0A.is.legal"}) {
    EXPECT_TRUE(IsSemVer(text)) << text;
  }
  for (const char* text : {"",
                           "1",
                           "1.2",
                           "1.2.3-0123",
                           "1.2.3-0123.0123",
                           "1.1.2+.123",
                           "+invalid",
                           "-invalid",
                           "-invalid+invalid",
                           "-invalid.01",
                           "alpha",
                           "alpha.beta",
                           "alpha.beta.1",
                           "alpha.1",
                           "alpha+beta",
                           "alpha_beta",
                           "alpha.",
                           "alpha..",
                           "beta",
                           "1.0.0-alpha_beta",
                           "-alpha.",
                           "1.0.0-alpha..",
                           "1.0.0-alpha..1",
                           "1.0.0-alpha...1",
                           "01.1.1",
                           "1.01.1",
                           "1.1.01",
                           "1.2",
                           "1.2.3.DEV",
                           "1.2-SNAPSHOT",
                           "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788",
                           "1.2-RC-SNAPSHOT",
                           "-1.0.3-gamma+b7718",
                           "+justmeta",
                           "9.8.7+meta+meta",
                           "9.8.7-whatever+meta+meta",
                           "v1.2.3",
                           "1.2.3.4",
                           "1.2.3 ",
                           " 1.2.3",
                           "1..3",
                           "1.2.3-",
                           "1.2.3+",
                           "1.2.3-+b"}) {
    EXPECT_FALSE(IsSemVer(text)) << text;
  }
}

TEST(GrammarTest, Host) {
  const std::string label(63, 'a');
  for (const std::string& text :
       {std::string("10.0.0.1"), std::string("0.0.0.0"), std::string("255.255.255.255"),
        std::string("::1"), std::string("::"), std::string("fd00::10.0.0.1"),
        std::string("2001:db8:0:0:0:0:0:1"), std::string("localhost"), std::string("a"),
        std::string("web-1.example.com"), std::string("3com.com"), std::string("1a"), label,
        std::string("10.0.0.1.nip.io")}) {
    EXPECT_TRUE(IsHost(text)) << text;
  }
  for (const std::string& text : {std::string(""),
                                  std::string("10.0.0.256"),
                                  std::string("10.0.0"),
                                  std::string("1"),
                                  std::string("010.0.0.1"),
                                  std::string("1.2.3.4.5"),
                                  std::string("[::1]"),
                                  std::string("fe80::1%eth0"),
                                  std::string(":::"),
                                  std::string("1:2:3:4:5:6:7:8:9"),
                                  std::string("-web"),
                                  std::string("web-"),
                                  std::string("a..b"),
                                  std::string(".a"),
                                  std::string("a."),
                                  std::string("a_b"),
                                  std::string("a b"),
                                  std::string("caf\u00e9"),
                                  std::string("http://a"),
                                  std::string("a:80"),
                                  label + "a",
                                  std::string("a\0b", 3),
                                  std::string("10.0.0.1\0", 9)}) {
    EXPECT_FALSE(IsHost(text)) << text;
  }
}

TEST(GrammarTest, Printable) {
  for (const char* text : {"", " ~", "\u00a0", "\u00e9", "\u07ff", "\u0800", "\ud7ff", "\ue000",
                           "\uffff", "\U00010000", "\U0010ffff"}) {
    EXPECT_TRUE(IsPrintable(text)) << text;
  }
  for (const std::string& text :
       {std::string("\0", 1), std::string("\x1f"), std::string("\x7f"), std::string("\x80"),
        std::string("\xc2\x80"), std::string("\xc2\x9f"), std::string("\xc2"),
        std::string("\xc0\x80"), std::string("\xc1\xbf"), std::string("\xe0\x9f\xbf"),
        std::string("\xe2\x82"), std::string("\xed\xa0\x80"), std::string("\xed\xbf\xbf"),
        std::string("\xf0\x8f\xbf\xbf"), std::string("\xf4\x90\x80\x80"),
        std::string("\xf5\x80\x80\x80"), std::string("\xff"), std::string("a\xe2\x28\xa1"),
        std::string("\xf0\x9f\x98")}) {
    EXPECT_FALSE(IsPrintable(text)) << Quoted(text);
  }
}

TEST(GrammarTest, Quoted) {
  EXPECT_EQ(Quoted(""), "\"\"");
  EXPECT_EQ(Quoted("caf\u00e9"), "\"caf\u00e9\"");
  EXPECT_EQ(Quoted("a\r\n\x1b\xff"), "\"a\\x0d\\x0a\\x1b\\xff\"");
  EXPECT_EQ(Quoted(std::string(64, 'x')), "\"" + std::string(64, 'x') + "\"");
  EXPECT_EQ(Quoted(std::string(65, 'x')), "\"" + std::string(64, 'x') + "...\"");
  EXPECT_EQ(Quoted(std::string(63, 'x') + "\u00e9"), "\"" + std::string(63, 'x') + "...\"")
      << "no character is cut in two";
}

}  // namespace
}  // namespace registryd::core
