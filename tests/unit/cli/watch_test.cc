// registry-cli watch as a process: what it prints, and how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "cli/output/change_lines.h"
#include "cli/output/json.h"
#include "nlohmann/json.hpp"
#include "tests/support/wait_for.h"
#include "tests/unit/cli/program_fixture.h"
#include "tests/unit/cli/sample.h"

namespace registry::cli {
namespace {

using ::registryd::testing::ChildProcess;
using ::registryd::testing::Finished;
using ::registryd::testing::ReadFile;
using ::registryd::testing::WaitFor;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Json = nlohmann::json;

class CliWatchTest : public CliProcessTest {
 protected:
  static std::vector<Json> Lines(const std::string& text) {
    std::vector<Json> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
    return lines;
  }
};

TEST_F(CliWatchTest, PrintsWhatIsThereAndEndsAtItsCount) {
  server_.Put("web", "a");
  server_.Put("web", "b");
  const Finished result = Cli({"watch", "web", "--count", "2"});
  ASSERT_EQ(result.exit, 0) << result.err;
  EXPECT_THAT(result.out, testing::MatchesRegex("REVISION +EVENT +INSTANCE +HEALTH +ENDPOINTS\n"
                                                "2 +snapshot +2 instances\n"
                                                "1 +present +web/a +passing +10.0.0.1:80\n"
                                                "2 +present +web/b +passing +10.0.0.1:80\n"));
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(CliWatchTest, OneObjectALineUntilItIsTerminated) {
  server_.Put("web", "a");
  const std::string out = dir_.path() + "/out";
  ChildProcess watch(Command({"watch", "web", "-o", "json"}), out, dir_.path() + "/err",
                     Environment());
  ASSERT_TRUE(WaitFor([&] { return Lines(ReadFile(out)).size() == 1; }));
  server_.Put("web", "b");
  ASSERT_TRUE(WaitFor([&] { return Lines(ReadFile(out)).size() == 2; }));
  server_.Take("web", "a");
  ASSERT_TRUE(WaitFor([&] { return Lines(ReadFile(out)).size() == 3; }));
  watch.Signal(SIGTERM);
  EXPECT_EQ(watch.Wait(), 0);
  const std::vector<Json> lines = Lines(ReadFile(out));
  EXPECT_EQ(lines[0]["event"], "snapshot");
  EXPECT_EQ(lines[0]["revision"], 1);
  EXPECT_EQ(lines[0]["cluster_id"], "000000000000004d");
  EXPECT_EQ(lines[0]["changed"][0]["id"], "a");
  EXPECT_EQ(lines[1]["event"], "changes");
  EXPECT_EQ(lines[1]["changed"][0]["id"], "b");
  EXPECT_THAT(lines[1]["gone"], SizeIs(0));
  EXPECT_EQ(lines[2]["gone"][0]["id"], "a");
  EXPECT_EQ(lines[2]["revision"], 3);
}

TEST_F(CliWatchTest, WrongAndRefusedWatchesSaySo) {
  EXPECT_EQ(Cli({"watch", "web", "--prefix", "w"}).exit, 2);
  EXPECT_EQ(Cli({"watch", "web", "--health", "ill"}).exit, 2);
  EXPECT_EQ(Cli({"watch", "web", "--count", "0"}).exit, 2);
  const Finished refused = Cli({"watch", "web", "--selector", "("});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.err, HasSubstr("selector: does not begin"));
  server_.Stop();
  const Finished down = Cli({"watch", "web", "--timeout", "300ms"});
  EXPECT_EQ(down.exit, 4);
  EXPECT_THAT(down.err, HasSubstr("no picture yet"));
}

TEST_F(CliWatchTest, EndsWhenNobodyReads) {
  server_.Put("web", "a");
  std::atomic<bool> over{false};
  // A change now and then, so that it notices.
  std::thread writer([&] {
    while (!over) {
      server_.Put("web", "b");
      static_cast<void>(WaitFor([&] { return over.load(); }, std::chrono::milliseconds(50)));
    }
  });
  const Finished result = Shell("cli watch web | head -1");
  over = true;
  writer.join();
  EXPECT_EQ(result.exit, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("REVISION"));
}

TEST_F(CliWatchTest, ControlCharactersDoNotBreakALine) {
  ViewChange change;
  auto instance = std::make_shared<Instance>();
  instance->spec.service = "web";
  instance->spec.id = "a\nb";
  change.view = std::make_shared<const View>(View{.revision = 3, .instances = {instance}});
  change.from_revision = 2;
  change.changed = {instance};
  EXPECT_THAT(ChangeLines(change), HasSubstr("web/a\\x0ab"));
  const std::string json = ChangeJson(change);
  EXPECT_EQ(json.find('\n'), json.size() - 1);
}

}  // namespace
}  // namespace registry::cli
