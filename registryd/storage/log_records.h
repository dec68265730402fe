// The bytes of the log's RocksDB. All numbers are little endian but for the keys.
//
//   family "log"    key = index, 8 bytes, big endian, so that RocksDB's order is the log's order
//                   value = term u64, type u8, payload
//   family "meta"   "format"    version u32
//                   "identity"  cluster u64, node u64, data id u64, name
//                   "vote"      term u64, voted for u64
//                   "snapshot"  index u64, term u64, configuration index u64,
//                               first kept u64, servers u32, then for each server:
//                               id u64, suffrage u8, size of the address u32, address
//                   "generation" u64: which directory beside the log is its state (data_dir.h);
//                               absent: 0
//
// Decoders answer nullopt for bytes that are too short, too long or out of range. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "registryd/consensus/types.h"
#include "registryd/storage/log_store.h"

namespace registryd::storage {

inline constexpr uint32_t kLogFormat = 1;
inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kIdentityKey = "identity";
inline constexpr std::string_view kVoteKey = "vote";
inline constexpr std::string_view kSnapshotKey = "snapshot";
inline constexpr std::string_view kGenerationKey = "generation";

std::string EncodeLogKey(LogIndex index);
std::optional<LogIndex> DecodeLogKey(std::string_view bytes);

// What stands before an entry's payload.
struct EntryHeader {
  Term term;
  consensus::EntryType type;
};
inline constexpr size_t kEntryHeaderSize = 9;
std::string EncodeEntryHeader(const EntryHeader& header);
std::optional<EntryHeader> DecodeEntryHeader(std::string_view value);

std::string EncodeFormat(uint32_t version);
std::optional<uint32_t> DecodeFormat(std::string_view bytes);

std::string EncodeIdentity(const NodeIdentity& identity);
std::optional<NodeIdentity> DecodeIdentity(std::string_view bytes);

struct Vote {
  Term term;
  NodeId voted_for;
};
std::string EncodeVote(const Vote& vote);
std::optional<Vote> DecodeVote(std::string_view bytes);

std::string EncodeGeneration(uint64_t generation);
std::optional<uint64_t> DecodeGeneration(std::string_view bytes);

struct StoredSnapshot {
  consensus::SnapshotRecord record;
  LogIndex first_kept;
};
std::string EncodeSnapshot(const StoredSnapshot& snapshot);
std::optional<StoredSnapshot> DecodeSnapshot(std::string_view bytes);

}  // namespace registryd::storage
