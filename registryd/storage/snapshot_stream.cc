#include "registryd/storage/snapshot_stream.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "registryd/base/bytes.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/storage/directory.h"
#include "registryd/storage/record_file.h"
#include "registryd/storage/state_families.h"
#include "registryd/storage/state_picture.h"
#include "rocksdb/write_batch.h"

namespace registryd::storage {
namespace {

// u32 size of kind and content, u32 CRC-32C of both, u8 kind, content. Little endian.
constexpr size_t kFrameBytes = 8;
enum Kind : uint8_t { kHead = 1, kRecords = 2, kEnd = 3 };
// What leaves room for the rest of a chunk.
constexpr size_t kRecordMax = consensus::kSnapshotChunkMax - (1 << 20);
constexpr size_t kReadAtOnce = 1 << 20;
constexpr std::string_view kMagic = "registryd snapshot\n";

void PutText(std::string& out, std::string_view text) {
  AppendLittleEndian(out, static_cast<uint32_t>(text.size()));
  out += text;
}

std::string_view TakeText(ByteReader& reader) { return reader.TakeBytes(reader.Take<uint32_t>()); }

std::string Frame(Kind kind, std::string_view content) {
  std::string body(1, static_cast<char>(kind));
  body += content;
  std::string frame;
  frame.reserve(kFrameBytes + body.size());
  AppendLittleEndian(frame, static_cast<uint32_t>(body.size()));
  AppendLittleEndian(frame, ExtendCrc32c(0, body));
  return frame += body;
}

absl::Status Bad(std::string_view what) {
  return absl::DataLossError(Text("the snapshot is damaged: ", what));
}

rocksdb::Slice Slice(std::string_view view) { return {view.data(), view.size()}; }

// What is counted on both sides and compared at the end.
struct Totals {
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint32_t crc = 0;
  void Count(std::string_view frame) {
    bytes += frame.size();
    crc = ExtendCrc32c(crc, frame);
  }
};

}  // namespace

struct SnapshotWriter::Impl {
  std::shared_ptr<const StatePicture> picture;
  Totals totals;
  enum class Stage : uint8_t { kHead, kRecords, kEnd, kDone } stage = Stage::kHead;
  size_t family = 0;
  std::unique_ptr<rocksdb::Iterator> at;

  absl::StatusOr<std::string> Head();
  absl::StatusOr<std::string> Records();
};

SnapshotWriter::SnapshotWriter(std::shared_ptr<const StatePicture> picture)
    : impl_(std::make_unique<Impl>()) {
  impl_->picture = std::move(picture);
}
SnapshotWriter::~SnapshotWriter() = default;

absl::StatusOr<std::string> SnapshotWriter::Impl::Head() {
  ASSIGN_OR_RETURN(StatePicture::Head read, picture->ReadHead());
  const SnapshotHead head{read.state.counters.cluster, read.state.counters.revision,
                          std::move(read.record)};
  ASSIGN_OR_RETURN(const consensus::Payload members,
                   consensus::EncodeConfiguration(head.record.configuration));
  std::string content(kMagic);
  AppendLittleEndian(content, kSnapshotFormat);
  AppendLittleEndian(content, head.cluster.value());
  AppendLittleEndian(content, head.revision.value());
  AppendLittleEndian(content, head.record.index.value());
  AppendLittleEndian(content, head.record.term.value());
  AppendLittleEndian(content, head.record.configuration_index.value());
  PutText(content, *members);
  const DatabaseOptions options = StateDatabase("");
  AppendLittleEndian(content, static_cast<uint32_t>(options.families.size()));
  for (const FamilySpec& spec : options.families) PutText(content, spec.name);
  return Frame(kHead, content);
}

// Records of one family; empty: there are no more of any.
absl::StatusOr<std::string> SnapshotWriter::Impl::Records() {
  const size_t families = picture->database().family_count();
  std::string content;
  while (family < families) {
    if (at == nullptr) at = picture->Scan(family);
    content.assign(1, static_cast<char>(family));
    for (; at->Valid() && content.size() < kSnapshotChunkBytes; at->Next()) {
      if (at->key().size() + at->value().size() > kRecordMax) {
        return absl::ResourceExhaustedError(Text(
            "a record of ", at->value().size(), " bytes of the family '",
            StateDatabase("").families[family].name,
            "' is too large for a snapshot; once the history has forgotten a change of so many "
            "instances at once (history-keep), it works again"));
      }
      PutText(content, {at->key().data(), at->key().size()});
      PutText(content, {at->value().data(), at->value().size()});
      ++totals.records;
    }
    if (!at->status().ok()) return picture->database().Damaged(at->status().ToString());
    if (!at->Valid()) {
      at.reset();
      ++family;
    }
    if (content.size() > 1) return Frame(kRecords, content);
  }
  return std::string();
}

absl::StatusOr<std::string> SnapshotWriter::Next() {
  Impl& impl = *impl_;
  std::string frame;
  if (impl.stage == Impl::Stage::kHead) {
    ASSIGN_OR_RETURN(frame, impl.Head());
    impl.stage = Impl::Stage::kRecords;
  } else if (impl.stage == Impl::Stage::kRecords) {
    ASSIGN_OR_RETURN(frame, impl.Records());
    if (frame.empty()) impl.stage = Impl::Stage::kEnd;
  }
  if (impl.stage == Impl::Stage::kEnd) {
    std::string content;
    AppendLittleEndian(content, impl.totals.records);
    AppendLittleEndian(content, impl.totals.bytes);
    AppendLittleEndian(content, impl.totals.crc);
    impl.stage = Impl::Stage::kDone;
    impl.picture.reset();
    return Frame(kEnd, content);
  }
  impl.totals.Count(frame);
  return frame;
}

struct StateImport::Impl {
  std::string dir;
  std::unique_ptr<Database> database;
  std::optional<SnapshotHead> head;
  std::vector<size_t> families;  // of the sender's numbers
  Totals totals;
  bool complete = false;
  rocksdb::WriteBatch batch;

