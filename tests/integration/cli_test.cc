// registry-cli against the real daemon: the everyday commands, and promise G10 through this door.

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/daemon.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"

namespace registryd::testing {
namespace {

class CliTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(daemon_.Start()) << daemon_.Log(); }

  Finished Cli(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), BinDir() + "/registry-cli");
    return RunProgram(arguments, {{"REGISTRY_SERVER", daemon_.address()}}, dir_.path());
  }

  std::string State() {
    Stubs stubs(daemon_.address());
    registry::v1::StatusResponse status;
    EXPECT_TRUE(stubs.Status(&status).ok());
    std::string state = "revision " + std::to_string(status.info().revision()) + " digest " +
                        std::to_string(status.members(0).digest()) + " leases " +
                        std::to_string(status.leases()) + "\n";
    for (const auto& [name, instance] : stubs.AllInstances()) state += instance.DebugString();
    return state;
  }

  TempDir dir_;
  Daemon daemon_{dir_.path() + "/data"};
};

TEST_F(CliTest, RegisterLookUpDrainDeregister) {
  const Finished registered = Cli({"register", "web", "--id", "i-1", "--endpoint",
                                   "http=10.0.0.1:8080", "--label", "env=prod", "--permanent"});
  EXPECT_EQ(registered.exit, 0) << registered.err;
  EXPECT_NE(registered.out.find("web/i-1"), std::string::npos) << registered.out;
  const Finished found = Cli({"lookup", "web", "--format", "{{host}}:{{port}}"});
  EXPECT_EQ(found.exit, 0) << found.err;
  EXPECT_EQ(found.out, "10.0.0.1:8080\n");
  EXPECT_EQ(Cli({"set-health", "web/i-1", "draining"}).exit, 0);
  EXPECT_EQ(Cli({"lookup", "web"}).exit, 3) << "a draining instance is not served";
  EXPECT_EQ(Cli({"deregister", "web/i-1"}).exit, 0);
  EXPECT_EQ(Cli({"deregister", "web/i-1"}).exit, 3);
}

TEST_F(CliTest, StatusNamesTheLeader) {
  const Finished status = Cli({"status", "-o", "json"});
  EXPECT_EQ(status.exit, 0) << status.err;
  EXPECT_NE(status.out.find("\"leader\""), std::string::npos) << status.out;
}

TEST_F(CliTest, BenchMeasuresAndLeavesNothingBehind) {
  ASSERT_EQ(
      Cli({"register", "web", "--id", "i-1", "--endpoint", "10.0.0.1:80", "--permanent"}).exit, 0);
  for (const char* workload : {"lookup", "register", "watch"}) {
    const Finished bench =
        Cli({"bench", workload, "load", "--duration", "300ms", "--rate", "200", "-o", "json"});
    EXPECT_EQ(bench.exit, 0) << bench.err;
    EXPECT_NE(bench.out.find("\"errors\":0"), std::string::npos) << bench.out;
    EXPECT_EQ(bench.out.find("\"calls\":0,"), std::string::npos) << bench.out;
  }
  Stubs stubs(daemon_.address());
  EXPECT_EQ(stubs.AllInstances().size(), 1u) << "only web/i-1 is there";
  for (const char* workload : {"register", "watch"}) {
    const Finished refused = Cli({"bench", workload, "web"});
    EXPECT_EQ(refused.exit, 1) << "instances that serve are not in danger";
    EXPECT_NE(refused.err.find("default/web"), std::string::npos) << refused.err;
  }
}

TEST_F(CliTest, NoDaemonIsExitCode4) {
  const std::string address = daemon_.address();
  EXPECT_EQ(daemon_.Stop(), 0) << daemon_.Log();
  const Finished status = Cli({"--timeout", "300ms", "status"});
  EXPECT_EQ(status.exit, 4);
  EXPECT_NE(status.err.find(address), std::string::npos) << status.err;
}

TEST_F(CliTest, G10BadInputIsRefusedByNameAndChangesNothing) {
  ASSERT_EQ(
      Cli({"register", "web", "--id", "i-1", "--endpoint", "10.0.0.1:80", "--permanent"}).exit, 0);
  std::ofstream(dir_.path() + "/bad.json")
      << R"([{"service":"good","id":"a","endpoints":[{"name":"http","host":"10.0.0.1","port":80}]},
             {"service":"good","id":"b","endpoints":[{"name":"http","host":"10.0.0.1","port":70000}]}])";
  struct Case {
    std::vector<std::string> arguments;
    int exit;           // 1: the registry refuses; 2: the command line is wrong; 3: not there
    std::string words;  // what the message must contain
  };
  const std::string address = "10.0.0.1:80";
  const std::vector<Case> cases = {
      {{"register", "we b", "--endpoint", address}, 1, "instances[0].service"},
      {{"register", std::string(64, 'a'), "--endpoint", address}, 1, "instances[0].service"},
      {{"register", "", "--endpoint", address}, 2, "service"},
      {{"register", "good", "--id", "a b", "--endpoint", address}, 1, "instances[0].id"},
      {{"register", "good", "--id", std::string(129, 'a'), "--endpoint", address},
       1,
       "instances[0].id"},
      {{"register", "good"}, 2, "endpoint"},
      {{"register", "good", "--endpoint", "10.0.0.1"}, 2, "10.0.0.1"},
      {{"register", "good", "--endpoint", "10.0.0.1:0"}, 2, "10.0.0.1:0"},
      {{"register", "good", "--endpoint", "10.0.0.1:70000"}, 2, "10.0.0.1:70000"},
      {{"register", "good", "--endpoint", address, "--ttl", "-1s"}, 2, "--ttl"},
      {{"register", "good", "--endpoint", address, "--ttl", "1ms"}, 1, "lease.ttl_ms"},
      {{"register", "good", "--endpoint", address, "--ttl", "1000h"}, 1, "lease.ttl_ms"},
      {{"register", "good", "--endpoint", address, "--weight", "70000"}, 2, "--weight"},
      {{"register", "good", "--endpoint", address, "--version", "one"}, 1, "instances[0].version"},
      {{"register", "-f", "bad.json"}, 2, "instances[1].endpoints[0].port"},
      {{"register", "-f", "absent.json"}, 2, "absent.json"},
      {{"deregister", "web/nobody"}, 3, "web/nobody"},
      {{"deregister", "web"}, 2, "web"},
      {{"update", "web/nobody", "--weight", "2"}, 3, "web/nobody"},
      {{"set-health", "web/i-1", "sick"}, 2, "sick"},
      {{"set-health", "web/nobody", "draining"}, 3, "web/nobody"},
      {{"lookup", "a/b/c"}, 2, "a/b/c"},
      {{"lookup", "web", "--limit", "-1"}, 2, "--limit"},
      {{"no-such-command"}, 2, "no-such-command"},
  };
  const std::string before = State();
  for (const Case& c : cases) {
    std::string line;
    for (const std::string& argument : c.arguments) line += argument.substr(0, 30) + " ";
    const Finished finished = Cli(c.arguments);
    EXPECT_EQ(finished.exit, c.exit) << line << finished.err;
    EXPECT_NE(finished.err.find(c.words), std::string::npos)
        << line << "does not name " << c.words << ": " << finished.err;
    EXPECT_EQ(finished.out, "") << line;
    EXPECT_EQ(State(), before) << line;
  }
}

}  // namespace
}  // namespace registryd::testing
