// What an operator does by hand, through the command line: min-healthy and force, maintenance, the
// guard, checks; and that the history says who forced what.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/cli_fixture.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class OperatorCliTest : public CliFixture {
 protected:
  void Refused(const std::vector<std::string>& arguments, const std::string& words) {
    const Finished refused = Cli(arguments);
    EXPECT_EQ(refused.exit, 1) << arguments[0] << ": " << refused.out;
    EXPECT_THAT(refused.err, HasSubstr(words));
  }
};

TEST_F(OperatorCliTest, BelowMinHealthyOnlyByForceAndTheHistorySaysSo) {
  for (const std::string id : {"i-1", "i-2", "i-3", "i-4"}) {
    Must({"register", "web", "--id", id, "--endpoint", "10.0.0.1:80", "--permanent"});
  }
  Must({"service", "web", "--min-healthy", "4"});
  EXPECT_THAT(Cli({"service", "web"}).out, HasSubstr("min-healthy 4"));

  const std::string numbers = "has 4 passing instances and min_healthy 4";
  Refused({"deregister", "web/i-1"}, numbers);
  Refused({"set-health", "web/i-1", "draining"}, numbers);
  Refused({"drain", "web/i-1", "--wait", "1s"}, numbers);
  Refused({"maintenance", "on", "web/i-1", "--reason", "kernel"}, numbers);

  Must({"deregister", "web/i-1", "--reason", "host is gone", "--force"});
  Must({"set-health", "web/i-2", "draining", "--message", "deploy", "--force"});
  Must({"drain", "web/i-3", "--wait", "30s", "--force"});
  Must({"maintenance", "on", "web/i-4", "--reason", "kernel", "--force"});
  const std::string history = Cli({"history", "web", "-o", "json"}).out;
  EXPECT_THAT(history,
              AllOf(HasSubstr("host is gone; forced: leaves 3 passing, below min_healthy 4"),
                    HasSubstr("deploy; forced: leaves 2 passing, below min_healthy 4"),
                    HasSubstr("forced: leaves 1 passing, below min_healthy 4"),
                    HasSubstr("kernel; forced: leaves 0 passing, below min_healthy 4")));

  Must({"service", "web", "--min-healthy", "0"});
  Must({"deregister", "web/i-2"});
}

TEST_F(OperatorCliTest, MaintenanceIsShownExplainedAndEnded) {
  Must({"register", "web", "--id", "i-1", "--endpoint", "10.0.0.1:80", "--permanent"});
  Must({"maintenance", "on", "web/i-1", "--reason", "kernel update", "--owner", "ops", "--for",
        "1h"});
  EXPECT_THAT(Cli({"maintenance", "list"}).out,
              AllOf(HasSubstr("web/i-1"), HasSubstr("ops"), HasSubstr("kernel update")));
  const Finished others = Cli({"maintenance", "list", "db"});
  EXPECT_EQ(others.exit, 0) << others.err;
  EXPECT_THAT(others.out, Not(HasSubstr("web/i-1")));
  EXPECT_EQ(Cli({"lookup", "web"}).exit, 3);
  EXPECT_THAT(Cli({"explain", "web", "--instance", "i-1"}).out,
              AllOf(HasSubstr("override"), HasSubstr("by ops: kernel update"),
                    HasSubstr("maintenance on")));
  EXPECT_THAT(
      Cli({"lookup", "web", "--health", "draining", "-o", "json"}).out,
      AllOf(HasSubstr("\"health_reason\": \"maintenance\""), HasSubstr("\"owner\": \"ops\"")));
  Must({"maintenance", "off", "web/i-1"});
  EXPECT_EQ(Cli({"lookup", "web"}).exit, 0);
  EXPECT_EQ(Cli({"maintenance", "off", "web/i-1"}).exit, 3);
}

// An instance on a port where nobody listens never passes its check; one on the daemon's own port
// does.
TEST_F(OperatorCliTest, AnInstanceThatAsksToBeChecked) {
  Must({"register", "web", "--id", "dead", "--endpoint", "127.0.0.1:1", "--permanent", "--check",
        "tcp", "--check-interval", "1s", "--check-failures", "1"});
  Must({"register", "web", "--id", "alive", "--endpoint", daemon_.address(), "--permanent",
        "--check", "grpc", "--check-interval", "1s"});
  EXPECT_TRUE(WaitFor([&] { return Cli({"lookup", "web"}).exit == 0; })) << daemon_.Log();
  EXPECT_THAT(Cli({"lookup", "web"}).out, AllOf(HasSubstr("alive"), Not(HasSubstr("dead"))));
  EXPECT_THAT(Cli({"lookup", "web", "-o", "json"}).out, HasSubstr("\"kind\": \"grpc\""));
  EXPECT_TRUE(WaitFor([&] {
    const std::string why = Cli({"explain", "web", "--instance", "dead"}).out;
    return why.find("check failed") != std::string::npos;
  })) << Cli({"explain", "web", "--instance", "dead"}).out;
}

TEST_F(OperatorCliTest, TheGuardHoldsNothingWhileAllIsWell) {
  EXPECT_THAT(Cli({"guard", "list"}).out, HasSubstr("The guard holds nothing."));
  EXPECT_THAT(Cli({"guard", "list", "-o", "json"}).out, HasSubstr("\"silent_leases\": 0"));
  EXPECT_THAT(Cli({"guard", "release", "web"}).out, HasSubstr("released 0 instances"));
  EXPECT_EQ(Cli({"guard", "release"}).exit, 2);
}

}  // namespace
}  // namespace registryd::testing