  absl::Status Head(ByteReader reader);
  absl::Status Records(ByteReader reader);
  absl::Status End(ByteReader reader);
  absl::Status Wrote(const rocksdb::Status& status) const {
    if (status.ok()) return absl::OkStatus();
    const std::string what = Text("writing to ", dir, ": ", status.ToString());
    return status.IsNoSpace() ? absl::ResourceExhaustedError(what) : absl::InternalError(what);
  }
};

StateImport::StateImport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

StateImport::~StateImport() {
  if (impl_->database != nullptr) impl_->database->RemoveWhenClosed();
}

absl::StatusOr<std::unique_ptr<StateImport>> StateImport::Begin(const std::string& dir) {
  std::error_code error;
  std::filesystem::remove_all(dir, error);
  if (error) return FileError("removing", dir, error.value());
  auto impl = std::make_unique<Impl>();
  impl->dir = dir;
  ASSIGN_OR_RETURN(impl->database, Database::Open(StateDatabase(dir)));
  return std::unique_ptr<StateImport>(new StateImport(std::move(impl)));
}

absl::Status StateImport::Add(std::string_view chunk) {
  if (impl_->complete) return Bad("something follows its end");
  ByteReader frame(chunk);
  const auto size = frame.Take<uint32_t>();
  const auto crc = frame.Take<uint32_t>();
  const std::string_view body = frame.TakeBytes(size);
  if (!frame.ok() || !frame.empty() || body.empty()) return Bad("a chunk is too short or too long");
  if (ExtendCrc32c(0, body) != crc) return Bad("the checksum of a chunk is wrong");
  const ByteReader content(body.substr(1));
  const auto kind = static_cast<uint8_t>(body[0]);
  if (kind == kHead && !impl_->head) {
    RETURN_IF_ERROR(impl_->Head(content));
  } else if (kind == kRecords && impl_->head) {
    RETURN_IF_ERROR(impl_->Records(content));
  } else if (kind == kEnd && impl_->head) {
    return impl_->End(content);
  } else {
    return Bad("a chunk is at the wrong place");
  }
  impl_->totals.Count(chunk);
  return absl::OkStatus();
}

absl::Status StateImport::Impl::Head(ByteReader reader) {
  if (reader.TakeBytes(kMagic.size()) != kMagic) return Bad("it does not begin as one");
  const auto format = reader.Take<uint32_t>();
  if (format != kSnapshotFormat) {
    return absl::FailedPreconditionError(Text("the snapshot has format ", format,
                                              ", this registryd knows format ", kSnapshotFormat,
                                              "; use the version that wrote it"));
  }
  SnapshotHead read;
  read.cluster = ClusterId(reader.Take<uint64_t>());
  read.revision = Revision(reader.Take<uint64_t>());
  read.record.index = LogIndex(reader.Take<uint64_t>());
  read.record.term = Term(reader.Take<uint64_t>());
  read.record.configuration_index = LogIndex(reader.Take<uint64_t>());
  auto members = consensus::DecodeConfiguration(TakeText(reader));
  const auto count = reader.Take<uint32_t>();
  if (!reader.ok() || !members.ok() || count > 64) return Bad("its head cannot be read");
  read.record.configuration = *std::move(members);
  const DatabaseOptions known = StateDatabase("");
  for (uint32_t i = 0; i < count; ++i) {
    const std::string_view name = TakeText(reader);
    size_t family = 0;
    while (family < known.families.size() && known.families[family].name != name) ++family;
    if (family == known.families.size()) {
      return absl::FailedPreconditionError(Text("the snapshot holds the family '", name,
                                                "', which this registryd does not know; use the "
                                                "version that wrote it"));
    }
    families.push_back(family);
  }
  if (!reader.ok() || !reader.empty()) return Bad("its head cannot be read");
  head = std::move(read);
  return absl::OkStatus();
}

absl::Status StateImport::Impl::Records(ByteReader reader) {
  const auto number = reader.Take<uint8_t>();
  if (number >= families.size()) return Bad("records of no known family");
  batch.Clear();
  while (reader.ok() && !reader.empty()) {
    const std::string_view key = TakeText(reader);
    const std::string_view value = TakeText(reader);
    if (!reader.ok()) break;
    RETURN_IF_ERROR(Wrote(batch.Put(database->family(families[number]), Slice(key), Slice(value))));
    ++totals.records;
  }
  if (!reader.ok()) return Bad("a record is cut off");
  // Without a write-ahead log: nothing of it counts before all of it is there.
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return Wrote(database->db().Write(options, &batch));
}

absl::Status StateImport::Impl::End(ByteReader reader) {
  const auto records = reader.Take<uint64_t>();
  const auto bytes = reader.Take<uint64_t>();
  const auto crc = reader.Take<uint32_t>();
  if (!reader.ok() || !reader.empty() || records != totals.records || bytes != totals.bytes ||
      crc != totals.crc) {
    return Bad(Text("it should have ", records, " records and has ", totals.records,
                    ", or they are not in order"));
  }
  complete = true;
  return absl::OkStatus();
}

bool StateImport::complete() const { return impl_->complete; }

absl::StatusOr<SnapshotHead> StateImport::Finish() {
  if (!impl_->complete) return Bad("its end is missing");
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  for (size_t i = 0; i < impl_->database->family_count(); ++i) {
    families.push_back(impl_->database->family(i));
  }
  // Waits, and syncs the tables and what names them.
  RETURN_IF_ERROR(impl_->Wrote(impl_->database->db().Flush(rocksdb::FlushOptions(), families)));
  impl_->database.reset();
  RETURN_IF_ERROR(SyncPath(std::filesystem::path(impl_->dir).parent_path()));
  return *impl_->head;
}

absl::StatusOr<std::string> ReadChunk(std::FILE* file, const std::string& path) {
  std::array<char, kFrameBytes> frame{};
  const size_t got = std::fread(frame.data(), 1, frame.size(), file);
  if (got == 0 && std::feof(file)) return std::string();
  ByteReader reader({frame.data(), got});
  const auto size = reader.Take<uint32_t>();
  if (got != frame.size() || size > consensus::kSnapshotChunkMax) {
    return absl::DataLossError(Text(path, " is damaged, or no backup of a registry"));
  }
  std::string chunk(frame.data(), frame.size());
  // Bit by bit: a damaged size takes no more memory than the file is long.
  for (size_t left = size; left > 0;) {
    const size_t now = std::min(left, kReadAtOnce);
    const size_t had = chunk.size();
    chunk.resize(had + now);
    if (std::fread(chunk.data() + had, 1, now, file) != now) {
      return absl::DataLossError(Text(path, " is cut off"));
    }
    left -= now;
  }
  return chunk;
}

}  // namespace registryd::storage
