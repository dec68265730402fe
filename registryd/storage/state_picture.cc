#include "registryd/storage/state_picture.h"

#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/storage/log_records.h"
#include "registryd/storage/state_families.h"

namespace registryd::storage {

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

absl::StatusOr<std::string> StatePicture::Get(std::string_view key) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  std::string value;
  const rocksdb::Status status = database_->db().Get(
      options, database_->family(kMetaOfState), rocksdb::Slice(key.data(), key.size()), &value);
  if (status.IsNotFound()) {
    return absl::FailedPreconditionError("this node has applied nothing yet; try again");
  }
  if (!status.ok()) return database_->Damaged(status.ToString());
  return value;
}

absl::StatusOr<StatePicture::Head> StatePicture::ReadHead() const {
  ASSIGN_OR_RETURN(const std::string state, Get(kStateKey));
  ASSIGN_OR_RETURN(const std::string configuration, Get(kConfigurationKey));
  auto decoded = wire::DecodeStateRecord(state);
  if (!decoded.ok()) return database_->Damaged(std::string(decoded.status().message()));
  const std::string_view bytes = configuration;
  const auto index = DecodeLogKey(bytes.substr(0, 8));
  auto members = consensus::DecodeConfiguration(bytes.substr(std::min<size_t>(8, bytes.size())));
  if (!index || !members.ok())
    return database_->Damaged("the record of the members cannot be read");
  consensus::SnapshotRecord record{decoded->applied_index, decoded->applied_term,
                                   *std::move(members), *index};
  return Head{*std::move(decoded), std::move(record)};
}

std::string EncodeStoredConfiguration(LogIndex index, std::string_view configuration) {
  return EncodeLogKey(index) + std::string(configuration);
}

}  // namespace registryd::storage
