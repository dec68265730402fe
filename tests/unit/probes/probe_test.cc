// What people write for a check, and what it means.
#include "client/probes/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace registry::probes {
namespace {

using ::testing::HasSubstr;

constexpr char kV6[] = "2001:db8::1";

TEST(ParseProbe, ReadsEachForm) {
  const ProbeTarget web{.host = "10.0.0.7", .port = 8080};
  const struct {
    const char* text;
    const char* means;
  } kCases[] = {
      {"http:/health", "http://10.0.0.7:8080/health"},
      {"http", "http://10.0.0.7:8080/"},
      {"http:/a?b=c:d", "http://10.0.0.7:8080/a?b=c:d"},
      {"http://:8081/health", "http://10.0.0.7:8081/health"},
      {"http://localhost/health", "http://localhost:8080/health"},
      {"http://[::1]:9000", "http://[::1]:9000/"},
      {"tcp", "tcp://10.0.0.7:8080"},
      {"tcp://db:5432", "tcp://db:5432"},
      {"tcp://:5432", "tcp://10.0.0.7:5432"},
      {"grpc", "grpc://10.0.0.7:8080"},
      {"grpc:shop.Cart", "grpc://10.0.0.7:8080/shop.Cart"},
      {"grpc://[2001:db8::1]:50051/shop.Cart", "grpc://[2001:db8::1]:50051/shop.Cart"},
      {"process:4711", "process:4711"},
  };
  for (const auto& [text, means] : kCases) {
    const auto probe = ParseProbe(text, web);
    ASSERT_TRUE(probe.ok()) << text << ": " << probe.status();
    EXPECT_EQ(ToString(*probe), means) << text;
    // What is shown is a form too, and means the same.
    const auto again = ParseProbe(ToString(*probe));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, *probe) << text;
  }
  EXPECT_EQ(ParseProbe("tcp", {.host = kV6, .port = 1})->host, kV6);
}

TEST(ParseProbe, RefusesTheRestAndSaysWhatToWrite) {
  const char* kBad[] = {"",
                        "https://x:1/",
                        "http:health",
                        "http:/a b",
                        "http:/a\r\nX: y",
                        "http:/\xc3\xa4",
                        "http://h:0/",
                        "http://h:70000/",
                        "http://h:-1/",
                        "http://h:80x/",
                        "http://[::1/",
                        "http://user@h:1/",
                        "tcp:80",
                        "tcp://h:1/x",
                        "grpc:a b",
                        "process:",
                        "process:0",
                        "process:-1",
                        "process:12x",
                        "process:99999999999999999999"};
  for (const char* text : kBad) {
    const auto probe = ParseProbe(text, {.host = "h", .port = 1});
    ASSERT_EQ(probe.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(probe.status().message()), HasSubstr("http://HOST:PORT/PATH")) << text;
  }
  EXPECT_THAT(std::string(ParseProbe("tcp").status().message()), HasSubstr("no host"));
  EXPECT_THAT(std::string(ParseProbe("tcp", {.host = "h"}).status().message()),
              HasSubstr("no port"));
}

TEST(ValidateProbe, LimitsTheTimeout) {
  Probe probe{.host = "h", .port = 1};
  EXPECT_TRUE(ValidateProbe(probe).ok());
  for (const absl::Duration timeout :
       {absl::ZeroDuration(), -absl::Seconds(1), absl::Hours(2), absl::InfiniteDuration()}) {
    probe.timeout = timeout;
    EXPECT_FALSE(ValidateProbe(probe).ok()) << timeout;
  }
}

}  // namespace
}  // namespace registry::probes
