// The program itself, as a process against a registry: what it prints where, what it sends, and its
// exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/support/wait_for.h"
#include "tests/unit/cli/program_fixture.h"

namespace registry::cli {
namespace {

using ::registryd::testing::ChildProcess;
using ::registryd::testing::FakeRegistryServer;
using ::registryd::testing::Finished;
using ::registryd::testing::ReadFile;
using ::registryd::testing::RunProgram;
using ::registryd::testing::WaitFor;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using Json = nlohmann::json;

class ProgramTest : public CliProcessTest {
 protected:
  void Add(const std::string& id, const std::string& endpoint = "http=10.0.0.1:80") {
    const Finished added =
        Cli({"register", "web", "--id", id, "--endpoint", endpoint, "--permanent"});
    ASSERT_EQ(added.exit, 0) << added.err;
  }
  size_t Instances() {
    return server_.Seen([](const auto& seen) { return seen.instances.size(); });
  }
};

TEST_F(ProgramTest, RegisterSendsAllThatWasWritten) {
  const Finished result = Cli({"register",   "shop/web",
                               "--id",       "i-1",
                               "--endpoint", "http=10.0.0.1:8080",
                               "--endpoint", "api/grpc=[::1]:81",
                               "--label",    "env=prod",
                               "--version",  "1.4.2",
                               "--zone",     "a",
                               "--region",   "eu",
                               "--weight",   "10",
                               "--ttl",      "5s",
                               "-o",         "json"});
  ASSERT_EQ(result.exit, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("nobody renews its lease, which ends after 5s"));
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["lease"]["ttl_ms"], 5000);
  EXPECT_EQ(json["instances"][0]["id"], "i-1");
  EXPECT_EQ(json["instances"][0]["incarnation"], json["revision"]);

  const auto requests = server_.Seen([](const auto& seen) { return seen.registers; });
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].lease().ttl_ms(), 5000);
  const registry::v1::InstanceSpec& spec = requests[0].instances(0);
  EXPECT_EQ(spec.namespace_(), "shop");
  EXPECT_EQ(spec.service(), "web");
  EXPECT_EQ(spec.version(), "1.4.2");
  EXPECT_EQ(spec.zone(), "a");
  EXPECT_EQ(spec.region(), "eu");
  EXPECT_EQ(spec.weight(), 10U);
  EXPECT_EQ(spec.labels().at("env"), "prod");
  ASSERT_EQ(spec.endpoints_size(), 2);
  EXPECT_EQ(spec.endpoints(1).name(), "api");
  EXPECT_EQ(spec.endpoints(1).protocol(), "grpc");
  EXPECT_EQ(spec.endpoints(1).host(), "::1");
  EXPECT_EQ(spec.endpoints(1).port(), 81U);
}

TEST_F(ProgramTest, RegisterSendsTheCheck) {
  const Finished result =
      Cli({"register", "web", "--id", "i-1", "--endpoint", "http=10.0.0.1:8080", "--permanent",
           "--check", "http:/health", "--check-endpoint", "http", "--check-interval", "5s",
           "--check-timeout", "500ms", "--check-passes", "2", "--check-failures", "4"});
  ASSERT_EQ(result.exit, 0) << result.err;
  const auto requests = server_.Seen([](const auto& seen) { return seen.registers; });
  ASSERT_EQ(requests.size(), 1U);
  const registry::v1::Check& check = requests[0].instances(0).check();
  EXPECT_EQ(check.kind(), registry::v1::Check::KIND_HTTP);
  EXPECT_EQ(check.path(), "/health");
  EXPECT_EQ(check.endpoint(), "http");
  EXPECT_EQ(check.interval_ms(), 5'000);
  EXPECT_EQ(check.timeout_ms(), 500);
  EXPECT_EQ(check.passes(), 2U);
  EXPECT_EQ(check.failures(), 4U);

  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"--check", "ping"}, "--check \"ping\": write tcp"},
      {{"--check", "tcp:80"}, "--check \"tcp:80\": write tcp"},
      {{"--check", "tcp", "--check-interval", "-1s"}, "--check-interval"},
      {{"--check", "tcp", "--check-failures", "0"}, "--check-failures"},
      {{"--check-timeout", "1s"}, "--check is missing"},
  };
  for (const auto& [flags, message] : wrong) {
    std::vector<std::string> words = {"register", "web", "--endpoint", "h:1", "--permanent"};
    words.insert(words.end(), flags.begin(), flags.end());
    const Finished refused = Cli(words);
    EXPECT_EQ(refused.exit, 2) << message;
    EXPECT_THAT(refused.err, HasSubstr(message));
  }
}

