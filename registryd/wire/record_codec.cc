#include "registryd/wire/record_codec.h"

#include <limits>
#include <memory>
#include <utility>

#include "google/protobuf/arena.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/internal/v1/record.pb.h"
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

}  // namespace

void EncodeInstanceRecord(const core::Instance& instance, std::string* out) {
  google::protobuf::Arena arena;
  auto* record = google::protobuf::Arena::CreateMessage<pb::InstanceRecord>(&arena);
  SpecToProto(instance.spec, record->mutable_spec());
  record->set_incarnation(instance.incarnation.value());
  record->set_lease_id(instance.lease.value());
  record->set_changed_revision(instance.changed.value());
  record->set_created_ms(instance.created_ms);
  record->set_changed_ms(instance.changed_ms);
  record->set_lease_expired(instance.facts.lease_expired);
  record->set_report(static_cast<uint32_t>(instance.facts.report));
  record->set_report_message(instance.facts.message);
  record->set_health_since_ms(instance.health_since_ms);
  Serialize(*record, out);
}

absl::StatusOr<core::InstancePtr> DecodeInstanceRecord(std::string_view bytes) {
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
  return core::InstancePtr(std::move(out));
}

void EncodeLeaseRecord(const core::Lease& lease, std::string* out) {
  pb::LeaseRecord record;
  record.set_id(lease.id.value());
  record.set_epoch(lease.epoch.value());
  record.set_ttl_ms(lease.ttl_ms);
  record.set_owner(lease.owner);
  Serialize(record, out);
}

absl::StatusOr<core::Lease> DecodeLeaseRecord(std::string_view bytes) {
  pb::LeaseRecord record;
  RETURN_IF_ERROR(Parse(bytes, "lease record", &record));
  if (record.id() == 0) return absl::DataLossError("a lease record without an id");
  return core::Lease{LeaseId(record.id()), LeaseEpoch(record.epoch()), record.ttl_ms(),
                     record.owner()};
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
  record.set_format(kStateFormat);
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
  out.applied_index = LogIndex(record.applied_index());
  out.applied_term = Term(record.applied_term());
  return out;
}

}  // namespace registryd::wire
