// The thread that calls the application, so that what the application does there holds up nothing
// else.
//
//   callbacks.Schedule(state.get(), kDeliver, Clock::now(), [state] { state->Deliver(); });
//   callbacks.Remove(state.get());      // none of its jobs runs any more
//
// One job at a time. Of one owner and kind at most one job waits: scheduling it again moves it
// forward, never back; so the queue is bounded by what there is. The thread is made by the first
// job.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "client/local/clock.h"

namespace registry {

class CallbackThread {
 public:
  CallbackThread() = default;
  ~CallbackThread();  // what waits is dropped

  void Schedule(const void* owner, int kind, TimePoint at, std::function<void()> job);

  // When it returns, no job of this owner runs or waits. Not from a job of the same owner.
  void Remove(const void* owner);

 private:
  using Key = std::pair<const void*, int>;
  struct Job {
    TimePoint at;
    std::function<void()> run;
  };

  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Key, Job> jobs_;
  std::multimap<TimePoint, Key> due_;
  const void* running_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace registry
