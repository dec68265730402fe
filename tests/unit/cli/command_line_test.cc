// Everything that is decided before anything is sent: parsing, help, and wrong usage. The address
// of the registry is one where nobody can listen, so a command that passes the checks ends with
// kUnavailable.
#include "cli/command_line.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace registry::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

struct Result {
  ExitCode code;
  std::string out;
  std::string err;
};

Result RunCli(const std::vector<std::string>& words) {
  registryd::testing::TempDir dir;
  const auto create = [&dir](const char* name) {
    return open((dir.path() + name).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  };
  const int out = create("/out");
  const int err = create("/err");
  std::vector<const char*> argv = {"registry-cli"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  const ExitCode code =
      RunCommandLine(static_cast<int>(argv.size()), argv.data(), Console(out, err));
  close(out);
  close(err);
  return {code, registryd::testing::ReadFile(dir.path() + "/out"),
          registryd::testing::ReadFile(dir.path() + "/err")};
}

void ExpectUsage(const std::vector<std::string>& words, const std::string& message) {
  const Result result = RunCli(words);
  EXPECT_EQ(result.code, ExitCode::kUsage) << ::testing::PrintToString(words);
  EXPECT_THAT(result.err, HasSubstr(message));
  EXPECT_THAT(result.err, MatchesRegex("registry-cli: [^\n]+: [^\n]+\n"));
  EXPECT_THAT(result.out, IsEmpty());
}

TEST(CommandLineTest, WrongCommands) {
  ExpectUsage({}, "no command given");
  ExpectUsage({"-o", "json"}, "no command given");
  ExpectUsage({"lokup", "web"}, "\"lokup\" is no command");
  ExpectUsage({"--bogus"}, "--bogus");
  ExpectUsage({"status", "--bogus"}, "--bogus: see registry-cli status --help");
  ExpectUsage({"status", "status"}, "status");
  ExpectUsage({"-o", "yaml", "status"}, "yaml");
  ExpectUsage({"status", "-n", ""}, "--namespace is empty");
}

TEST(CommandLineTest, WrongGlobalOptions) {
  ExpectUsage({"status", "--timeout", "5"}, "--timeout \"5\" is no duration");
  ExpectUsage({"status", "--timeout", "0s"}, "--timeout \"0s\" is no duration");
  ExpectUsage({"--server", "a:b:c", "status"}, "--server ");
}

TEST(CommandLineTest, WrongLookups) {
  ExpectUsage({"lookup"}, "service is required: see registry-cli lookup --help");
  ExpectUsage({"lookup", "a/b/c"}, "is no service");
  ExpectUsage({"lookup", "web", "extra"}, "extra");
  ExpectUsage({"lookup", "web", "--limit", "0"}, "--limit \"0\"");
  ExpectUsage({"lookup", "web", "--at", "noon"}, "--at \"noon\" is no moment");
  ExpectUsage({"lookup", "web", "--revision", "x"}, "--revision \"x\"");
  ExpectUsage({"maintenance", "on", "web", "--service", "--for", "5"}, "--for \"5\"");
  ExpectUsage({"service", "web", "--min-healthy", "-1"}, "--min-healthy \"-1\"");
  ExpectUsage({"tls", "init", "--valid", "5"}, "--valid \"5\"");
  ExpectUsage({"tls", "issue", "node", "a", "--valid", "5"}, "--valid \"5\"");
  ExpectUsage({"lookup", "web", "--limit", "-1"}, "--limit");
  ExpectUsage({"lookup", "web", "--health", "passing,fine"}, "--health ");
  ExpectUsage({"lookup", "web", "--consistency", "strong"}, "strong");
  ExpectUsage({"lookup", "web", "--min-revision", "x"}, "--min-revision \"x\"");
  ExpectUsage({"lookup", "web", "--max-staleness", "1"}, "--max-staleness \"1\"");
  ExpectUsage({"lookup", "web", "--format", "{{ip}}"}, "unknown field {{ip}}");
  ExpectUsage({"lookup", "web", "--format", ""}, "--format is empty");
  ExpectUsage({"lookup", "web", "--format", "{{host}}", "-o", "json"}, "exclude each other");
}

TEST(CommandLineTest, WrongRegistrations) {
  ExpectUsage({"register"}, "no service given");
  ExpectUsage({"register", "web"}, "no endpoint given");
  const std::vector<std::string> good = {"register", "web", "--endpoint", "http=10.0.0.1:80"};
  const auto with = [&good](std::vector<std::string> more) {
    more.insert(more.begin(), good.begin(), good.end());
    return more;
  };
  ExpectUsage(with({"--endpoint", "http=10.0.0.1:81"}), "--endpoint \"http\" is given twice");
  ExpectUsage(with({"--endpoint", "10.0.0.1"}), "--endpoint \"10.0.0.1\" is no address");
  ExpectUsage(with({"--label", "env"}), "--label \"env\" is no label");
  ExpectUsage(with({"--weight", "0"}), "--weight \"0\"");
  ExpectUsage(with({"--weight", "65536"}), "--weight \"65536\"");
  ExpectUsage(with({"--ttl", "5"}), "--ttl \"5\" is no duration");
  ExpectUsage(with({"--keep", "--permanent"}), "--permanent");
  ExpectUsage(with({"--ttl", "5s", "--permanent"}), "--ttl");
  ExpectUsage(with({"-f", "x"}), "--file");
  ExpectUsage({"register", "-f", "/nonexistent"}, "file /nonexistent: No such file");
  ExpectUsage({"register", "-f", "/"}, "file /: ");
}

TEST(CommandLineTest, WrongChanges) {
  ExpectUsage({"deregister"}, "instance is required");
  ExpectUsage({"deregister", "web"}, "\"web\" is no instance");
  ExpectUsage({"deregister", "web", "db", "--id", "i-1"}, "--id needs exactly one service");
  ExpectUsage({"deregister", "web", "--id", ""}, "is no id");
  ExpectUsage({"deregister", "web", "--id", "a/b"}, "is no id");
  ExpectUsage({"update", "web/i-1"}, "nothing to change");
  ExpectUsage({"update", "web/i-1", "--weight", "x"}, "--weight \"x\"");
  ExpectUsage({"update", "web/i-1", "--clear-labels", "--label", "a=b"}, "--label");
  ExpectUsage({"update", "web/i-1", "--zone", "a", "--expected-revision", "0"},
              "--expected-revision \"0\"");
  ExpectUsage({"set-health", "web/i-1"}, "health is required");
  ExpectUsage({"set-health", "web/i-1", "suspect"}, "suspect");
  ExpectUsage({"instances", "web", "-A"}, "exclude each other");
  ExpectUsage({"completion", "tcsh"}, "tcsh");
  ExpectUsage({"bench", "fly", "web"}, "fly");
  ExpectUsage({"bench", "lookup"}, "service");
  ExpectUsage({"bench", "lookup", "web", "--rate", "-1"}, "--rate");
  ExpectUsage({"bench", "lookup", "web", "--threads", "0"}, "--threads");
  ExpectUsage({"bench", "lookup", "web", "--duration", "soon"}, "--duration");
}

// A service may have the name of a command, and global options may stand on both sides of the
// command.
TEST(CommandLineTest, WellFormedCommandsGoOnToTheRegistry) {
  const std::vector<std::string> nobody = {"-s", "127.0.0.1:1", "--timeout", "50ms"};
  const std::vector<std::vector<std::string>> commands = {
      {"lookup", "status"},
      {"lookup", "shop/web", "--health", "passing,DRAINING", "--health", "critical"},
      {"instances", "services", "-n", "shop"},
      {"services", "-A", "--prefix", "a"},
      {"status", "-o", "json"},
      {"deregister", "web", "--id", "i-1"},
      {"deregister", "register/update", "web/i-2"},
      {"update", "web/i-1", "--version", ""},
      {"set-health", "web/i-1", "draining"},
      {"register", "--label", "a=b", "--label", "c=", "web", "--endpoint", "[::1]:80", "--version",
       "1.0.0"},
  };
  for (const std::vector<std::string>& command : commands) {
    std::vector<std::string> before = nobody;
    before.insert(before.end(), command.begin(), command.end());
    std::vector<std::string> after = command;
    after.insert(after.end(), nobody.begin(), nobody.end());
    for (const std::vector<std::string>& words : {before, after}) {
      const Result result = RunCli(words);
      EXPECT_EQ(result.code, ExitCode::kUnavailable)
          << ::testing::PrintToString(words) << result.err;
      EXPECT_THAT(result.err, HasSubstr("registry-cli: "));
      EXPECT_THAT(result.out, IsEmpty());
    }
  }
}

TEST(CommandLineTest, HelpTeaches) {
  const Result root = RunCli({"--help"});
  EXPECT_EQ(root.code, ExitCode::kOk);
  EXPECT_THAT(root.err, IsEmpty());
  GlobalOptions options;
  Action action;
  const auto tree = MakeCommandTree(&options, &action);
  for (const CLI::App* command : tree->get_subcommands([](const CLI::App*) { return true; })) {
    EXPECT_THAT(root.out, HasSubstr("\n  " + command->get_name() + " "));
    const Result help = RunCli({command->get_name(), "--help"});
    EXPECT_EQ(help.code, ExitCode::kOk);
    EXPECT_THAT(help.out, HasSubstr("registry-cli " + command->get_name()));
    EXPECT_THAT(help.out, HasSubstr("Examples:\n"));
    EXPECT_THAT(help.err, IsEmpty());
  }
}

TEST(CommandLineTest, VersionOfTheProgram) {
  const Result result = RunCli({"--version"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(result.out, MatchesRegex("registry-cli [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(ConsoleTest, AFullDiskIsAnError) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  registryd::testing::TempDir dir;
  const int err = open((dir.path() + "/err").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  EXPECT_EQ(Console(full, err).Print("text"), ExitCode::kError);
  EXPECT_THAT(registryd::testing::ReadFile(dir.path() + "/err"),
              HasSubstr("cannot write to standard output: No space"));
  close(full);
  close(err);
}

TEST(ConsoleTest, AReaderThatHasGoneIsNoError) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(Console(ends[1], ends[1]).Print("text", ExitCode::kNotFound), ExitCode::kNotFound);
  close(ends[1]);
}

TEST(ConsoleTest, ExitCodes) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), ExitCode::kError);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), ExitCode::kError);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), ExitCode::kNotFound);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), ExitCode::kUnavailable);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("")), ExitCode::kUnavailable);
}

}  // namespace
}  // namespace registry::cli
