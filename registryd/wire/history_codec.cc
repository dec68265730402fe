#include "registryd/wire/history_codec.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "google/protobuf/arena.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/internal/v1/record.pb.h"
#include "registryd/wire/record_codec.h"

namespace registryd::wire {
namespace {

namespace pb = ::registryd::internal::v1;

void MustWrite(bool written) { REGISTRYD_CHECK(written, "a history record of more than 2 GiB"); }

absl::Status Parse(std::string_view bytes, pb::HistoryRecord* record) {
  if (bytes.size() > size_t{std::numeric_limits<int>::max()} ||
      !record->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(Text("unreadable history record of ", bytes.size(), " bytes"));
  }
  return absl::OkStatus();
}

absl::StatusOr<core::InstancePtr> DecodeSide(const std::string& bytes, std::string_view name) {
  if (bytes.empty()) return core::InstancePtr();
  ASSIGN_OR_RETURN(core::InstancePtr instance, DecodeInstanceRecord(bytes));
  if (instance->name().text() != name) {
    return absl::DataLossError(Text("a change of ", name, " holds ", instance->name().text()));
  }
  return instance;
}

}  // namespace

// A message's fields may be joined from parts that were encoded one by one.
void HistoryEncoder::Begin(const core::Outcome& outcome, uint64_t position) {
  pb::HistoryRecord head;
  head.set_revision(outcome.reply.revision.value());
  head.set_time_ms(outcome.time_ms);
  head.set_actor(outcome.actor);
  head.set_position(position);
  MustWrite(head.SerializeToString(&bytes_));
}

void HistoryEncoder::Add(const core::InstanceChange& change, std::string_view before,
                         std::string_view after) {
  google::protobuf::Arena arena;
  auto* part = google::protobuf::Arena::CreateMessage<pb::HistoryRecord>(&arena);
  pb::HistoryRecord::Change* out = part->add_changes();
  out->set_name(change.name().text());
  out->set_cause(static_cast<uint32_t>(change.cause));
  out->set_evidence(change.evidence);
  out->set_before(before.data(), before.size());
  out->set_after(after.data(), after.size());
  MustWrite(part->AppendToString(&bytes_));
}

absl::StatusOr<HistoryEntry> DecodeHistoryRecord(std::string_view bytes, const WantedName& wanted) {
  google::protobuf::Arena arena;
  auto* record = google::protobuf::Arena::CreateMessage<pb::HistoryRecord>(&arena);
  RETURN_IF_ERROR(Parse(bytes, record));
  HistoryEntry entry;
  entry.revision = Revision(record->revision());
  entry.time_ms = record->time_ms();
  entry.actor = record->actor();
  entry.position = record->position();
  for (const pb::HistoryRecord::Change& change : record->changes()) {
    if (wanted && !wanted(change.name())) continue;
    core::InstanceChange& out = entry.changes.emplace_back();
    out.cause = static_cast<core::Cause>(change.cause());
    out.evidence = change.evidence();
    ASSIGN_OR_RETURN(out.before, DecodeSide(change.before(), change.name()));
    ASSIGN_OR_RETURN(out.after, DecodeSide(change.after(), change.name()));
    if (!out.before && !out.after) {
      return absl::DataLossError(Text("a change of ", change.name(), " without an instance"));
    }
  }
  return entry;
}

absl::StatusOr<std::vector<std::string>> ServicesOfHistoryRecord(std::string_view bytes) {
  google::protobuf::Arena arena;
  auto* record = google::protobuf::Arena::CreateMessage<pb::HistoryRecord>(&arena);
  RETURN_IF_ERROR(Parse(bytes, record));
  std::vector<std::string> services;
  for (const pb::HistoryRecord::Change& change : record->changes()) {
    const std::string service = change.name().substr(0, change.name().rfind('/'));
    if (services.empty() || services.back() != service) services.push_back(service);
  }
  std::sort(services.begin(), services.end());
  services.erase(std::unique(services.begin(), services.end()), services.end());
  return services;
}

}  // namespace registryd::wire
