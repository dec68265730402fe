#include "registryd/base/loop.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "registryd/base/clock.h"

namespace registryd {

void Loop::Every(int64_t interval_ms, Task task) {
  periodic_.push_back({interval_ms, 0, std::move(task)});
}

void Loop::Start() {
  const int64_t now = SystemClock().MonotonicMs();
  for (Periodic& periodic : periodic_) periodic.next_ms = now + periodic.interval_ms;
  thread_ = std::thread([this] { Run(); });
}

bool Loop::Post(Task task) {
  bool wake;
  {
    MutexLock lock(mutex_);
    if (stopping_) return false;
    wake = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (wake) filled_.NotifyOne();
  return true;
}

void Loop::RunPosted() {
  for (;;) {
    std::vector<Task> batch;
    {
      MutexLock lock(mutex_);
      batch.swap(tasks_);
    }
    if (batch.empty()) return;
    for (Task& task : batch) task();
  }
}

void Loop::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  filled_.NotifyOne();
  if (thread_.joinable()) thread_.join();
}

void Loop::Run() {
  pthread_setname_np(pthread_self(), name_.c_str());
  const SystemClock clock;
  std::vector<Task> batch;
  for (;;) {
    const int64_t now = clock.MonotonicMs();
    int64_t wait_ms = 1'000;
    for (Periodic& periodic : periodic_) {
      if (now >= periodic.next_ms) {
        periodic.task();
        periodic.next_ms = now + periodic.interval_ms;
      }
      wait_ms = std::min(wait_ms, periodic.next_ms - now);
    }
    {
      MutexLock lock(mutex_);
      if (tasks_.empty() && !stopping_) filled_.WaitFor(mutex_, wait_ms);
      if (tasks_.empty() && stopping_) return;
      batch.swap(tasks_);
    }
    for (Task& task : batch) task();
    batch.clear();
  }
}

}  // namespace registryd
