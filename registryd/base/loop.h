// The loop: the one thread that may change the registry's state, view, rings and lease table.
//
//   Loop loop("loop");
//   loop.Every(100, [&] { driver.Tick(); });     // before Start
//   loop.Start();
//   loop.Post([&] { ... });                      // any thread; runs in order
//   loop.Stop();                                 // runs what was posted before, then ends the
//   thread
//
// Post has no limit of its own: whoever posts bounds what is under way (committed ranges by the
// raft driver's max_unapplied, renewals by their queue). Post after Stop is dropped and answered
// false. Tasks must not block.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "registryd/base/mutex.h"

namespace registryd {

class Loop {
 public:
  using Task = absl::AnyInvocable<void()>;

  explicit Loop(std::string name) : name_(std::move(name)) {}
  ~Loop() { Stop(); }

  // Runs `task` about every `interval_ms`; a late tick is not made up for. Only before Start.
  void Every(int64_t interval_ms, Task task);
  void Start();
  bool Post(Task task);
  void Stop();
  // For a simulation, which never calls Start: runs what was posted, and what that posts, here.
  void RunPosted();

 private:
  struct Periodic {
    int64_t interval_ms;
    int64_t next_ms;
    Task task;
  };
  void Run();

  const std::string name_;
  std::vector<Periodic> periodic_;  // the loop's own after Start
  std::thread thread_;

  Mutex mutex_;
  CondVar filled_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace registryd
