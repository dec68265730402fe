// registry-cli as a process, against a registry of the test's.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/fake_registry_server.h"
#include "tests/support/temp_dir.h"

namespace registry::cli {

class CliProcessTest : public ::testing::Test {
 protected:
  static std::vector<std::string> Command(std::vector<std::string> words) {
    words.insert(words.begin(), registryd::testing::BinDir() + "/registry-cli");
    return words;
  }
  registryd::testing::ChildProcess::Environment Environment() const {
    return {{"REGISTRY_SERVER", server_.address()}};
  }
  registryd::testing::Finished Cli(const std::vector<std::string>& words) const {
    return registryd::testing::RunProgram(Command(words), Environment());
  }
  // With a function "cli".
  registryd::testing::Finished Shell(const std::string& script) const {
    return registryd::testing::RunProgram(
        {"/bin/bash", "-c",
         "set -o pipefail; cli() { \"" + Command({}).front() + "\" \"$@\"; }; " + script},
        Environment());
  }

  registryd::testing::FakeRegistryServer server_;
  registryd::testing::TempDir dir_;
};

}  // namespace registry::cli
