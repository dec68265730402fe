// Every first member must compute the same ids from the same list.

#include "registryd/server/cluster_setup.h"

#include <gtest/gtest.h>

#include <string>

namespace registryd::server {
namespace {

TEST(ClusterSetup, TheListIsReadInTheOrderOfNames) {
  const auto members = ParseInitialCluster("b=10.0.0.2:7401,a=host.example:7401,c=[::1]:7401");
  ASSERT_TRUE(members.ok()) << members.status();
  ASSERT_EQ(members->size(), 3u);
  EXPECT_EQ((*members)[0].name, "a");
  EXPECT_EQ((*members)[0].address, "host.example:7401");
  EXPECT_EQ((*members)[2].address, "[::1]:7401");
}

TEST(ClusterSetup, BadListsAreRefusedByWhatIsWrong) {
  for (const std::string text : {"", "a", "a=", "a=host", "a=host:0", "=host:1", "a b=host:1",
                                 "a=h:1,a=h:2", "a=h:1,b=h:1", "a=h:1,,b=h:2"}) {
    EXPECT_EQ(ParseInitialCluster(text).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

// Builds of all times must agree: these numbers never change.
TEST(ClusterSetup, IdsFollowFromTokenNamesAndAddresses) {
  const auto list = *ParseInitialCluster("a=h:1,b=h:2");
  EXPECT_EQ(ClusterIdOf("registryd", list),
            ClusterIdOf("registryd", *ParseInitialCluster("b=h:2,a=h:1")));
  EXPECT_NE(ClusterIdOf("registryd", list), ClusterIdOf("other", list));
  EXPECT_NE(ClusterIdOf("registryd", list),
            ClusterIdOf("registryd", *ParseInitialCluster("a=h:1,b=h:3")));
  EXPECT_NE(NodeIdOf("registryd", "a"), NodeIdOf("registryd", "b"));
  EXPECT_NE(NodeIdOf("registryd", "a"), NodeIdOf("other", "a"));
  EXPECT_EQ(NodeIdOf("registryd", "a"), NodeId(0xb63268f8f24ca5ee));
  EXPECT_EQ(ClusterIdOf("registryd", *ParseInitialCluster("a=127.77.1.1:7401,b=127.77.1.2:7401,"
                                                          "c=127.77.1.3:7401")),
            ClusterId(0x8717db1a0fd03ba8));
}

}  // namespace
}  // namespace registryd::server
