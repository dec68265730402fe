#include "client/src/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "registry/admin.h"

namespace registry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Sets or removes an environment variable for one test.
class ScopedEnvironment {
 public:
  ScopedEnvironment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    Set(value);
  }
  ~ScopedEnvironment() { Set(before_ ? before_->c_str() : nullptr); }
  ScopedEnvironment(const ScopedEnvironment&) = delete;
  ScopedEnvironment& operator=(const ScopedEnvironment&) = delete;

 private:
  void Set(const char* value) {
    if (value == nullptr) {
      unsetenv(name_);
    } else {
      setenv(name_, value, 1);
    }
  }

  const char* name_;
  std::optional<std::string> before_;
};

TEST(ParseServers, FillsInThePort) {
  const auto servers = ParseServers("a, b.example-1:7401 ,[::1],[fe80::1]:80");
  ASSERT_TRUE(servers.ok()) << servers.status();
  EXPECT_THAT(*servers, ElementsAre("a:7400", "b.example-1:7401", "[::1]:7400", "[fe80::1]:80"));
}

TEST(ParseServers, KeepsOneOfEqualServers) {
  const auto servers = ParseServers("a,b,a:7400,a:07400");
  ASSERT_TRUE(servers.ok()) << servers.status();
  EXPECT_THAT(*servers, ElementsAre("a:7400", "b:7400"));
}

TEST(ParseServers, NamesTheBadPart) {
  for (const std::string bad : {"",
                                "a,,b",
                                "a:",
                                "a:0",
                                "a:65536",
                                "a:-1",
                                "a:+1",
                                "a:7x",
                                "a:99999999999999999999",
                                ":7400",
                                "::1",
                                "fe80::1:7400",
                                "[::1",
                                "[::1]7400",
                                "[]:1",
                                "[a]:1",
                                "[1.2.3.4]:1",
                                "a b",
                                "unix:/tmp/x",
                                "dns:///",
                                "dns://a",
                                "http://a:1",
                                "a/b",
                                "user@a"}) {
    const auto servers = ParseServers(bad);
    EXPECT_EQ(servers.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(servers.status().message()), HasSubstr("servers: ")) << bad;
  }
  EXPECT_THAT(std::string(ParseServers("a,b:0").status().message()), HasSubstr("\"b:0\""));
}

TEST(ParseServers, TakesAtMostSixteen) {
  std::string servers = "h0";
  for (int i = 1; i < 16; ++i) servers += ",h" + std::to_string(i);
  EXPECT_TRUE(ParseServers(servers).ok());
  EXPECT_FALSE(ParseServers(servers + ",h16").ok());
}

TEST(CheckOptions, TakesServersFromTheEnvironmentWhereNoneAreGiven) {
  ScopedEnvironment environment("REGISTRY_SERVER", "e1,e2:1");
  EXPECT_THAT(CheckOptions({})->servers, ElementsAre("e1:7400", "e2:1"));
  EXPECT_THAT(CheckOptions({.servers = {"g"}})->servers, ElementsAre("g:7400"));
}

TEST(CheckOptions, HasADefaultServer) {
  ScopedEnvironment environment("REGISTRY_SERVER", nullptr);
  EXPECT_THAT(CheckOptions({})->servers, ElementsAre("127.0.0.1:7400"));
  ScopedEnvironment empty("REGISTRY_SERVER", "");
  EXPECT_THAT(CheckOptions({})->servers, ElementsAre("127.0.0.1:7400"));
}

TEST(CheckOptions, NamesTheEnvironmentVariable) {
  ScopedEnvironment environment("REGISTRY_SERVER", "x:y");
  const auto options = CheckOptions({});
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(options.status().message()), HasSubstr("REGISTRY_SERVER"));
  EXPECT_EQ(Client::Create().status(), options.status());
  EXPECT_EQ(Admin::Create().status(), options.status());
}

TEST(CheckOptions, RefusesTimesAndNamesThatCannotBe) {
  const auto code = [](absl::Duration timeout, const std::string& name) {
    return CheckOptions({.servers = {"a"}, .timeout = timeout, .name = name}).status().code();
  };
  EXPECT_EQ(code(absl::Milliseconds(1), "web"), absl::StatusCode::kOk);
  EXPECT_EQ(code(absl::InfiniteDuration(), std::string(128, 'x')), absl::StatusCode::kOk);
  EXPECT_EQ(code(absl::ZeroDuration(), "web"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(-absl::InfiniteDuration(), "web"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(absl::Seconds(1), ""), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(absl::Seconds(1), "a\nb"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(absl::Seconds(1), std::string(129, 'x')), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace registry
