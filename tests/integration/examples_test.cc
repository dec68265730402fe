// The examples of the client library, as they stand, against a real daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/daemon.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

using ::testing::HasSubstr;

class ExamplesTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(daemon_.Start()) << daemon_.Log(); }

  std::vector<std::string> Example(const std::string& name, std::vector<std::string> words) const {
    words.insert(words.begin(), BinDir() + "/example_" + name);
    return words;
  }
  ChildProcess::Environment Environment() const { return {{"REGISTRY_SERVER", daemon_.address()}}; }
  std::string OutFile(const std::string& name) const { return dir_.path() + "/" + name + ".out"; }
  std::unique_ptr<ChildProcess> Start(const std::string& name,
                                      const std::vector<std::string>& words,
                                      const std::string& out) const {
    return std::make_unique<ChildProcess>(Example(name, words), OutFile(out), OutFile(out + "-err"),
                                          Environment());
  }
  bool Says(const std::string& out, const std::string& what) const {
    return WaitFor([&] { return ReadFile(OutFile(out)).find(what) != std::string::npos; });
  }

  TempDir dir_;
  Daemon daemon_{dir_.path() + "/data"};
};

TEST_F(ExamplesTest, RegisterWatchLookupAndLeave) {
  const auto watch = Start("watch", {"web"}, "watch");
  ASSERT_TRUE(Says("watch", "= 0 at revision"));
  const auto instance = Start("register", {"web", "10.0.0.7", "8080"}, "register");
  ASSERT_TRUE(Says("register", "registered i-"));
  ASSERT_TRUE(Says("watch", "= 1 at revision"));
  const Finished found = RunProgram(Example("lookup", {"web"}), Environment());
  EXPECT_EQ(found.exit, 0) << found.err;
  EXPECT_THAT(found.out, HasSubstr("PASSING default 10.0.0.7 8080"));
  instance->Signal(SIGTERM);
  EXPECT_EQ(instance->Wait(), 0);
  EXPECT_THAT(ReadFile(OutFile("register")), HasSubstr("drained OK"));
  ASSERT_TRUE(Says("watch", "- i-"));
  watch->Signal(SIGTERM);
  EXPECT_EQ(watch->Wait(), 0);
}

TEST_F(ExamplesTest, AGrpcServiceIsCalledPastADeadInstance) {
  const auto service = Start("grpc_service", {"health"}, "service");
  ASSERT_TRUE(Says("service", "serving on port"));
  // Nobody listens at the second one.
  const auto ghost = Start("register", {"health", "127.0.0.1", "1"}, "ghost");
  ASSERT_TRUE(Says("ghost", "registered i-"));
  const Finished calls = RunProgram(Example("resilient_call", {"health"}), Environment());
  EXPECT_EQ(calls.exit, 0) << calls.err;
  EXPECT_THAT(calls.out, HasSubstr("UNAVAILABLE"));
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(calls.out, HasSubstr("call " + std::to_string(i) + " OK"));
  }
  service->Signal(SIGTERM);
  EXPECT_EQ(service->Wait(), 0);
  EXPECT_THAT(ReadFile(OutFile("service")), HasSubstr("ended OK"));
}

}  // namespace
}  // namespace registryd::testing
