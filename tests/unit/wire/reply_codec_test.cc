// Replies of forwarded writes arrive as they were given.

#include "registryd/wire/reply_codec.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace registryd::wire {
namespace {

core::Reply Carried(const core::Reply& reply) {
  const auto read = DecodeReply(EncodeReply(LogIndex(77), reply));
  EXPECT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->index, LogIndex(77));
  EXPECT_EQ(read->reply.status, reply.status);
  EXPECT_EQ(read->reply.revision, reply.revision);
  EXPECT_EQ(read->reply.value.index(), reply.value.index());
  return read->reply;
}

core::Lease Lease() {
  core::Lease lease;
  lease.id = LeaseId(1ull << 63);
  lease.epoch = LeaseEpoch(4);
  lease.ttl_ms = 6'000;
  lease.owner = "me";
  return lease;
}

void ExpectLease(const core::Lease& lease) {
  EXPECT_EQ(lease.id, Lease().id);
  EXPECT_EQ(lease.epoch, Lease().epoch);
  EXPECT_EQ(lease.ttl_ms, Lease().ttl_ms);
  EXPECT_EQ(lease.owner, Lease().owner);
}

TEST(ReplyCodec, EveryKindOfReplyArrives) {
  Carried({absl::NotFoundError("instance default/web/i-1 is not there"), Revision(9), {}});
  const auto registered =
      Carried({{}, Revision(3), core::RegisterReply{{Revision(3), Revision(0)}, Lease()}});
  const auto& incarnations = std::get<core::RegisterReply>(registered.value).incarnations;
  EXPECT_EQ(incarnations, (std::vector<Revision>{Revision(3), Revision(0)}));
  ExpectLease(*std::get<core::RegisterReply>(registered.value).lease);
  const auto permanent = Carried({{}, Revision(3), core::RegisterReply{{Revision(3)}, {}}});
  EXPECT_FALSE(std::get<core::RegisterReply>(permanent.value).lease.has_value());

  const auto gone = Carried({{}, Revision(4), core::DeregisterReply{{true, false, true}}});
  EXPECT_EQ(std::get<core::DeregisterReply>(gone.value).removed,
            (std::vector<bool>{true, false, true}));
  ExpectLease(
      std::get<core::LeaseReply>(Carried({{}, Revision(), core::LeaseReply{Lease()}}).value).lease);
  EXPECT_EQ(
      std::get<core::CountReply>(Carried({{}, Revision(5), core::CountReply{12}}).value).count,
      12u);

  const auto counted = Carried({{}, Revision(5), core::CountReply{12, 7}});
  EXPECT_EQ(std::get<core::CountReply>(counted.value).left, 7u);

  const core::Override entry{"default/web/i-1", "ops", "kernel", 1'000, 9'000};
  const auto covered = Carried(
      {{}, Revision(6), core::MaintenanceReply{std::make_shared<const core::Override>(entry), 3}});
  EXPECT_EQ(*std::get<core::MaintenanceReply>(covered.value).override_, entry);
  EXPECT_EQ(std::get<core::MaintenanceReply>(covered.value).count, 3u);
  EXPECT_EQ(
      std::get<core::MaintenanceReply>(Carried({{}, Revision(6), core::MaintenanceReply{}}).value)
          .override_,
      nullptr);
  auto service = std::make_shared<core::ServiceRecord>();
  service->name = "default/web";
  service->min_healthy = 3;
  EXPECT_EQ(
      std::get<core::ServiceReply>(Carried({{}, Revision(6), core::ServiceReply{service}}).value)
          .record->min_healthy,
      3u);

  auto instance = std::make_shared<core::Instance>();
  instance->spec.name = core::InstanceName("default", "web", "i-1");
  instance->spec.endpoints.push_back({"default", "10.0.0.1", 80, "http"});
  instance->spec.version = "1.2.3";
  instance->incarnation = Revision(2);
  instance->changed = Revision(6);
  const auto updated = Carried({{}, Revision(6), core::InstanceReply{instance}});
  const core::InstancePtr read = std::get<core::InstanceReply>(updated.value).instance;
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->name(), instance->name());
  EXPECT_EQ(read->spec.version, "1.2.3");
  EXPECT_EQ(read->incarnation, Revision(2));
  EXPECT_EQ(read->changed, Revision(6));
}

TEST(ReplyCodec, BytesThatAreNoneAreRefused) {
  EXPECT_EQ(DecodeReply("\xff\xff").status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace registryd::wire
