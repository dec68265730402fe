// The shapes that docs/cli.md promises, byte by byte.
#include "cli/output/json.h"

#include <gtest/gtest.h>

#include "cli/commands/instance_file.h"
#include "tests/unit/cli/sample.h"

namespace registry::cli {
namespace {

constexpr AnswerInfo kInfo = {
    .cluster_id = 0xABC, .revision = 42, .lag_ms = 3, .leader_known = true};

constexpr char kBegin[] = R"({
  "revision": 42,
  "cluster_id": "0000000000000abc",
  "lag_ms": 3,
  "leader_known": true,
)";

constexpr char kInstance[] = R"({
      "namespace": "shop",
      "service": "web",
      "id": "i-1",
      "health": "passing",
      "health_reason": "registered",
      "health_message": "fine",
      "health_since_ms": 1700000000123,
      "endpoints": [
        {
          "name": "http",
          "host": "10.0.0.1",
          "port": 8080,
          "protocol": ""
        },
        {
          "name": "api",
          "host": "2001:db8::1",
          "port": 81,
          "protocol": "grpc"
        }
      ],
      "version": "1.4.2",
      "labels": {
        "env": "prod",
        "tier": "a"
      },
      "region": "eu",
      "zone": "eu-1",
      "weight": 10,
      "lease_id": "fedcba9876543210",
      "incarnation": 41,
      "changed_revision": 42,
      "created_ms": 1700000000000,
      "changed_ms": 1700000000123,
      "check": null,
      "maintenance": null
    })";

TEST(JsonTest, Lookup) {
  LookupQuery query;
  query.ns = "shop";
  query.service = "web";
  LookupResult result;
  result.info = kInfo;
  result.instances = {SampleInstance()};
  result.total = 7;
  EXPECT_EQ(LookupJson(query, result), std::string(kBegin) + R"(  "namespace": "shop",
  "service": "web",
  "total": 7,
  "instances": [
    )" + kInstance + R"(
  ]
}
)");
}

TEST(JsonTest, LookupOfNothingIsAWholeObject) {
  LookupQuery query;
  query.service = "web";
  EXPECT_EQ(LookupJson(query, {}), R"({
  "revision": 0,
  "cluster_id": "0000000000000000",
  "lag_ms": 0,
  "leader_known": false,
  "namespace": "default",
  "service": "web",
  "total": 0,
  "instances": []
}
)");
}

TEST(JsonTest, PermanentInstanceHasNoLease) {
  InstancesPage page;
  page.instances = {SampleInstance()};
  page.instances[0].lease_id = 0;
  EXPECT_NE(InstancesJson(page).find("\"lease_id\": null"), std::string::npos);
}

TEST(JsonTest, InstancesCanBeRegisteredAgain) {
  InstancesPage page;
  page.instances = {SampleInstance()};
  const auto specs = ParseInstances(InstancesJson(page), "default");
  ASSERT_TRUE(specs.ok()) << specs.status();
  ASSERT_EQ(specs->size(), 1U);
  EXPECT_EQ((*specs)[0], SampleInstance().spec);
}

TEST(JsonTest, Services) {
  ServicesPage page;
  page.info = kInfo;
  page.services = {{"shop", "web", 3, 1, 2, 4, 40}};
  EXPECT_EQ(ServicesJson(page), std::string(kBegin) + R"(  "services": [
    {
      "namespace": "shop",
      "service": "web",
      "passing": 3,
      "suspect": 1,
      "critical": 2,
      "draining": 4,
      "changed_revision": 40
    }
  ]
}
)");
}

TEST(JsonTest, Register) {
  RegisterResult result;
  result.revision = 9;
  result.instances = {{"i-1", 9}};
  result.lease = Lease{0x10, 2, absl::Seconds(6), absl::Seconds(2)};
  InstanceSpec spec;
  spec.service = "web";
  EXPECT_EQ(RegisterJson({spec}, result), R"({
  "revision": 9,
  "lease": {
    "id": "0000000000000010",
    "epoch": 2,
    "ttl_ms": 6000,
    "renew_every_ms": 2000
  },
  "instances": [
    {
      "namespace": "default",
      "service": "web",
      "id": "i-1",
      "incarnation": 9
    }
  ]
}
)");
}

TEST(JsonTest, Deregister) {
  InstanceRef web;
  web.service = "web";
  web.id = "i-1";
  DeregisterResult result;
  result.revision = 10;
  result.removed = {true};
  EXPECT_EQ(DeregisterJson({web}, result), R"({
  "revision": 10,
  "instances": [
    {
      "namespace": "default",
      "service": "web",
      "id": "i-1",
      "removed": true
    }
  ]
}
)");
}

TEST(JsonTest, StatusSortsItsMembers) {
  ClusterStatus status;
  status.server = "127.0.0.1:7400";
  status.info = kInfo;
  status.node = "n1";
  status.version = "0.1.0";
  status.uptime = absl::Milliseconds(1500);
  status.services = 1;
  status.instances = 2;
  status.leases = 3;
  status.members = {{"n2", 2, "b:1", MemberRole::kFollower, 5, 6, 7, 8},
                    {"n1", 1, "a:1", MemberRole::kLeader, 5, 6, 7, UINT64_MAX}};
  EXPECT_EQ(StatusJson(status), R"({
  "node": "n1",
  "version": "0.1.0",
  "server": "127.0.0.1:7400",
  "leader": null,
  "revision": 42,
  "cluster_id": "0000000000000abc",
  "lag_ms": 3,
  "leader_known": true,
  "services": 1,
  "instances": 2,
  "leases": 3,
  "uptime_ms": 1500,
  "feature_level": 0,
  "insecure": false,
  "members": [
    {
      "name": "n1",
      "node_id": "0000000000000001",
      "address": "a:1",
      "role": "leader",
      "term": 5,
      "applied_index": 6,
      "last_index": 7,
      "digest": "ffffffffffffffff",
      "reachable": true,
      "lag_ms": 0,
      "suffrage": "voter",
      "divergence": ""
    },
    {
      "name": "n2",
      "node_id": "0000000000000002",
      "address": "b:1",
      "role": "follower",
      "term": 5,
      "applied_index": 6,
      "last_index": 7,
      "digest": "0000000000000008",
      "reachable": true,
      "lag_ms": 0,
      "suffrage": "voter",
      "divergence": ""
    }
  ]
}
)");
}

TEST(JsonTest, TextThatIsNotUtf8DoesNotBreakTheObject) {
  ChangeResult result;
  result.instance = SampleInstance();
  result.instance.message = "\xff";
  EXPECT_NE(ChangeJson(result).find("\"health_message\": \"\xEF\xBF\xBD\""), std::string::npos);
}

}  // namespace
}  // namespace registry::cli
