#include "registryd/wire/record_codec.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "google/protobuf/arena.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/internal/v1/record.pb.h"
#include "registryd/wire/feature_level.h"
#include "registryd/wire/proto_reader.h"
#include "registryd/wire/record_parts.h"
#include "registryd/wire/spec_codec.h"

namespace registryd::wire {
namespace {

namespace pb = ::registryd::internal::v1;

template <class Message>
void Serialize(const Message& message, std::string* out) {
  const bool written = message.SerializeToString(out);
  REGISTRYD_CHECK(written, "a record of more than 2 GiB");
}

template <class Message>
absl::Status Parse(std::string_view bytes, std::string_view what, Message* message) {
  if (bytes.size() > size_t{std::numeric_limits<int>::max()} ||
      !message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(Text("unreadable ", what, " of ", bytes.size(), " bytes"));
  }
  return absl::OkStatus();
}

using RepeatedRings = google::protobuf::RepeatedPtrField<pb::SilenceRing>;

void WindowToProto(const core::SilenceWindow& window, RepeatedRings* out) {
  for (const core::SilenceWindow::Ring& ring : window.rings()) {
    pb::SilenceRing* to = out->Add();
    to->set_ttl_ms(ring.ttl_ms);
    to->set_slot(ring.slot);
    for (const uint32_t count : ring.counts) to->add_counts(count);
  }
}

absl::Status WindowFromProto(const RepeatedRings& rings, core::SilenceWindow* out) {
  int64_t last_ttl_ms = 0;
  for (const pb::SilenceRing& ring : rings) {
    constexpr int kSlots = core::SilenceWindow::kSlots;
    if (ring.ttl_ms() < 1'000 || ring.ttl_ms() <= last_ttl_ms || ring.counts_size() != kSlots) {
      return absl::DataLossError(Text("a ring of silence with ttl ", ring.ttl_ms(), " and ",
                                      ring.counts_size(), " slots"));
    }
    last_ttl_ms = ring.ttl_ms();
    core::SilenceWindow::Ring to{ring.ttl_ms(), ring.slot(), {}};
    std::copy(ring.counts().begin(), ring.counts().end(), to.counts.begin());
    out->LoadRing(to);
  }
  return absl::OkStatus();
}

// As ReadSpec: what EncodeInstanceRecord writes, or false.
bool ReadInstance(std::string_view bytes, core::Instance* out) {
  bool spec = false;
  Reader reader(bytes);
  while (reader.Next()) {
    switch (reader.tag()) {
      case Tag(1, kLength):
        if (std::exchange(spec, true) || !ReadSpec(reader.Bytes(), &out->spec)) return false;
        break;
      case Tag(2, kVarint):
        out->incarnation = Revision(reader.Varint());
        break;
      case Tag(3, kFixed64):
        out->lease = LeaseId(reader.Fixed());
        break;
      case Tag(4, kVarint):
        out->changed = Revision(reader.Varint());
        break;
      case Tag(5, kVarint):
        out->created_ms = static_cast<int64_t>(reader.Varint());
        break;
      case Tag(6, kVarint):
        out->changed_ms = static_cast<int64_t>(reader.Varint());
        break;
      case Tag(7, kVarint):
        out->facts.lease_expired = reader.Varint() != 0;
        break;
      case Tag(8, kVarint): {
        const uint64_t report = reader.Varint();
        if (report > static_cast<uint64_t>(core::Report::kDraining)) return false;
        out->facts.report = static_cast<core::Report>(report);
        break;
      }
      case Tag(9, kLength):
        out->facts.message = reader.Text();
        break;
      case Tag(10, kVarint):
        out->health_since_ms = static_cast<int64_t>(reader.Varint());
        break;
      default:
        return false;
    }
  }
  return reader.ok() && spec;
}

}  // namespace

void LeaseToProto(const core::Lease& lease, pb::LeaseRecord* out) {
  out->set_id(lease.id.value());
  out->set_epoch(lease.epoch.value());
  out->set_ttl_ms(lease.ttl_ms);
  out->set_owner(lease.owner);
  out->set_silent_since_ms(lease.silent_since_ms);
}

core::Lease LeaseFromProto(const pb::LeaseRecord& lease) {
  return {LeaseId(lease.id()), LeaseEpoch(lease.epoch()), lease.ttl_ms(), lease.owner(),
          lease.silent_since_ms()};
}

void OverrideToProto(const core::Override& o, pb::Override* out) {
  out->set_target(o.target);
  out->set_owner(o.owner);
  out->set_reason(o.reason);
  out->set_since_ms(o.since_ms);
  out->set_until_ms(o.until_ms);
}

core::OverridePtr OverrideFromProto(const pb::Override& o) {
  return std::make_shared<const core::Override>(
      core::Override{o.target(), o.owner(), o.reason(), o.since_ms(), o.until_ms()});
}

void ServiceToProto(const core::ServiceRecord& service, pb::ServiceRecord* out) {
  out->set_name(service.name);
  out->set_min_healthy(service.min_healthy);
  if (service.maintenance) OverrideToProto(*service.maintenance, out->mutable_maintenance());
  for (const core::OverridePtr& o : service.of_instances) {
    OverrideToProto(*o, out->add_of_instances());
  }
  WindowToProto(service.left, out->mutable_left());
}

absl::StatusOr<core::ServiceRecordPtr> ServiceFromProto(const pb::ServiceRecord& service) {
  auto out = std::make_shared<core::ServiceRecord>();
  out->name = service.name();
  out->min_healthy = service.min_healthy();
  if (service.has_maintenance()) out->maintenance = OverrideFromProto(service.maintenance());
  for (const pb::Override& o : service.of_instances()) {
    if (!core::InstanceName::IsJoined(o.target()) ||
        (!out->of_instances.empty() && out->of_instances.back()->target >= o.target())) {
      return absl::DataLossError(Text("overrides are not sorted at ", o.target()));
    }
    out->of_instances.push_back(OverrideFromProto(o));
  }
  RETURN_IF_ERROR(WindowFromProto(service.left(), &out->left));
  return core::ServiceRecordPtr(std::move(out));
}

// The one record that is written with every change of an instance, so it goes the short way
// (proto_writer.h): the fields of internal.v1.InstanceRecord.
void EncodeInstanceRecord(const core::Instance& instance, std::string* out) {
  out->clear();
  Writer writer(out);
  PutMessageBy(writer, 1, [&instance](auto& to) { PutSpec(to, instance.spec); });
  PutNumber(writer, 2, instance.incarnation.value());
  PutFixed(writer, 3, instance.lease.value());
  PutNumber(writer, 4, instance.changed.value());
  PutNumber(writer, 5, static_cast<uint64_t>(instance.created_ms));
  PutNumber(writer, 6, static_cast<uint64_t>(instance.changed_ms));
  PutNumber(writer, 7, static_cast<uint64_t>(instance.facts.lease_expired));
  PutNumber(writer, 8, static_cast<uint64_t>(instance.facts.report));
  PutText(writer, 9, instance.facts.message);
  PutNumber(writer, 10, static_cast<uint64_t>(instance.health_since_ms));
  PutNumber(writer, 20, static_cast<uint64_t>(instance.facts.silent));
  PutNumber(writer, 21, static_cast<uint64_t>(instance.facts.check));
  if (instance.facts.rare.empty()) return;
  const core::RareFacts& rare = *instance.facts.rare;
  PutNumber(writer, 22, rare.check_epoch.value());
  PutText(writer, 23, rare.check_message);
  if (!rare.maintenance) return;
  PutMessageBy(writer, 24, [&o = *rare.maintenance](auto& to) {
    PutText(to, 1, o.target);
    PutText(to, 2, o.owner);
    PutText(to, 3, o.reason);
    PutNumber(to, 4, static_cast<uint64_t>(o.since_ms));
    PutNumber(to, 5, static_cast<uint64_t>(o.until_ms));
  });
}

absl::StatusOr<core::InstancePtr> DecodeInstanceRecord(std::string_view bytes) {
  if (auto read = std::make_shared<core::Instance>(); ReadInstance(bytes, read.get())) {
    return core::InstancePtr(std::move(read));
  }
  google::protobuf::Arena arena;
  auto* record = google::protobuf::Arena::CreateMessage<pb::InstanceRecord>(&arena);
  RETURN_IF_ERROR(Parse(bytes, "instance record", record));
  auto out = std::make_shared<core::Instance>();
  ASSIGN_OR_RETURN(out->spec, SpecFromProto(record->spec()));
  out->incarnation = Revision(record->incarnation());
  out->lease = LeaseId(record->lease_id());
  out->changed = Revision(record->changed_revision());
  out->created_ms = record->created_ms();
  out->changed_ms = record->changed_ms();
  out->facts.lease_expired = record->lease_expired();
  ASSIGN_OR_RETURN(out->facts.report, ReportFromProto(record->report()));
  out->facts.message = record->report_message();
  out->health_since_ms = record->health_since_ms();
  out->facts.silent = record->silent();
  if (record->check_result() > static_cast<uint32_t>(core::CheckResult::kFailing)) {
    return absl::DataLossError(Text("unknown result of a check ", record->check_result()));
  }
  out->facts.check = static_cast<core::CheckResult>(record->check_result());
  core::RareFacts rare;
  rare.check_epoch = Revision(record->check_epoch());
  rare.check_message = record->check_message();
  if (record->has_maintenance()) rare.maintenance = OverrideFromProto(record->maintenance());
  out->facts.rare = core::Boxed<core::RareFacts>(std::move(rare));
  return core::InstancePtr(std::move(out));
}

void EncodeLeaseRecord(const core::Lease& lease, std::string* out) {
  pb::LeaseRecord record;
  LeaseToProto(lease, &record);
  Serialize(record, out);
}

absl::StatusOr<core::Lease> DecodeLeaseRecord(std::string_view bytes) {
  pb::LeaseRecord record;
  RETURN_IF_ERROR(Parse(bytes, "lease record", &record));
  if (record.id() == 0) return absl::DataLossError("a lease record without an id");
  return LeaseFromProto(record);
}

void EncodeServiceRecord(const core::ServiceRecord& service, std::string* out) {
  pb::ServiceRecord record;
  ServiceToProto(service, &record);
  Serialize(record, out);
}

absl::StatusOr<core::ServiceRecordPtr> DecodeServiceRecord(std::string_view bytes) {
  pb::ServiceRecord record;
  RETURN_IF_ERROR(Parse(bytes, "service record", &record));
  return ServiceFromProto(record);
}

void EncodeRequestRecord(const core::RequestSlot& slot, std::string* out) {
  pb::RequestRecord record;
  record.set_client_id(slot.request.client_id);
  record.set_sequence(slot.request.sequence);
  record.set_revision(slot.revision.value());
  Serialize(record, out);
}

absl::StatusOr<core::RequestSlot> DecodeRequestRecord(uint64_t slot, std::string_view bytes) {
  pb::RequestRecord record;
  RETURN_IF_ERROR(Parse(bytes, "request record", &record));
  return core::RequestSlot{
      slot, {record.client_id(), record.sequence()}, Revision(record.revision())};
}

void EncodeStateRecord(const StoredState& state, std::string* out) {
  pb::StateRecord record;
  record.set_applied_index(state.applied_index.value());
  record.set_applied_term(state.applied_term.value());
  record.set_cluster_id(state.counters.cluster.value());
  record.set_revision(state.counters.revision.value());
  record.set_time_ms(state.counters.time_ms);
  record.set_next_lease_epoch(state.counters.next_epoch.value());
  record.set_requests_seen(state.counters.requests_seen);
  record.set_digest(state.counters.digest);
  record.set_history_floor(state.counters.history_floor.value());
  if (state.counters.feature_level > 1) record.set_feature_level(state.counters.feature_level);
  record.set_format(kStateFormat);
  const core::RegistryGuard& guard = state.counters.guard;
  record.set_guard_since_ms(guard.since_ms);
  WindowToProto(guard.left, record.mutable_guard_left());
  WindowToProto(guard.left_leases, record.mutable_guard_left_leases());
  for (const NodeId node : state.counters.checkers) record.add_checkers(node.value());
  Serialize(record, out);
}

absl::StatusOr<StoredState> DecodeStateRecord(std::string_view bytes) {
  pb::StateRecord record;
  RETURN_IF_ERROR(Parse(bytes, "state record", &record));
  if (record.format() == 0) return absl::DataLossError("the state record has no format");
  if (record.format() != kStateFormat) {
    return absl::UnimplementedError(Text("state format ", record.format(), "; this build knows ",
                                         kStateFormat, ": start a newer build"));
  }
  StoredState out;
  out.counters.cluster = ClusterId(record.cluster_id());
  out.counters.revision = Revision(record.revision());
  out.counters.time_ms = record.time_ms();
  out.counters.next_epoch = LeaseEpoch(record.next_lease_epoch());
  out.counters.requests_seen = record.requests_seen();
  out.counters.digest = record.digest();
  out.counters.history_floor = Revision(record.history_floor());
  out.counters.guard.since_ms = record.guard_since_ms();
  RETURN_IF_ERROR(WindowFromProto(record.guard_left(), &out.counters.guard.left));
  RETURN_IF_ERROR(WindowFromProto(record.guard_left_leases(), &out.counters.guard.left_leases));
  for (const uint64_t node : record.checkers()) out.counters.checkers.push_back(NodeId(node));
  if (record.feature_level() > 1) out.counters.feature_level = record.feature_level();
  if (out.counters.feature_level > ThisBuild().feature_level) {
    return absl::UnimplementedError(Text("the cluster uses feature level ",
                                         out.counters.feature_level, "; this build knows up to ",
                                         ThisBuild().feature_level, ": start a newer build"));
  }
  out.applied_index = LogIndex(record.applied_index());
  out.applied_term = Term(record.applied_term());
  return out;
}

}  // namespace registryd::wire
