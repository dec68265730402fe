// The scripts come from the command tree; the bash one is run by bash here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/output/completion_script.h"
#include "tests/support/temp_dir.h"

namespace registry::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class CompletionTest : public ::testing::Test {
 protected:
  std::string Script(Shell shell) { return CompletionScript(*tree_, shell); }

  // What bash offers for the words, the last of which is being written.
  std::vector<std::string> Bash(const std::vector<std::string>& words) {
    const std::string path = dir_.path() + "/try.bash";
    std::ofstream file(path);
    file << "set -u\n" << Script(Shell::kBash) << "COMP_WORDS=(registry-cli";
    for (const std::string& word : words) file << " '" << word << "'";
    file << ")\nCOMP_CWORD=" << words.size()
         << "\nCOMPREPLY=()\n_registry_cli\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    file.close();
    FILE* pipe = popen(("bash " + path + " 2>&1").c_str(), "r");
    std::string out;
    std::array<char, 4096> buffer;
    while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) out += buffer.data();
    EXPECT_EQ(pclose(pipe), 0) << out;
    std::vector<std::string> offers;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty()) offers.push_back(line);
    }
    return offers;
  }

  GlobalOptions options_;
  Action action_;
  std::unique_ptr<CLI::App> tree_ = MakeCommandTree(&options_, &action_);
  registryd::testing::TempDir dir_;
};

TEST_F(CompletionTest, BashOffersEveryCommand) {
  const std::vector<std::string> offers = Bash({""});
  const auto commands = tree_->get_subcommands([](const CLI::App*) { return true; });
  ASSERT_GT(commands.size(), 5U);
  for (const CLI::App* command : commands) EXPECT_THAT(offers, Contains(command->get_name()));
  EXPECT_THAT(Bash({"reg"}), ElementsAre("register"));
  EXPECT_THAT(Bash({"-o", "json", "reg"}), ElementsAre("register"));
  EXPECT_THAT(Bash({"--output", "=", "json", "reg"}), ElementsAre("register"));
}

TEST_F(CompletionTest, BashOffersOptionsOfTheCommandAndGlobalOnes) {
  EXPECT_THAT(Bash({"lookup", "web", "--sel"}), ElementsAre("--selector"));
  EXPECT_THAT(Bash({"lookup", "--se"}), ElementsAre("--selector", "--server"));
  EXPECT_THAT(Bash({"status", "--sel"}), IsEmpty());
}

TEST_F(CompletionTest, BashOffersValues) {
  EXPECT_THAT(Bash({"-o", ""}), ElementsAre("table", "wide", "json"));
  EXPECT_THAT(Bash({"lookup", "--output", "=", "j"}), ElementsAre("json"));
  EXPECT_THAT(Bash({"lookup", "--output", "="}), ElementsAre("table", "wide", "json"));
  EXPECT_THAT(Bash({"lookup", "--consistency", "l"}), ElementsAre("local", "linearizable"));
  EXPECT_THAT(Bash({"set-health", "web/i-1", "d"}), ElementsAre("draining"));
  EXPECT_THAT(Bash({"completion", "z"}), ElementsAre("zsh"));
  EXPECT_THAT(Bash({"lookup", "--selector", ""}), IsEmpty());
}

TEST_F(CompletionTest, BashOffersFilesForAFile) {
  std::ofstream(dir_.path() + "/instances.json") << "[]";
  EXPECT_THAT(Bash({"register", "-f", dir_.path() + "/ins"}),
              ElementsAre(dir_.path() + "/instances.json"));
}

TEST_F(CompletionTest, ZshAndFishNameEveryCommandAndOption) {
  const std::string zsh = Script(Shell::kZsh);
  const std::string fish = Script(Shell::kFish);
  EXPECT_THAT(zsh, StartsWith("#compdef registry-cli\n"));
  for (const CLI::App* command : tree_->get_subcommands([](const CLI::App*) { return true; })) {
    EXPECT_THAT(zsh, HasSubstr("    " + command->get_name() + ") specifications=("));
    EXPECT_THAT(fish, HasSubstr(" -a " + command->get_name() + " -d '"));
    for (const CLI::Option* option : command->get_options({})) {
      for (const std::string& name : option->get_lnames()) {
        EXPECT_THAT(zsh, HasSubstr("--" + name + "["));
        EXPECT_THAT(fish, HasSubstr("'__fish_seen_subcommand_from " + command->get_name() + "'"));
        EXPECT_THAT(fish, HasSubstr(" -l " + name + " "));
      }
    }
  }
}

}  // namespace
}  // namespace registry::cli
