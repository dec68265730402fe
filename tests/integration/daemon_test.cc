// The program registryd as an operator meets it: flags, ready file, stop, refusals.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/daemon.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"

namespace registryd::testing {
namespace {

std::string Program() { return BinDir() + "/registryd"; }

class DaemonTest : public ::testing::Test {
 protected:
  TempDir dir_;
  Daemon daemon_{dir_.path() + "/data"};
};

TEST_F(DaemonTest, TheReadyFileNamesAddressesThatAnswer) {
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  const std::regex host_port(R"(127\.0\.0\.1:[1-9][0-9]*)");
  for (const std::string name : {"api", "http"}) {
    ASSERT_EQ(daemon_.addresses().count(name), 1u) << name;
    EXPECT_TRUE(std::regex_match(daemon_.addresses().at(name), host_port))
        << daemon_.addresses().at(name);
  }
  Stubs stubs(daemon_.address());
  registry::v1::StatusResponse status;
  ASSERT_TRUE(stubs.Status(&status).ok());
  EXPECT_TRUE(status.info().leader_known());
  EXPECT_EQ(status.leader(), status.node());
  ASSERT_EQ(status.members_size(), 1);
  EXPECT_EQ(status.members(0).role(), registry::v1::Member::ROLE_LEADER);
}

TEST_F(DaemonTest, SigtermStopsItWithStatus0AndItsPortIsFree) {
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  EXPECT_EQ(daemon_.Stop(), 0) << daemon_.Log();
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  EXPECT_EQ(daemon_.Stop(), 0) << daemon_.Log();
}

TEST_F(DaemonTest, SigintStopsItWithStatus0) {
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  kill(daemon_.pid(), SIGINT);
  EXPECT_EQ(daemon_.Wait(), 0) << daemon_.Log();
}

TEST_F(DaemonTest, SigtermStopsItWhileClientsHoldStreamsOpen) {
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  const auto channel = grpc::CreateChannel(daemon_.address(), grpc::InsecureChannelCredentials());
  const auto lease = registry::v1::Lease::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = lease->KeepAlive(&context);
  registry::v1::KeepAliveRequest frame;
  frame.set_frame(7);
  frame.add_lease_ids(12345);
  frame.add_epochs(1);
  ASSERT_TRUE(stream->Write(frame));
  registry::v1::KeepAliveResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.frame(), 7u);
  EXPECT_EQ(daemon_.Stop(), 0) << daemon_.Log();
  EXPECT_FALSE(stream->Read(&answer));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "this node is shutting down; connect to another one");
}

TEST_F(DaemonTest, ASecondDaemonOnTheSameDirectoryIsRefusedByName) {
  Daemon first(dir_.path() + "/data", {"--name", "first-one"});
  ASSERT_TRUE(first.Start()) << first.Log();
  Daemon second(dir_.path() + "/data", {"--name", "second-one"});
  second.Launch();
  const auto status = second.Wait();
  ASSERT_TRUE(status.has_value()) << second.Log();
  EXPECT_NE(*status, 0);
  EXPECT_NE(second.Log().find("first-one"), std::string::npos) << second.Log();
  EXPECT_NE(second.Log().find(std::to_string(first.pid())), std::string::npos) << second.Log();
  // The first one has not noticed.
  Stubs stubs(first.address());
  registry::v1::StatusResponse answer;
  EXPECT_TRUE(stubs.Status(&answer).ok());
  EXPECT_EQ(first.Stop(), 0) << first.Log();
}

TEST_F(DaemonTest, APortThatIsTakenIsRefusedByNumber) {
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  const Finished second =
      RunProgram({Program(), "--data-dir", dir_.path() + "/other", "--listen", daemon_.address(),
                  "--http-listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"});
  ASSERT_TRUE(second.exit.has_value()) << second.err;
  EXPECT_NE(*second.exit, 0);
  EXPECT_NE(second.err.find(daemon_.address()), std::string::npos) << second.err;
}

TEST_F(DaemonTest, TheLogLevelChangesWhileItRuns) {
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  const auto tell = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "log-level");
    return daemon_.Cli(words);
  };
  const auto register_one = [&] {
    Stubs stubs(daemon_.address());
    registry::v1::RegisterRequest request;
    *request.add_instances() = Spec("web", "i-1");
    registry::v1::RegisterResponse response;
    EXPECT_TRUE(stubs.Register(request, &response).ok());
  };
  register_one();
  EXPECT_EQ(daemon_.Log().find(" debug "), std::string::npos) << daemon_.Log();
  EXPECT_NE(tell({}).out.find(" logs info"), std::string::npos);
  EXPECT_NE(tell({"debug"}).out.find(" logs debug, before: info"), std::string::npos);
  register_one();  // a mutating call is a line of the debug log
  EXPECT_NE(daemon_.Log().find(" debug "), std::string::npos) << daemon_.Log();
  const Finished now = tell({"-o", "json"});
  EXPECT_EQ(now.exit, 0) << now.err;
  EXPECT_NE(now.out.find("\"level\": \"debug\""), std::string::npos) << now.out;
  const Finished wrong = tell({"loud"});
  EXPECT_EQ(wrong.exit, 1);
  EXPECT_NE(wrong.err.find("debug, info, warning or error"), std::string::npos) << wrong.err;
}

