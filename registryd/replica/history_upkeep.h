// Keeps the history bounded, by age and by size.
//
// The leader proposes how far it may be forgotten (core::TrimHistory), so every member forgets the
// same and gives the same answers about the past. Each member then takes what is behind that floor
// off its own disk.
//
//   HistoryUpkeep upkeep({&replica, &proposer, &clock}, {});
//   ...
//   upkeep.Stop();      // before the replica and the proposer go
//
// Threads: one of its own. Cost: a few reads each round; what is dropped costs about what it cost
// to write.
#pragma once

#include <cstdint>
#include <thread>

#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/replica/replica.h"
#include "registryd/storage/history_reader.h"

namespace registryd::replica {

struct HistoryLimits {
  int64_t keep_ms = int64_t{24} * 60 * 60 * 1'000;
  uint64_t keep_bytes = 256u << 20;  // of entries, as they are encoded
};

// The revision up to which these limits let the history be forgotten; reader.floor() when nothing
// is to be forgotten.
absl::StatusOr<Revision> FloorFor(storage::HistoryReader& reader, const HistoryLimits& limits,
                                  int64_t now_ms);

class HistoryUpkeep {
 public:
  struct Parts {
    const Replica* replica = nullptr;
    consensus::Proposer* proposer = nullptr;
    const Clock* clock = nullptr;
  };
  HistoryUpkeep(Parts parts, HistoryLimits limits, int64_t look_every_ms = 2'000);
  ~HistoryUpkeep() { Stop(); }
  void Stop();

 private:
  void Run();
  void Look();
  absl::Status ProposeFloor();

  const Parts parts_;
  const HistoryLimits limits_;
  const int64_t look_every_ms_;
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace registryd::replica
