#include "client/local/view_file.h"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/local/convert.h"

namespace registry {
namespace {

constexpr char kMagic[] = "RGVIEW1\n";
constexpr size_t kMagicBytes = 8;
constexpr size_t kHeaderBytes = 32;
constexpr int64_t kFileMost = 1 << 30;

void PutNumber(std::string* out, uint64_t number) {
  for (int i = 0; i < 8; ++i) out->push_back(static_cast<char>(number >> (8 * i)));
}

uint64_t GetNumber(const std::string& bytes, size_t at) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) {
    number |= uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  }
  return number;
}

uint64_t Hash(const char* data, size_t size) { return XXH64(data, size, 0); }

uint64_t QueryHash(const WatchQuery& query) {
  std::string text;
  const auto add = [&text](const std::string& part) {
    absl::StrAppend(&text, part.size(), ":", part);
  };
  add(query.ns);
  add(query.service);
  add(query.prefix);
  for (const Health health : query.health) add(ToString(health));
  add(query.selector);
  add(query.version_range);
  return Hash(text.data(), text.size());
}

absl::Status Failed(const std::string& what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " ", path));
}

absl::Status Damaged(const std::string& path, const char* why) {
  return absl::DataLossError(absl::StrCat(path, ": ", why, "; it is not used"));
}

// Closed in any case; the error of a write may come with the close.
absl::Status WriteWhole(int fd, const std::string& bytes, const std::string& path) {
  size_t done = 0;
  absl::Status status;
  while (status.ok() && done < bytes.size()) {
    const ssize_t written = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno != EINTR) {
      status = Failed("write", path);
    }
  }
  if (status.ok() && ::fsync(fd) != 0) status = Failed("sync", path);
  if (::close(fd) != 0 && status.ok()) status = Failed("close", path);
  return status;
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Failed("open", path);
  std::string bytes;
  absl::Status status;
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    status = Failed("read", path);
  } else if (!S_ISREG(info.st_mode) || info.st_size > kFileMost) {
    status = Damaged(path, "not a file of a view's size");
  } else {
    bytes.resize(static_cast<size_t>(info.st_size));
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got = ::read(fd, bytes.data() + done, bytes.size() - done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) status = Failed("read", path);
      if (got <= 0) break;
      done += static_cast<size_t>(got);
    }
    bytes.resize(done);
  }
  ::close(fd);
  if (!status.ok()) return status;
  return bytes;
}

}  // namespace

absl::Status WriteViewFile(const std::string& path, const WatchQuery& query, const View& view,
                           int64_t now_ms) {
  v1::Snapshot snapshot;
  snapshot.mutable_cursor()->set_cluster_id(view.cluster_id);
  snapshot.mutable_cursor()->set_revision(view.revision);
  for (const InstancePtr& instance : view.instances) *snapshot.add_instances() = ToProto(*instance);
  std::string rest;
  PutNumber(&rest, static_cast<uint64_t>(now_ms));
  PutNumber(&rest, QueryHash(query));
  snapshot.AppendToString(&rest);
  std::string bytes(kMagic, kMagicBytes);
  PutNumber(&bytes, Hash(rest.data(), rest.size()));
  bytes += rest;

  const std::string beside = absl::StrCat(path, ".tmp");
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return Failed("create", beside);
  if (absl::Status written = WriteWhole(fd, bytes, beside); !written.ok()) return written;
  if (::rename(beside.c_str(), path.c_str()) != 0) return Failed("replace", path);
  return absl::OkStatus();
}

absl::StatusOr<StoredView> ReadViewFile(const std::string& path, const WatchQuery& query) {
  const absl::StatusOr<std::string> bytes = ReadWhole(path);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() < kHeaderBytes || bytes->compare(0, kMagicBytes, kMagic) != 0) {
    return Damaged(path, "not the file of a view");
  }
  if (GetNumber(*bytes, 8) != Hash(bytes->data() + 16, bytes->size() - 16)) {
    return Damaged(path, "the checksum is wrong");
  }
  if (GetNumber(*bytes, 24) != QueryHash(query)) {
    return Damaged(path, "it answers another query");
  }
  v1::Snapshot snapshot;
  if (!snapshot.ParseFromArray(bytes->data() + kHeaderBytes,
                               static_cast<int>(bytes->size() - kHeaderBytes))) {
    return Damaged(path, "its content cannot be read");
  }
  View view{.cluster_id = snapshot.cursor().cluster_id(), .revision = snapshot.cursor().revision()};
  for (const v1::Instance& instance : snapshot.instances()) {
    view.instances.push_back(std::make_shared<const Instance>(ToInstance(instance)));
  }
  std::sort(view.instances.begin(), view.instances.end(),
            [](const InstancePtr& a, const InstancePtr& b) { return NameLess(a->spec, b->spec); });
  return StoredView{.view = std::make_shared<const View>(std::move(view)),
                    .written_ms = static_cast<int64_t>(GetNumber(*bytes, 16))};
}

}  // namespace registry
