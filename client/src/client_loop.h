// The one network thread of a client: a completion queue and its timers. It renews the leases of
// all registrations, registers again what was lost, and keeps the pictures of all subscriptions.
//
// Add, Remove, Post and RunAndWait may be called from any other thread. Nothing on this thread
// waits but for the queue, so a dead registry delays nobody.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "client/local/subscriptions.h"
#include "client/local/task_loop.h"
#include "client/local/watches.h"
#include "client/src/completion.h"
#include "client/src/grpc_watch_network.h"
#include "client/src/renewals.h"
#include "client/src/reports.h"
#include "client/src/reregistrations.h"

namespace registry {

class ClientLoop : public TaskLoop {
 public:
  using EntryPtr = std::shared_ptr<RenewalEntry>;

  ClientLoop(ServerSet* servers, RequestIds* ids, Clock::duration call_timeout, v1::Hello hello,
             Subscriptions* subscriptions, ClientMetrics* metrics);
  ~ClientLoop() override;  // cancels all calls; the registry is not told

  // An entry with a lease is renewed, one without is registered first.
  void Add(EntryPtr entry);

  // When it returns, nothing is sent for the entry any more and none of its events is being
  // delivered.
  void Remove(const EntryPtr& entry);

  // The entry has something to say that the registry does not know: it is told until it does.
  void Report(EntryPtr entry);

  void Post(std::function<void()> task) override;
  void RunAndWait(std::function<void()> task) override;

 private:
  class Wakening : public Completion {
   public:
    explicit Wakening(ClientLoop* loop) : loop_(loop) {}
    void Complete(bool ok) override;

   private:
    ClientLoop* loop_;
  };

  void Run();
  void Wake();  // with mutex_ held
  void StopAll();
  bool idle();

  grpc::CompletionQueue queue_;
  Renewals renewals_;  // loop thread only, as are the next four
  Reregistrations reregistrations_;
  Reports reports_;
  GrpcWatchNetwork network_;
  Watches watches_;

  std::mutex mutex_;  // guards all below but the thread
  std::condition_variable executed_changed_;
  std::vector<std::function<void()>> tasks_;
  uint64_t given_ = 0;     // tasks so far
  uint64_t executed_ = 0;  // of them
  bool stopping_ = false;
  bool wake_pending_ = false;
  Wakening wakening_{this};
  grpc::Alarm alarm_;

  std::thread thread_;
};

}  // namespace registry
