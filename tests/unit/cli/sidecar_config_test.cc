// The file of the sidecar: what it may say, and how it is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>

#include "cli/sidecar/config_file.h"
#include "cli/sidecar/local_address.h"
#include "tests/support/temp_dir.h"

namespace registry::cli {
namespace {

using ::testing::HasSubstr;

class SidecarFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<Service>> Read(const std::string& text) {
    const std::string path = dir_.path() + "/sidecar.toml";
    std::ofstream(path) << text;
    return ReadSidecarFile(path, "default");
  }
  registryd::testing::TempDir dir_;
};

TEST_F(SidecarFileTest, DefaultsFillWhatIsLeftOut) {
  const auto services = Read("[[service]]\nname = \"web\"\nport = 8080\n");
  ASSERT_TRUE(services.ok()) << services.status();
  const Service& web = services->front();
  EXPECT_EQ(web.instance.ns, "default");
  EXPECT_EQ(web.instance.id, DefaultInstanceId(8080));
  EXPECT_EQ(web.instance.endpoints[0].host,
            "");  // the address that faces the registry
  EXPECT_EQ(web.instance.endpoints[0].port, 8080u);
  EXPECT_EQ(ToString(web.check.probe), "tcp://localhost:8080");
  EXPECT_FALSE(web.check.once);
}

TEST_F(SidecarFileTest, EveryKeyIsTaken) {
  const auto services = Read(R"([[service]]
name = "shop/web"
id = "w-1"
port = 80
advertise = "[2001:db8::1]:8443"
endpoint = "http"
protocol = "h2"
check = "grpc:shop.Web"
interval = "1s"
timeout = "500ms"
passes = 2
fails = 5
version = "1.2.3"
region = "eu"
zone = "a"
weight = 10
labels = { env = "prod" }

[[service]]
name = "web"
port = 81
advertise = "host"
)");
  ASSERT_TRUE(services.ok()) << services.status();
  ASSERT_EQ(services->size(), 2u);
  const Service& web = services->front();
  EXPECT_EQ(web.key(), "shop/web/w-1");
  EXPECT_EQ(web.instance.endpoints[0],
            (Endpoint{.name = "http", .host = "2001:db8::1", .port = 8443, .protocol = "h2"}));
  EXPECT_EQ(ToString(web.check.probe), "grpc://localhost:80/shop.Web");
  EXPECT_EQ(web.check.probe.timeout, absl::Milliseconds(500));
  EXPECT_EQ(web.check.interval, absl::Seconds(1));
  EXPECT_EQ(web.check.passes, 2);
  EXPECT_EQ(web.check.fails, 5);
  EXPECT_EQ(web.instance.weight, 10u);
  EXPECT_EQ(web.instance.labels.at("env"), "prod");
  EXPECT_EQ((*services)[1].instance.endpoints[0].host, "host");
  EXPECT_EQ((*services)[1].instance.endpoints[0].port, 81u);
}

TEST_F(SidecarFileTest, WrongFilesAreRefusedWithTheLine) {
  const std::string web = "[[service]]\nname = \"web\"\n";
  const std::pair<std::string, const char*> kCases[] = {
      {"", "no [[service]]"},
      {"servers = \"a\"\n", "line 1: unknown key servers"},
      {"[service]\nname = \"web\"\n", "[[service]]"},
      {"service = [1]\n", "[[service]]"},
      {"[[service]]\nport = 1\n", "no service named"},
      {web, "no port"},
      {web + "port = 0\n", "line 3: port: must be a number from 1 to 65535"},
      {web + "port = 70000\n", "line 3: port"},
      {web + "port = \"80\"\n", "line 3: port"},
      {web + "port = 1\nprot = \"x\"\n", "line 4: prot: unknown key"},
      {web + "port = 1\ncheck = \"https:/x\"\n", "no check (unknown kind)"},
      {web + "port = 1\ninterval = \"-1s\"\n", "interval"},
      {web + "port = 1\ntimeout = \"2h\"\n", "timeout"},
      {web + "port = 1\nlabels = \"env\"\n", "must be a table"},
      {web + "port = 1\nlabels = { a = 1 }\n", "every label must be a text"},
      {web + "port = 1\nadvertise = \":::\"\n", "advertise"},
      {web + "port = 1\n" + web + "port = 1\n", "stands twice"},
      {"[[service]\n", "line 1"},
  };
  for (const auto& [text, message] : kCases) {
    const auto services = Read(text);
    ASSERT_EQ(services.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(services.status().message()), HasSubstr(message)) << text;
    EXPECT_THAT(std::string(services.status().message()), HasSubstr("sidecar.toml")) << text;
  }
  EXPECT_FALSE(ReadSidecarFile(dir_.path() + "/absent", "default").ok());
}

}  // namespace
}  // namespace registry::cli
