// Numbers as bytes, little endian, for formats of our own that are read by nobody else.
//
//   AppendLittleEndian(out, uint64_t{7});
//   ByteReader reader(bytes);
//   const auto number = reader.Take<uint64_t>();
//   if (!reader.done()) return absl::DataLossError("...");
//
// Threads: one for each object. Errors: once something was missing, everything is, and what is
// taken is 0 or empty; ask ok() or done() at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace registryd {

template <class T>
void AppendLittleEndian(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF));
  }
}

// Takes values from the front of bytes that outlive it.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

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
  bool empty() const { return rest_.empty(); }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace registryd
