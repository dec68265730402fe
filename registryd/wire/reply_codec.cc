#include "registryd/wire/reply_codec.h"

#include <utility>
#include <variant>

#include "registryd/base/check.h"
#include "registryd/internal/v1/member.pb.h"
#include "registryd/wire/record_codec.h"
#include "registryd/wire/record_parts.h"

namespace registryd::wire {
namespace {

using internal::v1::AppliedReply;

absl::Status Damaged() { return absl::DataLossError("a reply of another member cannot be read"); }

// A new kind of reply does not compile until it travels, too.
struct Encoder {
  AppliedReply* out;

  void operator()(std::monostate) const {}
  void operator()(const core::RegisterReply& reply) const {
    auto* to = out->mutable_registered();
    for (const Revision incarnation : reply.incarnations) to->add_incarnations(incarnation.value());
    if (reply.lease) LeaseToProto(*reply.lease, to->mutable_lease());
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
    LeaseToProto(reply.lease, out->mutable_lease());
  }
  void operator()(const core::CountReply& reply) const {
    out->mutable_counted()->set_count(reply.count);
    out->mutable_counted()->set_left(reply.left);
  }
  void operator()(const core::MaintenanceReply& reply) const {
    auto* to = out->mutable_maintenance();
    to->set_count(reply.count);
    if (reply.override_) OverrideToProto(*reply.override_, to->mutable_entry());
  }
  void operator()(const core::ServiceReply& reply) const {
    ServiceToProto(*reply.record, out->mutable_service());
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
      if (from.registered().has_lease()) reply.lease = LeaseFromProto(from.registered().lease());
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
      out.reply.value = core::LeaseReply{LeaseFromProto(from.lease())};
      break;
    case AppliedReply::kCounted:
      out.reply.value = core::CountReply{from.counted().count(), from.counted().left()};
      break;
    case AppliedReply::kMaintenance: {
      core::MaintenanceReply reply{nullptr, from.maintenance().count()};
      if (from.maintenance().has_entry()) {
        reply.override_ = OverrideFromProto(from.maintenance().entry());
      }
      out.reply.value = std::move(reply);
      break;
    }
    case AppliedReply::kService: {
      auto record = ServiceFromProto(from.service());
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