TEST_F(DaemonTest, LogsAreJsonLinesWhereThatIsAskedFor) {
  Daemon daemon(dir_.path() + "/json", {"--log-format", "json"});
  ASSERT_TRUE(daemon.Start()) << daemon.Log();
  EXPECT_EQ(daemon.Stop(), 0) << daemon.Log();
  std::istringstream lines(daemon.Log());
  const std::regex whole(R"re(\{"time":"[^"]+Z","level":"info","msg":"[^"]+".*\})re");
  std::string line;
  std::getline(lines, line);  // whose log it is
  int seen = 0;
  for (; std::getline(lines, line); ++seen) {
    EXPECT_TRUE(std::regex_match(line, whole)) << line;
  }
  EXPECT_GE(seen, 3) << daemon.Log();
}

TEST_F(DaemonTest, CallsAreCountedByMethodAndCode) {
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  Stubs stubs(daemon_.address());
  registry::v1::LookupRequest request;
  request.set_service("web");
  registry::v1::LookupResponse response;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stubs.Lookup(request, &response).ok());
  request.set_service("no/such name");
  EXPECT_FALSE(stubs.Lookup(request, &response).ok());
  registry::v1::KeepAliveRequest frame;
  registry::v1::KeepAliveResponse answer;
  ASSERT_TRUE(stubs.KeepAlive(frame, &answer).ok());
  for (const std::string line :
       {R"(registryd_rpcs_total{code="OK",method="Discovery/Lookup"} 3)",
        R"(registryd_rpcs_total{code="INVALID_ARGUMENT",method="Discovery/Lookup"} 1)",
        R"(registryd_rpc_seconds_count{method="Discovery/Lookup"} 4)",
        R"(registryd_rpcs_total{code="OK",method="Lease/KeepAlive"} 1)",
        R"(registryd_streams{method="Lease/KeepAlive"} 0)"}) {
    EXPECT_TRUE(WaitFor([&] { return daemon_.Page("/metrics").find(line) != std::string::npos; }))
        << line << " is not in:\n"
        << daemon_.Page("/metrics");
  }
}

TEST_F(DaemonTest, VersionAndHelpAnswerAndLeaveNothingBehind) {
  const Finished version = RunProgram({Program(), "--version"}, {}, dir_.path());
  EXPECT_EQ(version.exit, 0) << version.err;
  EXPECT_TRUE(std::regex_search(version.out, std::regex(R"([0-9]+\.[0-9]+\.[0-9]+)")))
      << version.out;
  const Finished help = RunProgram({Program(), "--help"}, {}, dir_.path());
  EXPECT_EQ(help.exit, 0) << help.err;
  for (const std::string flag :
       {"--data-dir", "--listen", "--peer-listen", "--http-listen", "--ready-file", "--name",
        "--log-level", "--log-format", "--version", "--help"}) {
    EXPECT_NE(help.out.find(flag), std::string::npos) << flag << " is not in:\n" << help.out;
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(DaemonTest, EnvironmentVariablesStandForFlags) {
  const std::string ready = dir_.path() + "/ready";
  ChildProcess process({Program()}, dir_.path() + "/out", dir_.path() + "/err",
                       {{"REGISTRYD_DATA_DIR", dir_.path() + "/data"},
                        {"REGISTRYD_LISTEN", "127.0.0.1:0"},
                        {"REGISTRYD_PEER_LISTEN", "127.0.0.1:0"},
                        {"REGISTRYD_HTTP_LISTEN", "127.0.0.1:0"},
                        {"REGISTRYD_READY_FILE", ready},
                        {"REGISTRYD_NAME", "from-environment"}});
  ASSERT_TRUE(WaitFor([&] { return std::filesystem::exists(ready) || !process.running(); }));
  ASSERT_TRUE(process.running()) << ReadFile(dir_.path() + "/err");
  Stubs stubs(ParseReadyFile(ReadFile(ready)).at("api"));
  registry::v1::StatusResponse status;
  ASSERT_TRUE(stubs.Status(&status).ok());
  EXPECT_EQ(status.node(), "from-environment");
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0) << ReadFile(dir_.path() + "/err");
}

TEST_F(DaemonTest, WrongFlagsAreRefusedByNameAndLeaveNothingBehind) {
  const std::vector<std::vector<std::string>> wrong = {
      {"--listen", "127.0.0.1"},         {"--listen", "127.0.0.1:70000"}, {"--listen", ":::"},
      {"--log-level", "loud"},           {"--log-format", "xml"},         {"--no-such-flag"},
      {"--http-listen", "127.0.0.1:-1"}, {"--peer-listen", "nowhere"}};
  for (std::vector<std::string> argv : wrong) {
    const std::string flag = argv.front();
    argv.insert(argv.begin(), Program());
    const Finished finished = RunProgram(argv, {}, dir_.path());
    ASSERT_TRUE(finished.exit.has_value()) << flag << ": it runs";
    EXPECT_NE(*finished.exit, 0) << flag;
    EXPECT_NE(finished.err.find(flag), std::string::npos) << flag << ": " << finished.err;
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

}  // namespace
}  // namespace registryd::testing