TEST_F(ProgramTest, KeepRenewsUntilTheSignalThenDeregisters) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    const std::string out = dir_.path() + "/out" + std::to_string(signal);
    const std::string err = dir_.path() + "/err" + std::to_string(signal);
    ChildProcess keeper(
        Command({"register", "web", "--id", "i-1", "--endpoint", "10.0.0.1:80", "--keep"}), out,
        err, Environment());
    ASSERT_TRUE(WaitFor([&] { return ReadFile(out) != ""; })) << ReadFile(err);
    EXPECT_THAT(ReadFile(out), MatchesRegex("registered web/i-1, incarnation [0-9]+\n"));
    EXPECT_EQ(Instances(), 1U);
    const size_t before = server_.Seen([](const auto& seen) { return seen.frames.size(); });
    ASSERT_TRUE(
        server_.Await([before](const auto& seen) { return seen.frames.size() >= before + 3; }));
    keeper.Signal(signal);
    EXPECT_EQ(keeper.Wait(), 0) << ReadFile(err);
    EXPECT_THAT(ReadFile(err), HasSubstr("registry-cli: deregistered\n"));
    EXPECT_EQ(Instances(), 0U);
  }
}

TEST_F(ProgramTest, KeepSaysWhenItsLeaseWasLostAndRegistersAgain) {
  const std::string out = dir_.path() + "/out";
  const std::string err = dir_.path() + "/err";
  ChildProcess keeper(
      Command({"register", "web", "--id", "i-1", "--endpoint", "10.0.0.1:80", "--keep"}), out, err,
      Environment());
  ASSERT_TRUE(WaitFor([&] { return ReadFile(out) != ""; })) << ReadFile(err);
  server_.LoseLeases();
  EXPECT_TRUE(WaitFor([&] {
    const std::string said = ReadFile(err);
    const size_t lost = said.find("registry-cli: lost");
    return lost != std::string::npos &&
           said.find("registry-cli: registered", lost) != std::string::npos;
  })) << ReadFile(err);
  keeper.Signal(SIGTERM);
  EXPECT_EQ(keeper.Wait(), 0) << ReadFile(err);
}

TEST_F(ProgramTest, FileOfManyInstancesRoundTrip) {
  const std::string file = dir_.path() + "/instances.json";
  std::ofstream(file)
      << R"([{"service":"web","id":"a","endpoints":[{"name":"http","host":"h","port":1}]},
             {"service":"db","id":"b","endpoints":[{"host":"h","port":2}],"labels":{"x":"y"}}])";
  ASSERT_EQ(Cli({"register", "-f", file, "--permanent"}).exit, 0);
  EXPECT_EQ(Instances(), 2U);
  const Finished listed = Cli({"instances", "-o", "json"});
  ASSERT_EQ(listed.exit, 0) << listed.err;
  const Finished again = Shell("cli instances -o json | cli register -f - --permanent");
  EXPECT_EQ(again.exit, 0) << again.err;
  const auto requests = server_.Seen([](const auto& seen) { return seen.registers; });
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[1].instances_size(), 2);
  std::ofstream(file) << R"([{"service":"web","id":"a","endpoint":[]}])";
  const Finished wrong = Cli({"register", "-f", file});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_THAT(wrong.err, HasSubstr("instances[0].endpoint: unknown key"));
}

TEST_F(ProgramTest, LookupSendsTheQueryAndPrintsOneObject) {
  Add("i-1");
  const Finished result = Cli({"lookup",
                               "web",
                               "--selector",
                               "env=prod",
                               "--version-range",
                               "^1",
                               "--zone",
                               "a",
                               "--health",
                               "passing,draining",
                               "--limit",
                               "7",
                               "--consistency",
                               "linearizable",
                               "--min-revision",
                               "1",
                               "--max-staleness",
                               "2s",
                               "-o",
                               "json"});
  const Json json = Json::parse(result.out);  // also where the fake finds nothing
  EXPECT_EQ(json["service"], "web");
  EXPECT_EQ(json["namespace"], "default");
  EXPECT_TRUE(json["instances"].is_array());
  const auto lookups = server_.Seen([](const auto& seen) { return seen.lookups; });
  ASSERT_EQ(lookups.size(), 1U);
  EXPECT_EQ(lookups[0].selector(), "env=prod");
  EXPECT_EQ(lookups[0].version_range(), "^1");
  EXPECT_EQ(lookups[0].zone(), "a");
  EXPECT_EQ(lookups[0].limit(), 7U);
  ASSERT_EQ(lookups[0].health_size(), 2);
  EXPECT_EQ(lookups[0].health(1), registry::v1::HEALTH_DRAINING);
  EXPECT_EQ(lookups[0].read().consistency(), registry::v1::CONSISTENCY_LINEARIZABLE);
  EXPECT_EQ(lookups[0].read().min_revision(), 1U);
  EXPECT_EQ(lookups[0].read().max_staleness_ms(), 2000);
}

