#include "cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace registry::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(ServiceNameTest, DefaultNamespaceOrItsOwn) {
  EXPECT_EQ(ParseServiceName("web", "shop")->ns, "shop");
  EXPECT_EQ(ParseServiceName("web", "shop")->service, "web");
  EXPECT_EQ(ParseServiceName("pay/web", "shop")->ns, "pay");
  EXPECT_EQ(ParseServiceName("pay/web", "shop")->service, "web");
  for (const char* bad : {"", "/", "/web", "web/", "a/b/c"}) {
    EXPECT_FALSE(ParseServiceName(bad, "default").ok()) << bad;
  }
}

TEST(InstanceNameTest, TwoOrThreeParts) {
  const InstanceRef two = *ParseInstanceName("web/i-1", "default");
  EXPECT_EQ(two.ns, "default");
  EXPECT_EQ(InstanceName(two), "web/i-1");
  const InstanceRef three = *ParseInstanceName("shop/web/i:1", "default");
  EXPECT_EQ(three.ns, "shop");
  EXPECT_EQ(three.service, "web");
  EXPECT_EQ(three.id, "i:1");
  EXPECT_EQ(InstanceName(three), "shop/web/i:1");
  for (const char* bad : {"", "web", "web/", "/i-1", "a//b", "a/b/c/d"}) {
    EXPECT_FALSE(ParseInstanceName(bad, "default").ok()) << bad;
  }
}

TEST(EndpointTest, NameProtocolAndAddress) {
  const Endpoint plain = *ParseEndpoint("10.0.0.1:80");
  EXPECT_EQ(plain, (Endpoint{"default", "10.0.0.1", 80, ""}));
  const Endpoint six = *ParseEndpoint("api/grpc=[fe80::1]:65535");
  EXPECT_EQ(six, (Endpoint{"api", "fe80::1", 65'535, "grpc"}));
}

TEST(EndpointTest, TextIsWhatWasParsed) {
  for (const char* text : {"10.0.0.1:80", "http=host.internal:1", "api/grpc=[fe80::1]:65535",
                           "default/h2=a:1", "[::1]:5"}) {
    EXPECT_EQ(EndpointText(*ParseEndpoint(text)), text);
  }
}

TEST(EndpointTest, EveryWrongFormIsRefused) {
  for (const char* bad : {"",
                          "host",
                          "host:",
                          ":80",
                          "host:0",
                          "host:65536",
                          "host:8o",
                          "host:+80",
                          "host: 80",
                          "host:80 ",
                          "=host:80",
                          "/tcp=host:80",
                          "http/=host:80",
                          "http=",
                          "http=host",
                          "::1:80",
                          "[::1]",
                          "[::1]80",
                          "[]:80",
                          "[host]:80",
                          "a=b=c:80",
                          "ho st:80",
                          "host:18446744073709551617"}) {
    EXPECT_FALSE(ParseEndpoint(bad).ok()) << bad;
  }
  EXPECT_THAT(ParseEndpoint("http=host").status().ToString(),
              HasSubstr("\"host\" is no address: write HOST:PORT"));
}

TEST(EndpointsTest, NamesDiffer) {
  EXPECT_EQ(ParseEndpoints({"a=h:1", "b=h:1"})->size(), 2U);
  EXPECT_THAT(ParseEndpoints({"h:1", "h:2"}).status().ToString(),
              HasSubstr("--endpoint \"default\" is given twice"));
}

TEST(LabelsTest, FirstEqualsSignDivides) {
  EXPECT_THAT(*ParseLabels({"b=", "a=b=c"}), ElementsAre(Pair("a", "b=c"), Pair("b", "")));
  EXPECT_FALSE(ParseLabels({"a"}).ok());
  EXPECT_FALSE(ParseLabels({"=a"}).ok());
  EXPECT_FALSE(ParseLabels({""}).ok());
  EXPECT_FALSE(ParseLabels({"a=1", "a=2"}).ok());
}

TEST(DurationTest, PositiveFiniteAndWithUnit) {
  EXPECT_EQ(*ParsePositiveDuration("5s"), absl::Seconds(5));
  EXPECT_EQ(*ParsePositiveDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParsePositiveDuration("1m30s"), absl::Seconds(90));
  for (const char* bad : {"", "5", "0s", "-1s", "inf", "s", "5 s", "5x"}) {
    EXPECT_FALSE(ParsePositiveDuration(bad).ok()) << bad;
  }
}

TEST(NumberTest, WithinItsBoundsAndNothingElse) {
  EXPECT_EQ(*ParseNumber("010", 0, 10), 10U);  // decimal, not octal
  EXPECT_EQ(*ParseNumber("18446744073709551615", 0, UINT64_MAX), UINT64_MAX);
  for (const char* bad : {"", "-1", "+1", " 1", "0x1", "11", "18446744073709551616"}) {
    EXPECT_FALSE(ParseNumber(bad, 0, 10).ok()) << bad;
  }
  EXPECT_FALSE(ParseNumber("0", 1, 10).ok());
}

}  // namespace
}  // namespace registry::cli
