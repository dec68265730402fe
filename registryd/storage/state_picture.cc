#include "registryd/storage/state_picture.h"

#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/storage/log_records.h"
#include "registryd/storage/state_families.h"

namespace registryd::storage {

namespace {

absl::Status NothingApplied() {
  return absl::FailedPreconditionError("this node has applied nothing yet; try again");
}

}  // namespace

absl::StatusOr<std::optional<wire::StoredState>> ReadStoredState(
    Database& database, const rocksdb::ReadOptions& options) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = database.db().Get(
      options, database.family(kMeta), rocksdb::Slice(kStateKey.data(), kStateKey.size()), &value);
  if (status.IsNotFound()) return std::optional<wire::StoredState>();
  if (!status.ok()) return database.Damaged(status.ToString());
  absl::StatusOr<wire::StoredState> state = wire::DecodeStateRecord({value.data(), value.size()});
  if (absl::IsUnimplemented(state.status())) {
    return absl::FailedPreconditionError(
        Text("the state in ", database.dir(), ": ", std::string(state.status().message())));
  }
  if (!state.ok()) return database.Damaged(std::string(state.status().message()));
  return std::optional(*std::move(state));
}

StatePicture::StatePicture(std::shared_ptr<Database> database)
    : database_(std::move(database)), snapshot_(database_->db().GetSnapshot()) {}

StatePicture::~StatePicture() { database_->db().ReleaseSnapshot(snapshot_); }

std::unique_ptr<rocksdb::Iterator> StatePicture::Scan(size_t family) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  options.readahead_size = 2u << 20;
  options.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> iterator(
      database_->db().NewIterator(options, database_->family(family)));
  iterator->SeekToFirst();
  return iterator;
}

absl::StatusOr<std::string> StatePicture::ReadConfiguration() const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  std::string value;
  const rocksdb::Status status = database_->db().Get(
      options, database_->family(kMeta),
      rocksdb::Slice(kConfigurationKey.data(), kConfigurationKey.size()), &value);
  if (status.IsNotFound()) return NothingApplied();
  if (!status.ok()) return database_->Damaged(status.ToString());
  return value;
}

absl::StatusOr<StatePicture::Head> StatePicture::ReadHead() const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  ASSIGN_OR_RETURN(std::optional<wire::StoredState> state, ReadStoredState(*database_, options));
  if (!state) return NothingApplied();
  ASSIGN_OR_RETURN(const std::string configuration, ReadConfiguration());
  const std::string_view bytes = configuration;
  const auto index = DecodeLogKey(bytes.substr(0, 8));
  auto members = consensus::DecodeConfiguration(bytes.substr(std::min<size_t>(8, bytes.size())));
  if (!index || !members.ok())
    return database_->Damaged("the record of the members cannot be read");
  consensus::SnapshotRecord record{state->applied_index, state->applied_term, *std::move(members),
                                   *index};
  return Head{*std::move(state), std::move(record)};
}

std::string EncodeStoredConfiguration(LogIndex index, std::string_view configuration) {
  return EncodeLogKey(index) + std::string(configuration);
}

}  // namespace registryd::storage
