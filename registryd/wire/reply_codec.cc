#include "registryd/wire/reply_codec.h"

#include <memory>
#include <utility>
#include <variant>

#include "registryd/base/check.h"
#include "registryd/internal/v1/member.pb.h"
#include "registryd/wire/record_codec.h"

namespace registryd::wire {
namespace {

using internal::v1::AppliedReply;

absl::Status Damaged() { return absl::DataLossError("a reply of another member cannot be read"); }

void PutLease(const core::Lease& lease, internal::v1::LeaseRecord* out) {
  out->set_id(lease.id.value());
  out->set_epoch(lease.epoch.value());
  out->set_ttl_ms(lease.ttl_ms);
  out->set_owner(lease.owner);
  out->set_silent_since_ms(lease.silent_since_ms);
}

core::Lease TakeLease(const internal::v1::LeaseRecord& from) {
  core::Lease lease;
  lease.id = LeaseId(from.id());
  lease.epoch = LeaseEpoch(from.epoch());
  lease.ttl_ms = from.ttl_ms();
  lease.owner = from.owner();
  lease.silent_since_ms = from.silent_since_ms();
  return lease;
}

// A new kind of reply does not compile until it travels, too.
struct Encoder {
  AppliedReply* out;

  void operator()(std::monostate) const {}
  void operator()(const core::RegisterReply& reply) const {
    auto* to = out->mutable_registered();
    for (const Revision incarnation : reply.incarnations) to->add_incarnations(incarnation.value());
    if (reply.lease) PutLease(*reply.lease, to->mutable_lease());
  }
  void operator()(const core::DeregisterReply& reply) const {
    auto* to = out->mutable_deregistered();
    for (const bool removed : reply.removed) to->add_removed(removed);
  }
  void operator()(const core::InstanceReply& reply) const {
    std::string bytes;
    EncodeInstanceRecord(*reply.instance, &bytes);
    const bool read = out->mutable_instance()->ParseFromString(bytes);
    REGISTRYD_CHECK(read, "a record of this build cannot be read by it");
  }
  void operator()(const core::LeaseReply& reply) const {
    PutLease(reply.lease, out->mutable_lease());
  }
  void operator()(const core::CountReply& reply) const {
    out->mutable_counted()->set_count(reply.count);
    out->mutable_counted()->set_left(reply.left);
  }
  void operator()(const core::MaintenanceReply& reply) const {
    auto* to = out->mutable_maintenance();
    to->set_count(reply.count);
    if (!reply.override_) return;
    to->mutable_entry()->set_target(reply.override_->target);
    to->mutable_entry()->set_owner(reply.override_->owner);
    to->mutable_entry()->set_reason(reply.override_->reason);
    to->mutable_entry()->set_since_ms(reply.override_->since_ms);
    to->mutable_entry()->set_until_ms(reply.override_->until_ms);
  }
  void operator()(const core::ServiceReply& reply) const {
    std::string bytes;
    EncodeServiceRecord(*reply.record, &bytes);
    const bool read = out->mutable_service()->ParseFromString(bytes);
    REGISTRYD_CHECK(read, "a record of this build cannot be read by it");
  }
};

}  // namespace

std::string EncodeReply(LogIndex index, const core::Reply& reply) {
  AppliedReply out;
  out.set_index(index.value());
  out.set_code(static_cast<uint32_t>(reply.status.code()));
  out.set_message(std::string(reply.status.message()));
  out.set_revision(reply.revision.value());
  std::visit(Encoder{&out}, reply.value);
  return out.SerializeAsString();
}

absl::StatusOr<ForwardedReply> DecodeReply(std::string_view bytes) {
  AppliedReply from;
  if (!from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Damaged();
  ForwardedReply out;
  out.index = LogIndex(from.index());
  out.reply.status = absl::Status(static_cast<absl::StatusCode>(from.code()), from.message());
  out.reply.revision = Revision(from.revision());
  switch (from.value_case()) {
    case AppliedReply::kRegistered: {
      core::RegisterReply reply;
      for (const uint64_t incarnation : from.registered().incarnations()) {
        reply.incarnations.emplace_back(incarnation);
      }
      if (from.registered().has_lease()) reply.lease = TakeLease(from.registered().lease());
      out.reply.value = std::move(reply);
      break;
    }
    case AppliedReply::kDeregistered: {
      core::DeregisterReply reply;
      for (const bool removed : from.deregistered().removed()) reply.removed.push_back(removed);
      out.reply.value = std::move(reply);
      break;
    }
    case AppliedReply::kInstance: {
      auto instance = DecodeInstanceRecord(from.instance().SerializeAsString());
      if (!instance.ok()) return instance.status();
      out.reply.value = core::InstanceReply{*std::move(instance)};
      break;
    }
    case AppliedReply::kLease:
      out.reply.value = core::LeaseReply{TakeLease(from.lease())};
      break;
    case AppliedReply::kCounted:
      out.reply.value = core::CountReply{from.counted().count(), from.counted().left()};
      break;
    case AppliedReply::kMaintenance: {
      core::MaintenanceReply reply{nullptr, from.maintenance().count()};
      if (from.maintenance().has_entry()) {
        const internal::v1::Override& entry = from.maintenance().entry();
        reply.override_ = std::make_shared<const core::Override>(core::Override{
            entry.target(), entry.owner(), entry.reason(), entry.since_ms(), entry.until_ms()});
      }
      out.reply.value = std::move(reply);
      break;
    }
    case AppliedReply::kService: {
      auto record = DecodeServiceRecord(from.service().SerializeAsString());
      if (!record.ok()) return record.status();
      out.reply.value = core::ServiceReply{*std::move(record)};
      break;
    }
    case AppliedReply::VALUE_NOT_SET:
      break;
  }
  return out;
}

}  // namespace registryd::wire
