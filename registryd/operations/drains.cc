#include "registryd/operations/drains.h"

#include <pthread.h>

#include <utility>
#include <variant>
#include <vector>

#include "registryd/base/text.h"

namespace registryd::operations {

// One drain whose instance is DRAINING. All but `service` under the owner's lock.
struct Drains::Waiting {
  std::string service;
  int64_t deadline_ms = 0;
  Drained drained;
  Done done;
  bool asking = false;
  bool last_time = false;  // the deadline has passed: what comes back now is the answer
};

Drains::Drains(Writes* writes, const Audience* audience, const Clock* clock)
    : writes_(writes), audience_(audience), clock_(clock), thread_([this] {
        pthread_setname_np(pthread_self(), "drains");
        Run();
      }) {}

void Drains::Stop() {
  std::list<std::shared_ptr<Waiting>> left;
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    left.swap(waiting_);
  }
  wake_.NotifyAll();
  thread_.join();
  for (const auto& waiting : left) {
    Done done;
    {
      MutexLock lock(mutex_);
      done = std::move(waiting->done);
    }
    if (done) {
      std::move(done)(absl::UnavailableError(
          Text("this node is shutting down; ", waiting->drained.instance->name().text(),
               " is DRAINING: ask another node to go on waiting")));
    }
  }
}

void Drains::Drain(const Caller& caller, const core::RequestId& request, core::Target target,
                   std::string message, bool force, int64_t wait_ms, Done done) {
  const int64_t deadline_ms = clock_->MonotonicMs() + wait_ms;
  writes_->Submit(
      caller, request,
      core::SetHealth{std::move(target), core::Report::kDraining, std::move(message), force},
      [this, deadline_ms, done = std::move(done)](absl::StatusOr<core::Reply> reply) mutable {
        if (!reply.ok()) return std::move(done)(reply.status());
        Begin(*reply, deadline_ms, std::move(done));
      },
      Verb::kDrain);
}

void Drains::Begin(const core::Reply& reply, int64_t deadline_ms, Done done) {
  auto waiting = std::make_shared<Waiting>();
  waiting->drained.instance = std::get<core::InstanceReply>(reply.value).instance;
  // Of an instance that was DRAINING before, the revision at which it became so is long past.
  waiting->drained.revision = waiting->drained.instance->changed;
  waiting->service = std::string(waiting->drained.instance->name().service_name());
  waiting->deadline_ms = deadline_ms;
  absl::Status refused;
  {
    MutexLock lock(mutex_);
    if (stopping_) {
      refused = absl::UnavailableError("this node is shutting down; ask another one");
    } else if (waiting_.size() >= kDrainsMax) {
      refused = absl::ResourceExhaustedError("too many drains wait on this node; try again later");
    } else {
      waiting->done = std::move(done);
      waiting_.push_back(waiting);
    }
  }
  if (!refused.ok()) return std::move(done)(std::move(refused));
  wake_.NotifyOne();
}

void Drains::Run() {
  for (;;) {
    std::vector<std::shared_ptr<Waiting>> due;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) wake_.Wait(mutex_);
      if (stopping_) return;
      for (const auto& waiting : waiting_) {
        if (waiting->asking) continue;
        waiting->asking = true;
        waiting->last_time = clock_->MonotonicMs() >= waiting->deadline_ms;
        due.push_back(waiting);
      }
    }
    for (const auto& waiting : due) Ask(waiting);
    MutexLock lock(mutex_);
    if (!stopping_ && !waiting_.empty()) wake_.WaitFor(mutex_, kAskEveryMs);
  }
}

void Drains::Ask(const std::shared_ptr<Waiting>& waiting) {
  audience_->Ask(
      {waiting->service, waiting->drained.revision}, kAskTimeoutMs,
      [this, waiting](Audience::Answer answer) { Answered(waiting, std::move(answer)); });
}

void Drains::Answered(const std::shared_ptr<Waiting>& waiting, Audience::Answer answer) {
  Done done;
  Drained drained;
  {
    MutexLock lock(mutex_);
    waiting->asking = false;
    if (!answer.empty() && !waiting->last_time) return;
    done = std::move(waiting->done);
    waiting_.remove(waiting);
    drained = waiting->drained;
  }
  if (!done) return;
  drained.waiting = std::move(answer);
  std::move(done)(std::move(drained));
}

}  // namespace registryd::operations