TEST_F(ProgramTest, LookupFormatsLinesForShells) {
  Add("i-1", "http=10.0.0.1:8080");
  Add("i-2", "api=[::1]:81");
  EXPECT_EQ(Cli({"lookup", "web", "--format", "{{id}} {{address}}"}).out,
            "i-1 10.0.0.1:8080\ni-2 [::1]:81\n");
  const Finished some = Cli({"lookup", "web", "--format", "{{host:api}}"});
  EXPECT_EQ(some.exit, 0);
  EXPECT_EQ(some.out, "::1\n");
  EXPECT_THAT(some.err, HasSubstr("web/i-1 is left out"));
  const Finished none = Cli({"lookup", "web", "--format", "{{host:absent}}"});
  EXPECT_EQ(none.exit, 3);
  EXPECT_THAT(none.out, IsEmpty());
}

TEST_F(ProgramTest, FindingNothingIsExitCode3) {
  const Finished table = Cli({"lookup", "absent"});
  EXPECT_EQ(table.exit, 3);
  EXPECT_THAT(table.out, IsEmpty());
  EXPECT_THAT(table.err, HasSubstr("default/absent has no instance that matches: "));
  const Finished json = Cli({"lookup", "absent", "-o", "json"});
  EXPECT_EQ(json.exit, 3);
  EXPECT_EQ(Json::parse(json.out)["instances"], Json::array());
  EXPECT_THAT(json.err, IsEmpty());
}

TEST_F(ProgramTest, EmptyListsAreNoErrorAndSaySo) {
  for (const char* command : {"services", "instances"}) {
    const Finished result = Cli({command});
    EXPECT_EQ(result.exit, 0);
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, HasSubstr(std::string("no ") + command + " in "));
    const Finished json = Cli({command, "-o", "json"});
    EXPECT_EQ(json.exit, 0);
    EXPECT_EQ(Json::parse(json.out)[command], Json::array());
  }
}

TEST_F(ProgramTest, ListsAreTables) {
  Add("i-1");
  EXPECT_THAT(Cli({"services"}).out,
              MatchesRegex("SERVICE +PASSING +SUSPECT +CRITICAL +DRAINING\nweb +1 +0 +0 +0\n"));
  EXPECT_THAT(Cli({"instances", "web"}).out,
              MatchesRegex("SERVICE +ID +HEALTH +ENDPOINTS +VERSION +ZONE\n"
                           "web +i-1 +passing +http=10.0.0.1:80 +- +-\n"));
}

TEST_F(ProgramTest, DeregisterTakesOutWhatIsThereAndNamesTheRest) {
  Add("i-1");
  Add("i-2");
  const Finished result = Cli({"deregister", "web/i-1", "web/i-9", "-o", "json"});
  EXPECT_EQ(result.exit, 3);
  EXPECT_THAT(result.err, HasSubstr("web/i-9 is not registered"));
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["instances"][0]["removed"], true);
  EXPECT_EQ(json["instances"][1]["removed"], false);
  const Finished by_id = Cli({"deregister", "web", "--id", "i-2"});
  EXPECT_EQ(by_id.exit, 0);
  EXPECT_EQ(by_id.out, "deregistered web/i-2\n");
  EXPECT_EQ(Instances(), 0U);
}

TEST_F(ProgramTest, UpdateSendsOnlyWhatIsGiven) {
  Add("i-1");
  ASSERT_EQ(Cli({"update", "web/i-1", "--weight", "20", "--version", ""}).exit, 0);
  ASSERT_EQ(Cli({"update", "web/i-1", "--clear-labels"}).exit, 0);
  const auto updates = server_.Seen([](const auto& seen) { return seen.updates; });
  ASSERT_EQ(updates.size(), 2U);
  EXPECT_EQ(updates[0].weight(), 20U);
  EXPECT_TRUE(updates[0].has_version());
  EXPECT_EQ(updates[0].version(), "");
  EXPECT_FALSE(updates[0].has_labels());
  EXPECT_FALSE(updates[0].has_endpoints());
  EXPECT_FALSE(updates[0].has_zone());
  EXPECT_TRUE(updates[1].has_labels());
  EXPECT_TRUE(updates[1].labels().entries().empty());
  EXPECT_FALSE(updates[1].has_weight());
}

