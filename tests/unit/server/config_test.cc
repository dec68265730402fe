// What flag, environment and file say, and who wins.
#include "registryd/server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/temp_dir.h"

namespace registryd::server {
namespace {

using ::testing::HasSubstr;

class ConfigTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const std::string& name : environment_) unsetenv(name.c_str());
  }
  void Env(const std::string& name, const std::string& value) {
    setenv(name.c_str(), value.c_str(), 1);
    environment_.push_back(name);
  }
  std::string File(const std::string& text) {
    const std::string path = dir_.path() + "/" + std::to_string(++files_) + ".toml";
    std::ofstream(path) << text;
    return path;
  }
  ConfigResult Read(std::vector<std::string> flags) {
    flags.insert(flags.begin(), "registryd");
    std::vector<char*> argv;
    for (std::string& flag : flags) argv.push_back(flag.data());
    ::testing::internal::CaptureStderr();
    ::testing::internal::CaptureStdout();
    config_ = Config();
    const ConfigResult result = ReadConfig(static_cast<int>(argv.size()), argv.data(), &config_);
    out_ = ::testing::internal::GetCapturedStdout();
    error_ = ::testing::internal::GetCapturedStderr();
    return result;
  }

  registryd::testing::TempDir dir_;
  int files_ = 0;
  std::vector<std::string> environment_;
  Config config_;
  std::string out_;
  std::string error_;
};

TEST_F(ConfigTest, DefaultsServeOnLoopback) {
  ASSERT_EQ(Read({}), ConfigResult::kRun) << error_;
  EXPECT_EQ(config_.listen, "127.0.0.1:7400");
  EXPECT_EQ(config_.peer_listen, "127.0.0.1:7401");
  EXPECT_EQ(config_.http_listen, "127.0.0.1:7402");
  EXPECT_EQ(config_.data_dir, "./registry-data");
  EXPECT_FALSE(config_.name.empty());
  EXPECT_FALSE(config_.insecure);
  EXPECT_EQ(config_.remove_after_ms, 60'000);
  EXPECT_EQ(config_.disk_reserve_bytes, 256u << 20);
}

TEST_F(ConfigTest, AFlagIsStrongerThanTheEnvironmentAndThatThanTheFile) {
  const std::string file = File("data-dir = \"/file\"\nname = \"file\"\nremove-after = \"1s\"\n");
  Env("REGISTRYD_DATA_DIR", "/environment");
  Env("REGISTRYD_NAME", "environment");
  ASSERT_EQ(Read({"--config", file, "--data-dir", "/flag"}), ConfigResult::kRun) << error_;
  EXPECT_EQ(config_.data_dir, "/flag");
  EXPECT_EQ(config_.name, "environment");
  EXPECT_EQ(config_.remove_after_ms, 1'000);
}

TEST_F(ConfigTest, TheFileMayBeNamedByTheEnvironment) {
  Env("REGISTRYD_CONFIG", File("name = \"from-file\""));
  ASSERT_EQ(Read({}), ConfigResult::kRun) << error_;
  EXPECT_EQ(config_.name, "from-file");
}

TEST_F(ConfigTest, UnitsAreUnderstoodInAllThreePlaces) {
  ASSERT_EQ(Read({"--remove-after", "2m", "--disk-reserve", "1GiB"}), ConfigResult::kRun) << error_;
  EXPECT_EQ(config_.remove_after_ms, 120'000);
  EXPECT_EQ(config_.disk_reserve_bytes, 1ull << 30);
  ASSERT_EQ(Read({"--config", File("remove-after = \"500ms\"\ndisk-reserve = \"10MiB\"\n"
                                   "log-level = \"debug\"\nlog-format = \"json\"\n")}),
            ConfigResult::kRun)
      << error_;
  EXPECT_EQ(config_.remove_after_ms, 500);
  EXPECT_EQ(config_.disk_reserve_bytes, 10u << 20);
  EXPECT_EQ(config_.log_level, log::Level::kDebug);
  EXPECT_EQ(config_.log_format, log::Format::kJson);
}

TEST_F(ConfigTest, AWrongFileIsRefusedWithItsLine) {
  const std::pair<const char*, const char*> kCases[] = {
      {"name = \"a\"\nno-such-key = 1\n", "line 2: unknown key \"no-such-key\""},
      {"check-config = true\n", "unknown key"},
      {"config = \"x\"\n", "unknown key"},
      {"name = [1, 2]\n", "must be a text, a number or a boolean"},
      {"[listen]\nhost = \"x\"\n", "must be a text, a number or a boolean"},
      {"listen = \"127.0.0.1\"\n", "no port"},
      {"remove-after = \"soon\"\n", "is not a duration"},
      {"log-level = \"loud\"\n", "log-level"},
      {"name = \n", "line 1"},
      {"name = \"a\"\nname = \"b\"\n", "line 2"},
      {"\xff\xfe garbage", ""},
  };
  for (const auto& [text, message] : kCases) {
    EXPECT_EQ(Read({"--config", File(text)}), ConfigResult::kExitUsage) << text;
    EXPECT_THAT(error_, HasSubstr(message)) << text;
  }
  EXPECT_EQ(Read({"--config", dir_.path() + "/absent.toml"}), ConfigResult::kExitUsage);
  EXPECT_THAT(error_, HasSubstr("absent.toml"));
}

TEST_F(ConfigTest, CheckConfigReadsEverythingAndStartsNothing) {
  EXPECT_EQ(Read({"--check-config", "--config", File("name = \"a\"")}), ConfigResult::kExitOk);
  EXPECT_THAT(out_, HasSubstr("good"));
  EXPECT_EQ(Read({"--check-config", "--config", File("nmae = \"a\"")}), ConfigResult::kExitUsage);
  EXPECT_THAT(error_, HasSubstr("nmae"));
}

TEST_F(ConfigTest, BeyondLoopbackItWantsToBeToldSo) {
  for (const std::string flag : {"--listen", "--peer-listen", "--http-listen"}) {
    EXPECT_EQ(Read({flag, "0.0.0.0:7400"}), ConfigResult::kExitUsage) << flag;
    EXPECT_THAT(error_, HasSubstr(flag));
    EXPECT_THAT(error_, HasSubstr("--insecure")) << flag;
  }
  EXPECT_EQ(Read({"--listen", "0.0.0.0:7400", "--insecure"}), ConfigResult::kRun) << error_;
  EXPECT_TRUE(config_.insecure);
  EXPECT_EQ(Read({"--config", File("listen = \"[::]:7400\"\ninsecure = true\n")}),
            ConfigResult::kRun)
      << error_;
  Env("REGISTRYD_INSECURE", "true");
  EXPECT_EQ(Read({"--listen", "0.0.0.0:7400"}), ConfigResult::kRun) << error_;
}

}  // namespace
}  // namespace registryd::server
