#include "registryd/wire/record_codec.h"

#include <gtest/gtest.h>

#include <iostream>
#include <limits>
#include <random>
#include <string>

#include "registryd/internal/v1/record.pb.h"
#include "tests/support/random_command.h"

namespace registryd::wire {
namespace {

namespace pb = ::registryd::internal::v1;
constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

core::Instance Example() {
  core::Instance instance;
  instance.spec.name = core::InstanceName("default", "web", "i-1");
  instance.spec.endpoints = {{"http", "10.0.0.1", 65'535, "http"}, {"metrics", "::1", 9090, ""}};
  instance.spec.version = "1.4.2";
  instance.spec.labels = {{"example.com/team", "a"}, {"tier", ""}};
  instance.spec.region = "eu";
  instance.spec.zone = "eu-1";
  instance.spec.weight = 65'535;
  instance.incarnation = Revision(3);
  instance.lease = LeaseId(kMost);
  instance.changed = Revision(kMost);
  instance.created_ms = 1'700'000'000'000;
  instance.changed_ms = 1'700'000'000'001;
  instance.facts.lease_expired = true;
  instance.facts.report = core::Report::kDraining;
  instance.facts.message = "caf\u00e9";
  instance.health_since_ms = 1'700'000'000'002;
  return instance;
}

std::string Encoded(const core::Instance& instance) {
  std::string bytes = "what was there before";
  EncodeInstanceRecord(instance, &bytes);
  return bytes;
}

TEST(RecordCodecTest, BringsInstancesBack) {
  EXPECT_EQ(**DecodeInstanceRecord(Encoded(Example())), Example());
  EXPECT_EQ(Encoded(Example()), Encoded(Example()));

  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  testing::RandomCommand random(seed);
  core::Registry registry;
  int seen = 0;
  for (int i = 0; i < 2'000; ++i) {
    for (const auto& change :
         registry.Apply(random.NextContext(), random.Next(registry)).instances) {
      if (!change.after) continue;
      ++seen;
      ASSERT_EQ(**DecodeInstanceRecord(Encoded(*change.after)), *change.after);
    }
  }
  EXPECT_GT(seen, 100);
}

TEST(RecordCodecTest, WritesWhatTheGeneratedClassesDo) {
  // A new field belongs into EncodeInstanceRecord and ReadInstance too.
  EXPECT_EQ(pb::InstanceRecord::descriptor()->field_count(), 15);
  pb::InstanceRecord record;
  ASSERT_TRUE(record.ParseFromString(Encoded(Example())));
  EXPECT_EQ(record.SerializeAsString(), Encoded(Example()));
  EXPECT_EQ(record.spec().endpoints(1).host(), "::1");
  EXPECT_EQ(record.report_message(), Example().facts.message);
  EXPECT_TRUE(record.lease_expired());
}

TEST(RecordCodecTest, RefusesInstancesThatCoreCouldNotTake) {
  const auto code = [](const pb::InstanceRecord& record) {
    return DecodeInstanceRecord(record.SerializeAsString()).status().code();
  };
  pb::InstanceRecord record;
  EXPECT_EQ(code(record), absl::StatusCode::kDataLoss) << "no name";
  record.mutable_spec()->set_name("default/web/i-1");
  EXPECT_EQ(code(record), absl::StatusCode::kOk);
  record.set_report(3);
  EXPECT_EQ(code(record), absl::StatusCode::kDataLoss);
  record.set_report(2);
  record.mutable_spec()->add_endpoints()->set_port(70'000);
  EXPECT_EQ(code(record), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeInstanceRecord("\xff").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RecordCodecTest, BringsLeasesBack) {
  const core::Lease lease{LeaseId(kMost), LeaseEpoch(kMost), 3'600'000, "owner"};
  std::string bytes;
  EncodeLeaseRecord(lease, &bytes);
  EXPECT_EQ(*DecodeLeaseRecord(bytes), lease);
  EXPECT_EQ(DecodeLeaseRecord("").status().code(), absl::StatusCode::kDataLoss) << "no id";
  EXPECT_EQ(DecodeLeaseRecord("\xff").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RecordCodecTest, BringsServicesBack) {
  core::ServiceRecord service;
  service.name = "default/web";
  service.min_healthy = 3;
  const auto cover = [](std::string target, int64_t until_ms) {
    return std::make_shared<const core::Override>(
        core::Override{std::move(target), "ops", "kernel", 1'700'000'000'000, until_ms});
  };
  service.maintenance = cover("default/web", 0);
  service.of_instances = {cover("default/web/i-1", 1'700'000'009'000), cover("default/web/i-2", 0)};
  service.left.Add(6'000, 3, 1'700'000'000'000);
  service.left.Add(60'000, 1, 1'700'000'000'000);
  std::string bytes;
  EncodeServiceRecord(service, &bytes);
  const core::ServiceRecordPtr read = *DecodeServiceRecord(bytes);
  EXPECT_EQ(read->name, service.name);
  EXPECT_EQ(read->min_healthy, 3u);
  EXPECT_EQ(*read->maintenance, *service.maintenance);
  ASSERT_EQ(read->of_instances.size(), 2u);
  EXPECT_EQ(*read->of_instances[0], *service.of_instances[0]);
  EXPECT_EQ(read->left, service.left);
  EXPECT_EQ(DecodeServiceRecord("\xff").status().code(), absl::StatusCode::kDataLoss);

  std::swap(service.of_instances[0], service.of_instances[1]);
  EncodeServiceRecord(service, &bytes);
  EXPECT_EQ(DecodeServiceRecord(bytes).status().code(), absl::StatusCode::kDataLoss)
      << "not sorted";
}

TEST(RecordCodecTest, BringsRequestsBack) {
  const core::RequestSlot slot{7, {kMost, kMost - 1}, Revision(3)};
  std::string bytes;
  EncodeRequestRecord(slot, &bytes);
  const core::RequestSlot read = *DecodeRequestRecord(7, bytes);
  EXPECT_EQ(read.slot, slot.slot);
  EXPECT_EQ(read.request, slot.request);
  EXPECT_EQ(read.revision, slot.revision);
  EXPECT_EQ(DecodeRequestRecord(7, "\xff").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RecordCodecTest, BringsTheStateBack) {
  StoredState state;
  state.counters = {ClusterId(kMost),    Revision(2), 1'700'000'000'000,
                    LeaseEpoch(4),       5,           kMost - 1,
                    Revision(kMost - 7), {},          {}};
  state.counters.guard.since_ms = 1'700'000'000'001;
  state.counters.guard.left.Add(6'000, 30, 1'700'000'000'000);
  state.counters.guard.left_leases.Add(6'000, 10, 1'700'000'000'000);
  state.counters.checkers = {NodeId(3), NodeId(kMost)};
  state.applied_index = LogIndex(8);
  state.applied_term = Term(9);
  std::string bytes;
  EncodeStateRecord(state, &bytes);
  const StoredState read = *DecodeStateRecord(bytes);
  EXPECT_EQ(read.counters, state.counters);
  EXPECT_EQ(read.applied_index, state.applied_index);
  EXPECT_EQ(read.applied_term, state.applied_term);
}

TEST(RecordCodecTest, RefusesAStateOfAnotherFormat) {
  pb::StateRecord record;
  EXPECT_EQ(DecodeStateRecord(record.SerializeAsString()).status().code(),
            absl::StatusCode::kDataLoss);
  record.set_format(kStateFormat + 1);
  EXPECT_EQ(DecodeStateRecord(record.SerializeAsString()).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(DecodeStateRecord("\xff").status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace registryd::wire
