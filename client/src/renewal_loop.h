// The one background thread of a client: a completion queue and its timers. It renews the leases of
// all registrations and registers again what was lost.
//
// Add and Remove may be called from any other thread. Nothing on this thread waits but for the
// queue, so a dead registry delays nobody. It would also drive a watch: one more user of the same
// queue.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "client/src/completion.h"
#include "client/src/renewals.h"
#include "client/src/reregistrations.h"

namespace registry {

class RenewalLoop {
 public:
  using EntryPtr = std::shared_ptr<RenewalEntry>;

  RenewalLoop(ServerSet* servers, RequestIds* ids, Clock::duration call_timeout);
  ~RenewalLoop();  // cancels all calls; the registry is not told

  // An entry with a lease is renewed, one without is registered first.
  void Add(EntryPtr entry);

  // When it returns, nothing is sent for the entry any more and none of its events is being
  // delivered.
  void Remove(const EntryPtr& entry);

 private:
  struct Command {
    EntryPtr entry;
    bool add;
  };
  class Wakening : public Completion {
   public:
    explicit Wakening(RenewalLoop* loop) : loop_(loop) {}
    void Complete(bool ok) override;

   private:
    RenewalLoop* loop_;
  };

  void Run();
  void RunCommands(std::vector<Command> commands);
  void Wake();  // with mutex_ held
  void StopAll();

  grpc::CompletionQueue queue_;
  Renewals renewals_;                // renewal thread only
  Reregistrations reregistrations_;  // renewal thread only

  std::mutex mutex_;  // guards all below but the thread
  std::condition_variable executed_changed_;
  std::vector<Command> commands_;
  uint64_t given_ = 0;     // commands so far
  uint64_t executed_ = 0;  // of them
  bool stopping_ = false;
  bool wake_pending_ = false;
  Wakening wakening_{this};
  grpc::Alarm alarm_;

  std::thread thread_;
};

}  // namespace registry
