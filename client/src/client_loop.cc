#include "client/src/client_loop.h"

#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "client/src/grpc_deadline.h"

namespace registry {

ClientLoop::ClientLoop(ServerSet* servers, RequestIds* ids, Clock::duration call_timeout,
                       v1::Hello hello, Subscriptions* subscriptions, ClientMetrics* metrics)
    : renewals_(servers, &queue_,
                [this](EntryPtr entry) {
                  entry->Lost();
                  reregistrations_.Add(entry, Clock::now());
                  entry->Notify(
                      RegistrationEvent::Kind::kLost,
                      absl::NotFoundError("the registry does not know the lease any more"));
                }),
      reregistrations_(servers, ids, &queue_, call_timeout,
                       [this](EntryPtr entry) {
                         renewals_.Add(entry, Clock::now());
                         if (entry->untold()) reports_.Add(entry, Clock::now());
                       }),
      reports_(servers, ids, &queue_, call_timeout),
      network_(servers, &queue_),
      watches_(
          &network_, std::move(hello),
          [subscriptions](const Watches::StatePtr& state) { subscriptions->Published(state); },
          metrics) {
  subscriptions->Start(this, &watches_);
  thread_ = std::thread([this] { Run(); });
}

ClientLoop::~ClientLoop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    Wake();
  }
  thread_.join();
}

void ClientLoop::Add(EntryPtr entry) {
  Post([this, entry = std::move(entry)] {
    if (entry->lease().id != 0) {
      renewals_.Add(entry, Clock::now());
    } else {
      reregistrations_.Add(entry, Clock::now());
    }
  });
}

void ClientLoop::Remove(const EntryPtr& entry) {
  RunAndWait([this, entry] {
    renewals_.Remove(entry);
    reregistrations_.Remove(entry);
    reports_.Remove(entry);
  });
}

void ClientLoop::Report(EntryPtr entry) {
  Post([this, entry = std::move(entry)] { reports_.Add(entry, Clock::now()); });
}

void ClientLoop::Post(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  ++given_;
  Wake();
}

void ClientLoop::RunAndWait(std::function<void()> task) {
  if (std::this_thread::get_id() == thread_.get_id()) {
    std::fprintf(stderr, "registry: a Registration must not be ended by its own on_event\n");
    std::abort();  // it would wait for itself
  }
  std::unique_lock lock(mutex_);
  tasks_.push_back(std::move(task));
  const uint64_t mine = ++given_;
  Wake();
  executed_changed_.wait(lock, [&] { return executed_ >= mine; });
}

void ClientLoop::Wake() {
  if (wake_pending_) return;
  wake_pending_ = true;
  alarm_.Set(&queue_, gpr_now(GPR_CLOCK_MONOTONIC), &wakening_);
}

void ClientLoop::Wakening::Complete(bool /*ok*/) {
  std::lock_guard lock(loop_->mutex_);
  loop_->wake_pending_ = false;
}

void ClientLoop::Run() {
  pthread_setname_np(pthread_self(), "registry-loop");
  while (true) {
    std::vector<std::function<void()>> tasks;
    bool stopping;
    {
      std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
      stopping = stopping_;
    }
    const size_t count = tasks.size();
    for (std::function<void()>& task : tasks) std::exchange(task, nullptr)();
    if (count != 0) {
      std::lock_guard lock(mutex_);
      executed_ += count;
      executed_changed_.notify_all();
    }
    if (stopping) break;
    const TimePoint now = Clock::now();
    reregistrations_.Tick(now);
    renewals_.Tick(now);
    reports_.Tick(now);
    watches_.Tick(now);
    network_.Tick();
    const TimePoint next = std::min({renewals_.NextTimer(), reregistrations_.NextTimer(),
                                     reports_.NextTimer(), watches_.NextTimer()});
    const gpr_timespec deadline = next == TimePoint::max() ? gpr_inf_future(GPR_CLOCK_MONOTONIC)
                                                           : GrpcDeadline(next - Clock::now());
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) {
      static_cast<Completion*>(tag)->Complete(ok);
    }
  }
  StopAll();
}

bool ClientLoop::idle() {
  network_.Tick();
  std::lock_guard lock(mutex_);
  return renewals_.idle() && reregistrations_.idle() && reports_.idle() && network_.idle() &&
         !wake_pending_;
}

void ClientLoop::StopAll() {
  // A moment for the registry to hear that nobody watches any more.
  for (const TimePoint until = Clock::now() + Millis(200); Clock::now() < until;) {
    watches_.Tick(Clock::now());
    if (watches_.closed()) break;
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, GrpcDeadline(Millis(20))) == grpc::CompletionQueue::GOT_EVENT) {
      static_cast<Completion*>(tag)->Complete(ok);
    }
  }
  renewals_.Stop();
  reregistrations_.Stop();
  reports_.Stop();
  watches_.Stop();
  // Cancelled operations start others (the end of a stream), which a queue that is shut down does
  // not take.
  while (!idle()) {
    void* tag = nullptr;
    bool ok = false;
    if (!queue_.Next(&tag, &ok)) break;
    static_cast<Completion*>(tag)->Complete(ok);
    renewals_.Tick(Clock::now());
  }
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) static_cast<Completion*>(tag)->Complete(ok);
}

}  // namespace registry
