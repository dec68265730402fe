#include "registryd/replica/log_upkeep.h"

#include <pthread.h>

#include <utility>

namespace registryd::replica {

LogUpkeep::LogUpkeep(const Replica* replica, Cut cut, LogUpkeepOptions options)
    : replica_(replica), cut_(std::move(cut)), options_(options), thread_([this] {
        pthread_setname_np(pthread_self(), "worker");
        Run();
      }) {}

void LogUpkeep::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void LogUpkeep::Run() {
  LogIndex last_cut = replica_->applied();
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) wake_.WaitFor(mutex_, options_.look_every_ms);
      if (stopping_) return;
    }
    const LogIndex applied = replica_->applied();
    if (applied.value() < last_cut.value() + options_.every_entries) continue;
    // Read before the sync, so what is cut is on disk. (A store that a snapshot put there meanwhile
    // is newer, and synced.)
    replica_->store()->Sync();
    cut_(applied);
    last_cut = applied;
  }
}

}  // namespace registryd::replica
