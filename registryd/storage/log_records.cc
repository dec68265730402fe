#include "registryd/storage/log_records.h"

#include <utility>

#include "registryd/base/bytes.h"

namespace registryd::storage {

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
  AppendLittleEndian(out, header.term.value());
  AppendLittleEndian(out, static_cast<uint8_t>(header.type));
  return out;
}

std::optional<EntryHeader> DecodeEntryHeader(std::string_view value) {
  ByteReader reader(value);
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
  AppendLittleEndian(out, version);
  return out;
}

std::optional<uint32_t> DecodeFormat(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto version = reader.Take<uint32_t>();
  return reader.done() ? std::optional(version) : std::nullopt;
}

std::string EncodeIdentity(const NodeIdentity& identity) {
  std::string out;
  AppendLittleEndian(out, identity.cluster.value());
  AppendLittleEndian(out, identity.node.value());
  AppendLittleEndian(out, identity.data_id);
  return out + identity.name;
}

std::optional<NodeIdentity> DecodeIdentity(std::string_view bytes) {
  ByteReader reader(bytes);
  NodeIdentity identity;
  identity.cluster = ClusterId(reader.Take<uint64_t>());
  identity.node = NodeId(reader.Take<uint64_t>());
  identity.data_id = reader.Take<uint64_t>();
  identity.name = std::string(reader.TakeRest());
  return reader.done() ? std::optional(std::move(identity)) : std::nullopt;
}

std::string EncodeVote(const Vote& vote) {
  std::string out;
  AppendLittleEndian(out, vote.term.value());
  AppendLittleEndian(out, vote.voted_for.value());
  return out;
}

std::optional<Vote> DecodeVote(std::string_view bytes) {
  ByteReader reader(bytes);
  Vote vote;
  vote.term = Term(reader.Take<uint64_t>());
  vote.voted_for = NodeId(reader.Take<uint64_t>());
  return reader.done() ? std::optional(vote) : std::nullopt;
}

std::string EncodeGeneration(uint64_t generation) {
  std::string out;
  AppendLittleEndian(out, generation);
  return out;
}

std::optional<uint64_t> DecodeGeneration(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto generation = reader.Take<uint64_t>();
  return reader.done() ? std::optional(generation) : std::nullopt;
}

std::string EncodeSnapshot(const StoredSnapshot& snapshot) {
  std::string out;
  AppendLittleEndian(out, snapshot.record.index.value());
  AppendLittleEndian(out, snapshot.record.term.value());
  AppendLittleEndian(out, snapshot.record.configuration_index.value());
  AppendLittleEndian(out, snapshot.first_kept.value());
  AppendLittleEndian(out, static_cast<uint32_t>(snapshot.record.configuration.size()));
  for (const consensus::Server& server : snapshot.record.configuration) {
    AppendLittleEndian(out, server.id.value());
    AppendLittleEndian(out, static_cast<uint8_t>(server.suffrage));
    AppendLittleEndian(out, static_cast<uint32_t>(server.address.size()));
    out += server.address;
  }
  return out;
}

std::optional<StoredSnapshot> DecodeSnapshot(std::string_view bytes) {
  ByteReader reader(bytes);
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