TEST_F(ProgramTest, SetHealthPrintsTheOutcome) {
  Add("i-1");
  const Finished result = Cli({"set-health", "web/i-1", "draining", "--message", "deploy"});
  EXPECT_EQ(result.exit, 0) << result.err;
  EXPECT_THAT(result.out, MatchesRegex("web/i-1 is draining at revision [0-9]+\n"));
  const Json json = Json::parse(Cli({"set-health", "web/i-1", "passing", "-o", "json"}).out);
  EXPECT_EQ(json["instance"]["health"], "passing");
}

TEST_F(ProgramTest, StatusIsOneObject) {
  const Finished result = Cli({"status", "-o", "json"});
  ASSERT_EQ(result.exit, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["server"], server_.address());
  EXPECT_TRUE(json["members"].is_array());
  EXPECT_THAT(Cli({"status"}).out, HasSubstr("node "));
}

TEST_F(ProgramTest, AMistypedMemberIsNoHexadecimalId) {
  for (const std::string name : {"d", "c", "0d", "n2"}) {
    const Finished result = Cli({"member", "promote", name});
    EXPECT_EQ(result.exit, 3) << result.err;
    EXPECT_THAT(result.err, HasSubstr("no member is called \"" + name + "\""));
  }
  // The new node of `member add` is not in the list: its id is taken as it is printed, or decimal.
  for (const std::string id : {"000000000000000d", "13"}) {
    const Finished result = Cli({"member", "promote", id});
    EXPECT_THAT(result.err, Not(HasSubstr("no member is called"))) << id;
  }
}

TEST_F(ProgramTest, ErrorsOfTheRegistryHaveTheirExitCodes) {
  struct Case {
    grpc::StatusCode code;
    int exit;
    // The client repeats the transient ones until then; the others it must not repeat.
    const char* timeout = "30s";
  };
  for (const Case& c :
       {Case{grpc::StatusCode::INVALID_ARGUMENT, 1}, Case{grpc::StatusCode::FAILED_PRECONDITION, 1},
        Case{grpc::StatusCode::INTERNAL, 1}, Case{grpc::StatusCode::NOT_FOUND, 3},
        Case{grpc::StatusCode::RESOURCE_EXHAUSTED, 1, "2s"},
        Case{grpc::StatusCode::ABORTED, 1, "2s"}, Case{grpc::StatusCode::UNAVAILABLE, 4, "2s"}}) {
    FakeRegistryServer server;
    server.FailNext("SetHealth", c.code, 1'000'000);
    const Finished result = RunProgram(
        Command({"set-health", "web/i-1", "passing", "--timeout", c.timeout, "-o", "json"}),
        {{"REGISTRY_SERVER", server.address()}});
    EXPECT_EQ(result.exit, c.exit) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, MatchesRegex("registry-cli: [^\n]+\n"));
  }
}

TEST_F(ProgramTest, ARegistryThatDoesNotAnswerIsExitCode4) {
  server_.SetSilent(true);
  const Finished silent = Cli({"status", "--timeout", "200ms"});
  EXPECT_EQ(silent.exit, 4) << silent.err;
  server_.SetSilent(false);
  server_.Stop();
  const Finished gone = Cli({"lookup", "web", "--timeout", "200ms", "-o", "json"});
  EXPECT_EQ(gone.exit, 4) << gone.err;
  EXPECT_THAT(gone.out, IsEmpty());
  EXPECT_THAT(gone.err, HasSubstr(server_.address()));
}

TEST_F(ProgramTest, ServerOptionComesBeforeTheEnvironment) {
  const Finished other = RunProgram(Command({"-s", server_.address(), "status"}),
                                    {{"REGISTRY_SERVER", "127.0.0.1:1"}});
  EXPECT_EQ(other.exit, 0) << other.err;
  const Finished wrong = RunProgram(Command({"status"}), {{"REGISTRY_SERVER", "a b"}});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_THAT(wrong.err, HasSubstr("REGISTRY_SERVER"));
}

TEST_F(ProgramTest, AClosedPipeIsQuiet) {
  // More than a pipe holds, so that the write is under way when the reader has gone.
  std::ofstream file(dir_.path() + "/many.json");
  file << "[";
  for (int i = 0; i < 1'000; ++i) {
    file << (i == 0 ? "" : ",") << R"({"service":"web","id":"i-)" << i
         << R"(","endpoints":[{"host":"h","port":1}]})";
  }
  file << "]";
  file.close();
  ASSERT_EQ(Cli({"register", "-f", dir_.path() + "/many.json", "--permanent"}).exit, 0);
  const Finished result = Shell("cli instances -o json | head -n 1");
  EXPECT_EQ(result.exit, 0) << result.err;
  EXPECT_EQ(result.out, "{\n");
  EXPECT_THAT(result.err, IsEmpty());
}

}  // namespace
}  // namespace registry::cli
