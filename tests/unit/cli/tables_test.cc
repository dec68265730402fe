#include "cli/output/tables.h"

#include <gtest/gtest.h>

#include "tests/unit/cli/sample.h"

namespace registry::cli {
namespace {

Instance Bare() {
  Instance instance;
  instance.spec.service = "web";
  instance.spec.id = "i-20";
  instance.spec.endpoints = {{"default", "10.0.0.2", 80, ""}};
  instance.health = Health::kSuspect;
  return instance;
}

TEST(TablesTest, Instances) {
  EXPECT_EQ(InstanceTable({SampleInstance(), Bare()}, {}),
            "ID    HEALTH   ENDPOINTS                                     VERSION  ZONE\n"
            "i-1   passing  http=10.0.0.1:8080,api/grpc=[2001:db8::1]:81  1.4.2    eu-1\n"
            "i-20  suspect  10.0.0.2:80                                   -        -\n");
}

TEST(TablesTest, InstancesWide) {
  EXPECT_EQ(
      InstanceTable({Bare(), SampleInstance()},
                    {.wide = true, .service = true, .namespaces = true}),
      "NAMESPACE  SERVICE  ID    HEALTH   ENDPOINTS                                     VERSION  "
      "ZONE  REGION  WEIGHT  LABELS           LEASE             SINCE                 REASON       "
      "REVISION  MESSAGE\n"
      "default    web      i-20  suspect  10.0.0.2:80                                   -        "
      "-     -       1       -                permanent         -                     unspecified  "
      "0         -\n"
      "shop       web      i-1   passing  http=10.0.0.1:8080,api/grpc=[2001:db8::1]:81  1.4.2    "
      "eu-1  eu      10      env=prod,tier=a  fedcba9876543210  2023-11-14T22:13:20Z  registered   "
      "42        fine\n");
}

TEST(TablesTest, Services) {
  EXPECT_EQ(ServiceTable({{"shop", "web", 3, 1, 2, 4, 40}}, {}),
            "SERVICE  PASSING  SUSPECT  CRITICAL  DRAINING\n"
            "web      3        1        2         4\n");
  EXPECT_EQ(ServiceTable({{"shop", "web", 3, 1, 2, 4, 40}}, {.wide = true, .namespaces = true}),
            "NAMESPACE  SERVICE  PASSING  SUSPECT  CRITICAL  DRAINING  REVISION\n"
            "shop       web      3        1        2         4         40\n");
}

TEST(TablesTest, Status) {
  ClusterStatus status;
  status.server = "127.0.0.1:7400";
  status.info = {.cluster_id = 0xABC, .revision = 42, .lag_ms = 3, .leader_known = true};
  status.node = "n1";
  status.version = "0.1.0";
  status.leader = "n1";
  status.uptime = absl::Milliseconds(61'500);
  status.services = 1;
  status.instances = 2;
  status.leases = 3;
  status.members = {{"n1", 1, "a:1", MemberRole::kLeader, 5, 6, 7, 8}};
  EXPECT_EQ(StatusTable(status, {}),
            "node      n1 at 127.0.0.1:7400, version 0.1.0, up 1m1s\n"
            "leader    n1\n"
            "revision  42, 3ms behind the leader\n"
            "holds     1 services, 2 instances, 3 leases\n"
            "\n"
            "MEMBER  ROLE    ADDRESS  TERM  APPLIED  LAST  LAG\n"
            "n1      leader  a:1      5     6        7     0ms\n");
  status.members.push_back({.name = "n2", .node_id = 2, .address = "b:1", .reachable = false});
  EXPECT_NE(StatusTable(status, {}).find("n2      unreachable  b:1      -     -        -     -\n"),
            std::string::npos)
      << StatusTable(status, {});
  status.leader.clear();
  EXPECT_NE(StatusTable(status, {.wide = true}).find("leader    none:"), std::string::npos);
}

}  // namespace
}  // namespace registry::cli
