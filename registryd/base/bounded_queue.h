// A queue with a limit that many threads fill and one thread drains whole.
//
//   BoundedQueue<Frame> queue(1024);
//   if (!queue.TryPush(std::move(frame))) return absl::ResourceExhaustedError("...");   // any
//   thread while (queue.PopAll(&frames)) { ... }                                               //
//   the draining thread
//
// PopAll blocks until there is something, so that whatever arrived meanwhile becomes one batch.
// After Close, TryPush refuses and PopAll returns what is left and then false.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "registryd/base/mutex.h"

namespace registryd {

template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t limit) : limit_(limit) {}

  // False: full or closed; `item` is untouched then.
  [[nodiscard]] bool TryPush(T&& item) {
    bool wake;
    {
      MutexLock lock(mutex_);
      if (closed_ || items_.size() >= limit_) return false;
      wake = items_.empty();
      items_.push_back(std::move(item));
    }
    if (wake) filled_.NotifyOne();
    return true;
  }

  // Replaces the contents of `items` by everything that waits. False: closed and empty.
  bool PopAll(std::vector<T>* items) {
    items->clear();
    MutexLock lock(mutex_);
    while (items_.empty() && !closed_) filled_.Wait(mutex_);
    items->swap(items_);
    return !items->empty();
  }

  // As PopAll, but never waits. False: nothing was there.
  bool TryPopAll(std::vector<T>* items) {
    items->clear();
    MutexLock lock(mutex_);
    items->swap(items_);
    return !items->empty();
  }

  void Close() {
    {
      MutexLock lock(mutex_);
      closed_ = true;
    }
    filled_.NotifyAll();
  }

 private:
  const size_t limit_;
  Mutex mutex_;
  CondVar filled_;
  std::vector<T> items_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace registryd
