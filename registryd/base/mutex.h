// Locks and thread roles that both clang's analysis and ThreadSanitizer understand.
//
//   Mutex mutex_;
//   int count_ ABSL_GUARDED_BY(mutex_) = 0;
//   { MutexLock lock(mutex_); ++count_; }
//
// Mutex is std::mutex with abseil's annotations. It is not absl::Mutex, because the packaged abseil
// is built without TSan's hooks and every correct use would be reported as a race. kLoop is not a
// lock: it is the permission to run on the loop thread. Functions that need it are marked
// ABSL_EXCLUSIVE_LOCKS_REQUIRED(kLoop), and only the loop's entry points call AssertHeld().
//
// Rule: a thread holds at most one lock and never calls out while it holds it. So there is no lock
// order.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace registryd {

class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A condition variable for Mutex. Wake-ups may be spurious: wait in a loop.
class CondVar {
 public:
  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // Returns after `timeout_ms` at the latest.
  void WaitFor(Mutex& mutex, int64_t timeout_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_for(lock, std::chrono::milliseconds(timeout_ms));
    lock.release();
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

struct ABSL_LOCKABLE ThreadRole {
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() {}
};
inline constexpr ThreadRole kLoop{};

}  // namespace registryd
