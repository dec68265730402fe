#include "cli/commands/instance_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace registry::cli {
namespace {

using ::testing::HasSubstr;

constexpr char kEndpoint[] = R"("endpoints":[{"host":"h","port":1}])";

std::string Error(const std::string& json) {
  const auto specs = ParseInstances(json, "default");
  return specs.ok() ? "accepted" : std::string(specs.status().message());
}

TEST(InstanceFileTest, ArrayOrObject) {
  const std::string one = std::string(R"({"service":"web",)") + kEndpoint + "}";
  for (const std::string& json : {"[" + one + "]", R"({"instances":[)" + one + "]}"}) {
    const auto specs = ParseInstances(json, "shop");
    ASSERT_TRUE(specs.ok()) << specs.status();
    ASSERT_EQ(specs->size(), 1U);
    EXPECT_EQ((*specs)[0].ns, "shop");
    EXPECT_EQ((*specs)[0].service, "web");
    EXPECT_EQ((*specs)[0].id, "");
    EXPECT_EQ((*specs)[0].weight, 1U);
    EXPECT_EQ((*specs)[0].endpoints[0], (Endpoint{"default", "h", 1, ""}));
  }
}

TEST(InstanceFileTest, ErrorsNameTheField) {
  EXPECT_THAT(Error("{"), HasSubstr("not JSON"));
  EXPECT_THAT(Error(std::string(100'000, '[')), HasSubstr("not JSON"));
  for (const char* json : {"{}", "[]", "1", R"({"instances":{}})", R"({"instances":[]})"}) {
    EXPECT_THAT(Error(json), HasSubstr("instances: must be an array")) << json;
  }
  EXPECT_THAT(Error("[1]"), HasSubstr("instances[0]: must be an object"));
  EXPECT_THAT(Error(R"([{"service":1}])"), HasSubstr("instances[0].service: must be a string"));
  EXPECT_THAT(Error(R"([{"endpoints":[{"host":"h","port":1}]}])"),
              HasSubstr("instances[0].service: is missing"));
  EXPECT_THAT(Error(R"([{"service":"a"}])"), HasSubstr("instances[0].endpoints: is missing"));
  EXPECT_THAT(Error(R"([{"label":{}}])"), HasSubstr("instances[0].label: unknown key"));
  EXPECT_THAT(Error(R"([{"labels":{"a":1}}])"),
              HasSubstr("instances[0].labels.a: must be a string"));
  EXPECT_THAT(Error(R"([{"labels":[]}])"), HasSubstr("instances[0].labels: must be an object"));
  EXPECT_THAT(Error(R"([{"endpoints":[{"port":1}]}])"), HasSubstr("endpoints[0].host: is missing"));
  EXPECT_THAT(Error(R"([{"endpoints":[{"host":"h"}]}])"),
              HasSubstr("endpoints[0].port: is missing"));
  EXPECT_THAT(Error(R"([{"endpoints":[{"adress":"h"}]}])"),
              HasSubstr("endpoints[0].adress: unknown key"));
  for (const char* port : {"-1", "65536", "1.5", "\"1\"", "1e3", "18446744073709551617"}) {
    EXPECT_THAT(Error(std::string(R"([{"endpoints":[{"port":)") + port + "}]}]"),
                HasSubstr("endpoints[0].port: must be a whole number"))
        << port;
  }
  EXPECT_THAT(Error(R"([{"weight":65536}])"), HasSubstr("instances[0].weight"));
  EXPECT_THAT(Error(R"([{"check":1}])"), HasSubstr("instances[0].check: must be an object"));
  EXPECT_THAT(Error(R"([{"check":{}}])"), HasSubstr("instances[0].check.kind: is missing"));
  EXPECT_THAT(Error(R"([{"check":{"kind":"ping"}}])"), HasSubstr("check.kind: must be tcp"));
  EXPECT_THAT(Error(R"([{"check":{"every":1}}])"), HasSubstr("check.every: unknown key"));
  EXPECT_THAT(Error(R"([{"check":{"interval_ms":-1}}])"),
              HasSubstr("check.interval_ms: must be a whole number"));
}

TEST(InstanceFileTest, ACheckIsReadAsItIsPrinted) {
  const std::string begin = std::string(R"([{"service":"web",)") + kEndpoint + R"(,"check":)";
  const auto none = ParseInstances(begin + "null}]", "default");
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE((*none)[0].check.has_value());
  const auto one = ParseInstances(
      begin + R"({"kind":"grpc","endpoint":"api","path":"my.Service","interval_ms":5000,
                  "timeout_ms":500,"passes":2,"failures":4}}])",
      "default");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ((*one)[0].check, (Check{.kind = CheckKind::kGrpc,
                                    .endpoint = "api",
                                    .path = "my.Service",
                                    .interval_ms = 5'000,
                                    .timeout_ms = 500,
                                    .passes = 2,
                                    .failures = 4}));
}

TEST(InstanceFileTest, ThousandInstancesAndNotOneMore) {
  const std::string one = std::string(R"({"service":"web",)") + kEndpoint + "}";
  std::string json = "[" + one;
  for (int i = 1; i < 1'000; ++i) json += "," + one;
  EXPECT_EQ(ParseInstances(json + "]", "default")->size(), 1'000U);
  EXPECT_THAT(Error(json + "," + one + "]"), HasSubstr("are 1001: one call takes 1,000"));
}

}  // namespace
}  // namespace registry::cli
