#include "registryd/storage/disk_space.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <utility>

#include "registryd/base/log.h"
#include "registryd/storage/directory.h"

namespace registryd::storage {

absl::StatusOr<uint64_t> FreeBytes(const std::string& dir) {
  struct statvfs info;
  if (::statvfs(dir.c_str(), &info) != 0) return FileError("asking for free space", dir, errno);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

DiskSpace::DiskSpace(uint64_t reserve_bytes, const Clock& clock,
                     std::function<absl::StatusOr<uint64_t>()> free_bytes)
    : reserve_bytes_(reserve_bytes), clock_(clock), free_bytes_(std::move(free_bytes)) {
  next_sample_ms_ = clock_.MonotonicMs() + kSampleMs;
  Sample();
}

bool DiskSpace::Enough() {
  const int64_t now = clock_.MonotonicMs();
  int64_t due = next_sample_ms_.load(std::memory_order_relaxed);
  if (now >= due || written_.load(std::memory_order_relaxed) >= kSampleBytes) {
    // Whoever moves the time on asks; the others take the last answer.
    if (next_sample_ms_.compare_exchange_strong(due, now + kSampleMs)) Sample();
  }
  return enough_.load(std::memory_order_relaxed);
}

void DiskSpace::Sample() {
  written_.store(0, std::memory_order_relaxed);
  const absl::StatusOr<uint64_t> free = free_bytes_();
  const bool enough = free.ok() && *free >= reserve_bytes_;
  if (enough == enough_.exchange(enough)) return;
  if (enough) {
    log::Info("the disk has its reserve again, writes are accepted", {{"free_bytes", *free}});
  } else if (free.ok()) {
    log::Warning("the disk is below its reserve, writes are refused until space is freed",
                 {{"free_bytes", *free}, {"reserve_bytes", reserve_bytes_}});
  } else {
    log::Warning("the disk's free space is unknown, writes are refused",
                 {{"error", free.status()}});
  }
}

}  // namespace registryd::storage
