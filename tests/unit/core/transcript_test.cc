// Runs every tests/unit/core/testdata/*.txt (format: transcript.h) and compares. After a wanted
// change of behaviour,
//   REGISTRYD_REWRITE=1 build/dev/bin/unit_core --gtest_filter='*Transcript*'
// writes what was answered into the files; read the difference before you commit it.
#include "tests/unit/core/transcript.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace registryd::testing {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Files() {
  const fs::path folder = fs::path(REGISTRYD_TESTDATA);
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string TestName(const ::testing::TestParamInfo<std::string>& info) {
  return fs::path(info.param).stem().string();
}

class TranscriptTest : public ::testing::TestWithParam<std::string> {};

TEST_P(TranscriptTest, AnswersAsWritten) {
  std::ostringstream read;
  read << std::ifstream(GetParam()).rdbuf();
  const std::string expected = read.str();
  const std::string actual = RunTranscript(expected);
  EXPECT_EQ(actual.find("cannot read"), std::string::npos) << actual;
  EXPECT_NE(actual.find("\n> "), std::string::npos) << "no command in " << GetParam();
  if (std::getenv("REGISTRYD_REWRITE") != nullptr) {
    std::ofstream(GetParam()) << actual;
  } else {
    EXPECT_EQ(actual, expected) << GetParam();
  }
}

INSTANTIATE_TEST_SUITE_P(Core, TranscriptTest, ::testing::ValuesIn(Files()), TestName);

// A runner that compared nothing would pass all of the above.
TEST(TranscriptRunnerTest, TellsWhatHappened) {
  EXPECT_EQ(RunTranscript("> register web/i-1 time=5\n> nonsense\n"),
            "> register web/i-1 time=5\n"
            "ok revision=1 incarnations=1\n"
            "+ default/web/i-1 incarnation=1 changed=1 PASSING registered since=5 created=5 "
            "(register)\n"
            "= revision=1 time=5 instances=default/web/i-1 leases=\n"
            "> nonsense\n"
            "cannot read: unknown command nonsense\n");
}

}  // namespace
}  // namespace registryd::testing
