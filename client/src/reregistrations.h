// Registers again what the registry has lost, until it succeeds: one asynchronous call for each
// entry, at most 32 at a time, with backoff, on the next server after a failure.
//
// Loop thread only. All tries for one loss carry the same request id and the same new lease id,
// so that a try whose answer was lost is not a second registration.
#pragma once

#include <grpcpp/completion_queue.h>

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "client/local/clock.h"
#include "client/src/renewal_entry.h"
#include "client/src/request_ids.h"
#include "client/src/server_set.h"

namespace registry {

class Reregistrations {
 public:
  using EntryPtr = std::shared_ptr<RenewalEntry>;

  // `on_registered` gets each entry that has a new lease.
  Reregistrations(ServerSet* servers, RequestIds* ids, grpc::CompletionQueue* queue,
                  Clock::duration call_timeout, std::function<void(EntryPtr)> on_registered);
  ~Reregistrations();

  void Add(EntryPtr entry, TimePoint now);
  // A call under way is cancelled; whether it was applied stays unknown.
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
  void Registered(Task* task, const RegisterResult& result, TimePoint asked_at);
  void Failed(Task* task, const absl::Status& status);
  void Schedule(Task* task, TimePoint at);

  ServerSet* servers_;
  RequestIds* ids_;
  grpc::CompletionQueue* queue_;
  Clock::duration call_timeout_;
  std::function<void(EntryPtr)> on_registered_;
  std::map<RenewalEntry*, std::unique_ptr<Task>> tasks_;
  std::multimap<TimePoint, Task*> due_;  // those without a call under way
  std::vector<std::unique_ptr<Attempt>> calls_;
};

}  // namespace registry
