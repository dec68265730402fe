// Keeps the Raft log bounded: when enough has been applied since the last cut, the state is synced
// to disk and the log may go up to there. No data is copied: the state's own store is the snapshot.
//
//   LogUpkeep upkeep(&replica, [&](LogIndex index) { raft.CutLog(index); }, {});
//   ...
//   upkeep.Stop();      // before the store and the raft thread go
//
// Threads: one of its own (the worker). Cost: one sync every `every_entries`.
#pragma once

#include <cstdint>
#include <functional>
#include <thread>

#include "registryd/base/mutex.h"
#include "registryd/replica/replica.h"

namespace registryd::replica {

struct LogUpkeepOptions {
  uint64_t every_entries = 50'000;
  int64_t look_every_ms = 1'000;
};

class LogUpkeep {
 public:
  using Cut = std::function<void(LogIndex)>;
  LogUpkeep(const Replica* replica, Cut cut, LogUpkeepOptions options);
  ~LogUpkeep() { Stop(); }
  void Stop();

 private:
  void Run();

  const Replica* const replica_;
  const Cut cut_;
  const LogUpkeepOptions options_;
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace registryd::replica
