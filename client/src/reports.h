// Tells the registry what registrations say of themselves where it does not know it: their content
// after an update whose answer was lost, their health after a new registration.
//
// Loop thread only. One call at a time for each entry, on the next server after a failure, with
// backoff, until the registry knows everything, refuses it, or the entry is gone.
#pragma once

#include <grpcpp/completion_queue.h>

#include <map>
#include <memory>
#include <vector>

#include "client/local/clock.h"
#include "client/src/renewal_entry.h"
#include "client/src/request_ids.h"
#include "client/src/server_set.h"

namespace registry {

class Reports {
 public:
  using EntryPtr = std::shared_ptr<RenewalEntry>;

  Reports(ServerSet* servers, RequestIds* ids, grpc::CompletionQueue* queue,
          Clock::duration call_timeout);
  ~Reports();

  void Add(EntryPtr entry, TimePoint now);
  void Remove(const EntryPtr& entry);

  void Tick(TimePoint now);
  TimePoint NextTimer() const;  // TimePoint::max(): none

  // Cancels all calls. Nothing is sent afterwards; serve the queue until idle().
  void Stop();
  bool idle() const { return calls_.empty(); }

 private:
  struct Task;
  class Attempt;

  void Begin(Task* task);
  void Done(Attempt* attempt);

  ServerSet* const servers_;
  RequestIds* const ids_;
  grpc::CompletionQueue* const queue_;
  const Clock::duration call_timeout_;
  std::map<RenewalEntry*, std::unique_ptr<Task>> tasks_;
  std::vector<std::unique_ptr<Attempt>> calls_;
};

}  // namespace registry
