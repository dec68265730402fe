// What people do with registry-cli, asking a real daemon.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/daemon.h"
#include "tests/support/temp_dir.h"

namespace registryd::testing {

class CliFixture : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(daemon_.Start()) << daemon_.Log(); }
  Finished Cli(std::vector<std::string> arguments) const {
    return daemon_.Cli(std::move(arguments));
  }
  void Must(const std::vector<std::string>& arguments) const {
    const Finished done = Cli(arguments);
    ASSERT_EQ(done.exit, 0) << arguments[0] << ": " << done.err;
  }

  TempDir dir_;
  Daemon daemon_{dir_.path() + "/data"};
};

}  // namespace registryd::testing
