// The memory of the past through the command line, over a restart.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/cli_fixture.h"

namespace registryd::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using HistoryCliTest = CliFixture;

TEST_F(HistoryCliTest, WhatHappenedIsToldAlsoAfterKill9) {
  Must({"register", "web", "--id", "i-1", "--endpoint", "10.0.0.1:80", "--permanent"});  // 1
  Must({"register", "web", "--id", "i-2", "--endpoint", "10.0.0.2:80", "--permanent"});  // 2
  Must({"update", "web/i-1", "--weight", "20"});                                         // 3
  Must({"set-health", "web/i-2", "draining", "--message", "deploy"});                    // 4
  Must({"deregister", "web/i-1"});                                                       // 5
  Must({"register", "db", "--id", "d-1", "--endpoint", "10.0.0.3:80", "--permanent"});   // 6
  daemon_.Kill9();
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();

  const Finished all = Cli({"history", "web"});
  EXPECT_EQ(all.exit, 0) << all.err;
  EXPECT_THAT(all.out, AllOf(HasSubstr("register"), HasSubstr("weight 1 -> 20"),
                             HasSubstr("health passing -> draining"), HasSubstr("deregister"),
                             Not(HasSubstr("d-1"))));
  EXPECT_LT(all.out.find("weight 1 -> 20"), all.out.find("deregister")) << "the newest last";
  const Finished one = Cli({"history", "--instance", "web/i-2"});
  EXPECT_THAT(one.out, AllOf(HasSubstr("i-2"), Not(HasSubstr("i-1"))));
  EXPECT_THAT(Cli({"history", "--limit", "1"}).out, HasSubstr("db/d-1"));
  EXPECT_THAT(Cli({"history", "web", "--since", "1h", "-o", "json"}).out,
              HasSubstr("\"cause\": \"deregister\""));

  const Finished then = Cli({"lookup", "web", "--revision", "3", "-o", "json"});
  EXPECT_EQ(then.exit, 0) << then.err;
  EXPECT_THAT(then.out, AllOf(HasSubstr("\"revision\": 3,"), HasSubstr("\"id\": \"i-1\""),
                              HasSubstr("\"weight\": 20"), HasSubstr("\"id\": \"i-2\"")));
  EXPECT_EQ(Cli({"lookup", "web"}).exit, 3) << "one draining, one gone";
  EXPECT_EQ(Cli({"lookup", "web", "--revision", "99"}).exit, 1);
  EXPECT_EQ(Cli({"lookup", "web", "--at", "noon"}).exit, 2);

  const Finished diff = Cli({"diff", "web", "--from", "1", "--to", "now"});
  EXPECT_EQ(diff.exit, 0) << diff.err;
  EXPECT_THAT(diff.out, AllOf(HasSubstr("- passing"), HasSubstr("+ draining")));

  const Finished dropped = Cli({"explain", "web", "--instance", "i-2"});
  EXPECT_EQ(dropped.exit, 0) << dropped.err;
  EXPECT_THAT(dropped.out, AllOf(HasSubstr("not returned"), HasSubstr("NO   health"),
                                 HasSubstr("deploy"), HasSubstr("revision 4")));
  const Finished gone = Cli({"explain", "web", "--instance", "i-1"});
  EXPECT_THAT(gone.out, AllOf(HasSubstr("it has left"), HasSubstr("deregister at revision 5")));
}

}  // namespace
}  // namespace registryd::testing
