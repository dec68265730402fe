// Digests of the state as of certain indexes of the log, the same indexes on every member, so that
// members can compare what they made of the same commands (server/divergence_check.h).
//
//   samples.Note(index, digest);        // the loop, after each entry; keeps every 256th
//   for (const DigestSample& sample : samples.All()) ...
//
// Threads: any. Limits: the last 64.
#pragma once

#include <deque>
#include <vector>

#include "registryd/base/ids.h"
#include "registryd/base/mutex.h"

namespace registryd::replica {

struct DigestSample {
  LogIndex index;
  uint64_t digest = 0;
  friend bool operator==(const DigestSample&, const DigestSample&) = default;
};

class DigestSamples {
 public:
  static constexpr uint64_t kEvery = 256;
  static constexpr size_t kKept = 64;

  void Note(LogIndex index, uint64_t digest) {
    if (index.value() % kEvery != 0) return;
    MutexLock lock(mutex_);
    if (samples_.size() == kKept) samples_.pop_front();
    samples_.push_back({index, digest});
  }
  // Oldest first.
  std::vector<DigestSample> All() const {
    MutexLock lock(mutex_);
    return {samples_.begin(), samples_.end()};
  }
  // The state was replaced.
  void Clear() {
    MutexLock lock(mutex_);
    samples_.clear();
  }

 private:
  mutable Mutex mutex_;
  std::deque<DigestSample> samples_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace registryd::replica
