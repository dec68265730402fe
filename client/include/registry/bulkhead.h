// Bulkhead: at most so many calls at once, and at most so many that wait; so that one slow service
// does not take all threads of a process.
//
//   registry::Bulkhead bulkhead({.max_concurrent = 64, .max_waiting = 16});
//   absl::StatusOr<registry::Bulkhead::Permit> permit = bulkhead.Enter(absl::Milliseconds(100));
//   if (!permit.ok()) return permit.status();            // RESOURCE_EXHAUSTED: full
//   Call();                                              // the permit ends with its scope
//
// Threads: any. Enter waits in order of arrival. Cost: a short lock. There is no clock in it:
// waiting is bounded by the caller's time, on the steady clock.
//
// Defaults: concurrent calls as resilience4j's Bulkhead (maxConcurrentCalls: 25), waiting calls as
// the queue of its ThreadPoolBulkhead (queueCapacity: 100).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace registry {

struct BulkheadOptions {
  size_t max_concurrent = 25;
  size_t max_waiting = 100;
};

class Bulkhead {
 public:
  class Permit {
   public:
    Permit(Permit&& other) noexcept : bulkhead_(std::exchange(other.bulkhead_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(bulkhead_, other.bulkhead_);
      return *this;
    }
    ~Permit() {
      if (bulkhead_ != nullptr) bulkhead_->Leave();
    }

   private:
    friend class Bulkhead;
    explicit Permit(Bulkhead* bulkhead) : bulkhead_(bulkhead) {}
    Bulkhead* bulkhead_;
  };

  // Outlives its permits.
  explicit Bulkhead(const BulkheadOptions& options = {}) : options_(options) {}

  // RESOURCE_EXHAUSTED: no place in time, or too many wait already (at once). ZeroDuration: does
  // not wait.
  absl::StatusOr<Permit> Enter(absl::Duration max_wait = absl::ZeroDuration());

  size_t running() const;
  size_t waiting() const;

 private:
  struct Waiter {
    std::condition_variable called;
    bool admitted = false;
  };

  void Leave();

  const BulkheadOptions options_;
  mutable std::mutex mutex_;
  size_t running_ = 0;
  std::list<Waiter*> waiting_;  // first come, first served
};

}  // namespace registry
