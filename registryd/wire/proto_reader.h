// Protobuf's bytes read straight into core's types: the counterpart of proto_writer.h.
//
//   Reader reader(bytes);
//   while (reader.Next()) {
//     switch (reader.tag()) {
//       case Tag(1, kLength): name = reader.Text(); break;
//       case Tag(7, kVarint): weight = static_cast<uint32_t>(reader.Varint()); break;
//       default: return false;
//     }
//   }
//   return reader.ok();
//
// It reads what this build writes. Whatever else protobuf allows (an unknown field, a text that is
// not ASCII, a truncated message) makes it give up, and the caller lets the generated classes
// judge. So it is never the one that refuses. Threads: any. Foreign bytes never crash it.
#pragma once

#include <cstdint>
#include <string_view>

#include "registryd/wire/proto_writer.h"

namespace registryd::wire {

constexpr uint64_t Tag(uint64_t number, WireType type) { return number << 3 | type; }

class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  // The next field; false at the end and after a failure.
  bool Next() {
    if (at_ == end_ || !ok_) return false;
    tag_ = Varint();
    return ok_;
  }
  uint64_t tag() const { return tag_; }
  bool ok() const { return ok_; }

  // The value of a field of that kind.
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) break;
      const auto byte = static_cast<uint8_t>(*at_++);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  uint64_t Fixed() {
    if (end_ - at_ < 8) {
      ok_ = false;
      return 0;
    }
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value |= uint64_t{static_cast<uint8_t>(*at_++)} << (8 * i);
    return value;
  }
  std::string_view Bytes() {
    const uint64_t size = Varint();
    if (!ok_ || size > static_cast<uint64_t>(end_ - at_)) {
      ok_ = false;
      return {};
    }
    const std::string_view bytes(at_, size);
    at_ += size;
    return bytes;
  }
  std::string_view Text() {
    const std::string_view text = Bytes();
    for (const char c : text) ok_ &= static_cast<uint8_t>(c) < 0x80;
    return text;
  }

 private:
  const char* at_;
  const char* end_;
  uint64_t tag_ = 0;
  bool ok_ = true;
};

}  // namespace registryd::wire
