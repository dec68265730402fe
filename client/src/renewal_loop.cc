#include "client/src/renewal_loop.h"

#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace registry {

RenewalLoop::RenewalLoop(ServerSet* servers, RequestIds* ids, Clock::duration call_timeout)
    : renewals_(servers, &queue_,
                [this](EntryPtr entry) {
                  entry->Lost();
                  reregistrations_.Add(entry, Clock::now());
                  entry->Notify(
                      RegistrationEvent::Kind::kLost,
                      absl::NotFoundError("the registry does not know the lease any more"));
                }),
      reregistrations_(servers, ids, &queue_, call_timeout,
                       [this](EntryPtr entry) { renewals_.Add(std::move(entry), Clock::now()); }),
      thread_([this] { Run(); }) {}

RenewalLoop::~RenewalLoop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    Wake();
  }
  thread_.join();
}

void RenewalLoop::Add(EntryPtr entry) {
  std::lock_guard lock(mutex_);
  commands_.push_back({.entry = std::move(entry), .add = true});
  ++given_;
  Wake();
}

void RenewalLoop::Remove(const EntryPtr& entry) {
  if (std::this_thread::get_id() == thread_.get_id()) {
    std::fprintf(stderr, "registry: a Registration must not be ended by its own on_event\n");
    std::abort();  // it would wait for itself
  }
  std::unique_lock lock(mutex_);
  commands_.push_back({.entry = entry, .add = false});
  const uint64_t mine = ++given_;
  Wake();
  executed_changed_.wait(lock, [&] { return executed_ >= mine; });
}

void RenewalLoop::Wake() {
  if (wake_pending_) return;
  wake_pending_ = true;
  alarm_.Set(&queue_, gpr_now(GPR_CLOCK_MONOTONIC), &wakening_);
}

void RenewalLoop::Wakening::Complete(bool /*ok*/) {
  std::lock_guard lock(loop_->mutex_);
  loop_->wake_pending_ = false;
}

void RenewalLoop::Run() {
  pthread_setname_np(pthread_self(), "registry-renew");
  while (true) {
    std::vector<Command> commands;
    bool stopping;
    {
      std::lock_guard lock(mutex_);
      commands.swap(commands_);
      stopping = stopping_;
    }
    RunCommands(std::move(commands));
    if (stopping) break;
    const TimePoint now = Clock::now();
    reregistrations_.Tick(now);
    renewals_.Tick(now);
    const TimePoint next = std::min(renewals_.NextTimer(), reregistrations_.NextTimer());
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

void RenewalLoop::RunCommands(std::vector<Command> commands) {
  if (commands.empty()) return;
  for (Command& command : commands) {
    if (!command.add) {
      renewals_.Remove(command.entry);
      reregistrations_.Remove(command.entry);
    } else if (command.entry->lease().id != 0) {
      renewals_.Add(std::move(command.entry), Clock::now());
    } else {
      reregistrations_.Add(std::move(command.entry), Clock::now());
    }
  }
  std::lock_guard lock(mutex_);
  executed_ += commands.size();
  executed_changed_.notify_all();
}

void RenewalLoop::StopAll() {
  renewals_.Stop();
  reregistrations_.Stop();
  const auto wake_pending = [this] {
    std::lock_guard lock(mutex_);
    return wake_pending_;
  };
  // Cancelled operations start others (the end of a stream), which a queue that is shut down does
  // not take.
  while (!renewals_.idle() || !reregistrations_.idle() || wake_pending()) {
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
