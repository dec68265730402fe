// Keys of the history family (docs/formats.md): entries by revision, and where a service has one.
// Only storage includes this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "registryd/base/ids.h"

namespace registryd::storage {

inline constexpr char kEntryTag = 'r';
inline constexpr char kServiceTag = 's';

inline std::string BigEndian64(uint64_t value) {
  std::string out(8, '\0');
  for (size_t i = 8; i-- > 0; value >>= 8) out[i] = static_cast<char>(value & 0xFF);
  return out;
}

// 'r', revision
inline std::string EntryKey(Revision revision) { return kEntryTag + BigEndian64(revision.value()); }
// 's', "namespace/service", 0, revision. The value is empty.
inline std::string ServiceKey(std::string_view service, Revision revision) {
  std::string key(1, kServiceTag);
  key.append(service);
  key.push_back('\0');
  return key + BigEndian64(revision.value());
}
// The revision at the end of either.
inline std::optional<Revision> RevisionOfKey(std::string_view key) {
  if (key.size() < 9) return std::nullopt;
  uint64_t value = 0;
  for (const char byte : key.substr(key.size() - 8)) {
    value = value << 8 | static_cast<uint8_t>(byte);
  }
  return Revision(value);
}

}  // namespace registryd::storage
