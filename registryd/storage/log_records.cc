#include "registryd/storage/log_records.h"

#include <utility>

namespace registryd::storage {
namespace {

template <class T>
void Put(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF));
  }
}

// Takes values from the front; once something was missing, everything is.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T Take() {
    const std::string_view bytes = TakeBytes(sizeof(T));
    uint64_t value = 0;
    for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    return static_cast<T>(value);
  }
  std::string_view TakeBytes(size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view TakeRest() { return TakeBytes(rest_.size()); }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

std::string EncodeLogKey(LogIndex index) {
  std::string out;
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(index.value() >> shift & 0xFF));
  }
  return out;
}

std::optional<LogIndex> DecodeLogKey(std::string_view bytes) {
  if (bytes.size() != 8) return std::nullopt;
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return LogIndex(value);
}

std::string EncodeEntryHeader(const EntryHeader& header) {
  std::string out;
  Put(out, header.term.value());
  Put(out, static_cast<uint8_t>(header.type));
  return out;
}

std::optional<EntryHeader> DecodeEntryHeader(std::string_view value) {
  Reader reader(value);
  EntryHeader header;
  header.term = Term(reader.Take<uint64_t>());
  const auto type = reader.Take<uint8_t>();
  if (!reader.ok() || type < static_cast<uint8_t>(consensus::EntryType::kCommand) ||
      type > static_cast<uint8_t>(consensus::EntryType::kConfiguration)) {
    return std::nullopt;
  }
  header.type = static_cast<consensus::EntryType>(type);
  return header;
}

std::string EncodeFormat(uint32_t version) {
  std::string out;
  Put(out, version);
  return out;
}

std::optional<uint32_t> DecodeFormat(std::string_view bytes) {
  Reader reader(bytes);
  const auto version = reader.Take<uint32_t>();
  return reader.done() ? std::optional(version) : std::nullopt;
}

std::string EncodeIdentity(const NodeIdentity& identity) {
  std::string out;
  Put(out, identity.cluster.value());
  Put(out, identity.node.value());
  Put(out, identity.data_id);
  return out + identity.name;
}

std::optional<NodeIdentity> DecodeIdentity(std::string_view bytes) {
  Reader reader(bytes);
  NodeIdentity identity;
  identity.cluster = ClusterId(reader.Take<uint64_t>());
  identity.node = NodeId(reader.Take<uint64_t>());
  identity.data_id = reader.Take<uint64_t>();
  identity.name = std::string(reader.TakeRest());
  return reader.done() ? std::optional(std::move(identity)) : std::nullopt;
}

std::string EncodeVote(const Vote& vote) {
  std::string out;
  Put(out, vote.term.value());
  Put(out, vote.voted_for.value());
  return out;
}

std::optional<Vote> DecodeVote(std::string_view bytes) {
  Reader reader(bytes);
  Vote vote;
  vote.term = Term(reader.Take<uint64_t>());
  vote.voted_for = NodeId(reader.Take<uint64_t>());
  return reader.done() ? std::optional(vote) : std::nullopt;
}

std::string EncodeGeneration(uint64_t generation) {
  std::string out;
  Put(out, generation);
  return out;
}

std::optional<uint64_t> DecodeGeneration(std::string_view bytes) {
  Reader reader(bytes);
  const auto generation = reader.Take<uint64_t>();
  return reader.done() ? std::optional(generation) : std::nullopt;
}

std::string EncodeSnapshot(const StoredSnapshot& snapshot) {
  std::string out;
  Put(out, snapshot.record.index.value());
  Put(out, snapshot.record.term.value());
  Put(out, snapshot.record.configuration_index.value());
  Put(out, snapshot.first_kept.value());
  Put(out, static_cast<uint32_t>(snapshot.record.configuration.size()));
  for (const consensus::Server& server : snapshot.record.configuration) {
    Put(out, server.id.value());
    Put(out, static_cast<uint8_t>(server.suffrage));
    Put(out, static_cast<uint32_t>(server.address.size()));
    out += server.address;
  }
  return out;
}

std::optional<StoredSnapshot> DecodeSnapshot(std::string_view bytes) {
  Reader reader(bytes);
  StoredSnapshot snapshot;
  snapshot.record.index = LogIndex(reader.Take<uint64_t>());
  snapshot.record.term = Term(reader.Take<uint64_t>());
  snapshot.record.configuration_index = LogIndex(reader.Take<uint64_t>());
  snapshot.first_kept = LogIndex(reader.Take<uint64_t>());
  const auto servers = reader.Take<uint32_t>();
  for (uint32_t i = 0; i < servers && reader.ok(); ++i) {
    consensus::Server server;
    server.id = NodeId(reader.Take<uint64_t>());
    const auto suffrage = reader.Take<uint8_t>();
    if (suffrage > static_cast<uint8_t>(consensus::Suffrage::kSpare)) return std::nullopt;
    server.suffrage = static_cast<consensus::Suffrage>(suffrage);
    server.address = std::string(reader.TakeBytes(reader.Take<uint32_t>()));
    snapshot.record.configuration.push_back(std::move(server));
  }
  return reader.done() ? std::optional(std::move(snapshot)) : std::nullopt;
}

}  // namespace registryd::storage
