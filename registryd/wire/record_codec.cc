#include "registryd/wire/record_codec.h"

#include <limits>
#include <memory>
#include <utility>

#include "google/protobuf/arena.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/internal/v1/record.pb.h"
#include "registryd/wire/proto_reader.h"
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
  record.set_history_floor(state.counters.history_floor.value());
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
  out.counters.history_floor = Revision(record.history_floor());
  out.applied_index = LogIndex(record.applied_index());
  out.applied_term = Term(record.applied_term());
  return out;
}

}  // namespace registryd::wire
