#include "registryd/storage/record_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/storage/directory.h"

namespace registryd::storage {
namespace {

// The format (RocksDB, db/log_format.h): blocks of 32 KiB; in them records {crc u32, length u16,
// type u8, bytes}, that never cross a block; the CRC covers type and bytes. A logical record is one
// Full, or First, Middle..., Last.
constexpr size_t kBlockSize = 32'768;
constexpr size_t kHeaderSize = 7;
constexpr uint8_t kFull = 1;
constexpr uint8_t kFirst = 2;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

uint32_t ExtendByByte(uint32_t inverted_crc, char byte) {
  return kCrcTable[(inverted_crc ^ static_cast<uint8_t>(byte)) & 0xFF] ^ (inverted_crc >> 8);
}

uint8_t ByteAt(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

struct Header {
  explicit Header(std::string_view bytes)
      : crc(0),
        length(ByteAt(bytes, 4) | static_cast<size_t>(ByteAt(bytes, 5)) << 8),
        type(ByteAt(bytes, 6)) {
    uint32_t masked = 0;
    for (size_t i = 4; i-- > 0;) masked = masked << 8 | ByteAt(bytes, i);
    const uint32_t rotated = masked - 0xa282ead8u;
    crc = rotated >> 17 | rotated << 15;
  }
  uint32_t crc;
  size_t length;
  uint8_t type;
};

bool IsWhole(const Header& header, std::string_view bytes) {
  return kHeaderSize + header.length <= bytes.size() &&
         ExtendCrc32c(0, bytes.substr(kHeaderSize - 1, header.length + 1)) == header.crc;
}

// A record whose bytes are all there and only its length is wrong.
bool IsWholeWithAnotherLength(const Header& header, std::string_view bytes) {
  uint32_t crc = ~0u;
  for (size_t i = kHeaderSize - 1; i < bytes.size(); ++i) {
    crc = ExtendByByte(crc, bytes[i]);
    if (~crc == header.crc) return true;
  }
  return false;
}

// Whether a logical record begins anywhere in `bytes`. Where the chain is broken no place can be
// trusted, so all are tried; the type is right by chance once in 128, so this is cheap.
bool HasRecordStart(std::string_view bytes) {
  for (size_t at = 0; at + kHeaderSize <= bytes.size(); ++at) {
    const uint8_t type = ByteAt(bytes, at + kHeaderSize - 1);
    if (type != kFull && type != kFirst) continue;
    const std::string_view rest = bytes.substr(at);
    if (const Header header(rest); header.length > 0 && IsWhole(header, rest)) return true;
  }
  return false;
}

enum class Walk { kWhole, kBroken, kDamaged };

// Goes along the records of one block. `*at` is where it ended.
Walk WalkBlock(std::string_view block, size_t* at) {
  for (*at = 0; *at + kHeaderSize <= block.size();) {
    const std::string_view rest = block.substr(*at);
    const Header header(rest);
    const bool zeroed = header.type == 0 && header.length == 0;
    if (!zeroed && IsWhole(header, rest)) {
      *at += kHeaderSize + header.length;
      continue;
    }
    const bool reaches_the_end = kHeaderSize + header.length <= rest.size();
    if (!zeroed && (reaches_the_end || IsWholeWithAnotherLength(header, rest)))
      return Walk::kDamaged;
    return HasRecordStart(rest.substr(1)) ? Walk::kDamaged : Walk::kBroken;
  }
  return Walk::kWhole;
}

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool is_open() const { return fd_ >= 0; }
  // As many bytes as there are, up to the buffer's size. -1: errno says why.
  ssize_t ReadAt(uint64_t offset, std::vector<char>& buffer) const {
    size_t done = 0;
    while (done < buffer.size()) {
      const ssize_t got = ::pread(fd_, buffer.data() + done, buffer.size() - done,
                                  static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return -1;
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return static_cast<ssize_t>(done);
  }

 private:
  const int fd_;
};

}  // namespace

uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes) {
  crc = ~crc;
  for (const char byte : bytes) crc = ExtendByByte(crc, byte);
  return ~crc;
}

absl::Status CheckRecordFile(const std::string& path) {
  const File file(path);
  if (!file.is_open()) {
    return errno == ENOENT ? absl::OkStatus() : FileError("opening", path, errno);
  }
  std::vector<char> buffer(kBlockSize);
  bool broken = false;
  uint64_t broken_at = 0;
  for (uint64_t offset = 0;; offset += kBlockSize) {
    const ssize_t got = file.ReadAt(offset, buffer);
    if (got < 0) return FileError("reading", path, errno);
    const std::string_view block(buffer.data(), static_cast<size_t>(got));
    bool damaged = false;
    if (broken) {
      // Of the torn record itself later parts may have reached the disk before earlier ones. A new
      // record may not: it is written only after the one before it was synced.
      damaged = HasRecordStart(block);
    } else {
      size_t at = 0;
      const Walk walk = WalkBlock(block, &at);
      damaged = walk == Walk::kDamaged;
      broken = walk != Walk::kWhole;
      broken_at = offset + at;
    }
    if (damaged) return absl::DataLossError(Text(path, " is damaged at byte ", broken_at));
    if (block.size() < kBlockSize) return absl::OkStatus();
  }
}

}  // namespace registryd::storage
