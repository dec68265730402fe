// Whether a file system still has its reserve of free space.
//
//   DiskSpace space(256 << 20, clock, [dir] { return FreeBytes(dir); });
//   if (!space.Enough()) return absl::ResourceExhaustedError("...");
//
// Threads: any. Cost: one clock read; the file system is asked at most once a second and once per
// 16 MiB written.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "registryd/base/clock.h"

namespace registryd::storage {

// What an unprivileged process may still write below `dir`.
absl::StatusOr<uint64_t> FreeBytes(const std::string& dir);

class DiskSpace {
 public:
  static constexpr int64_t kSampleMs = 1'000;
  static constexpr uint64_t kSampleBytes = 16ull << 20;

  DiskSpace(uint64_t reserve_bytes, const Clock& clock,
            std::function<absl::StatusOr<uint64_t>()> free_bytes);

  // False below the reserve, and when the file system cannot say.
  bool Enough();
  // Tells that so much was written, so that a burst does not have to wait for the second to end.
  void Written(uint64_t bytes) { written_.fetch_add(bytes, std::memory_order_relaxed); }

 private:
  void Sample();

  const uint64_t reserve_bytes_;
  const Clock& clock_;
  const std::function<absl::StatusOr<uint64_t>()> free_bytes_;
  std::atomic<uint64_t> written_{0};  // since the last sample
  std::atomic<int64_t> next_sample_ms_{INT64_MIN};
  std::atomic<bool> enough_{true};
};

}  // namespace registryd::storage
