// Taking an instance out, and waiting until its callers know (promise G7).
//
//   drains.Drain(caller, request_id, {name, incarnation}, "deploy", /*force=*/false, 30'000, done);
//
// The instance turns DRAINING by a command like any other report; from then on every live
// subscriber of its service, on every member, has to acknowledge that revision. Answered as soon as
// all have, or at the end of the wait with those who have not.
//
// Threads: Drain from any; `done` runs once, on any thread, and must not block. A thread of its own
// asks while a drain is under way. Errors: those of a SetHealth; RESOURCE_EXHAUSTED beyond
// kDrainsMax; UNAVAILABLE when the node stops (the instance stays DRAINING: ask another node
// again).
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/operations/audience.h"
#include "registryd/operations/writes.h"

namespace registryd::operations {

struct Drained {
  core::InstancePtr instance;
  Revision revision;         // that everybody has to have applied
  Audience::Answer waiting;  // empty: everybody has
};

class Drains {
 public:
  static constexpr size_t kDrainsMax = 10'000;
  static constexpr int64_t kAskEveryMs = 20;
  static constexpr int64_t kAskTimeoutMs = 1'000;

  using Done = absl::AnyInvocable<void(absl::StatusOr<Drained>) &&>;

  Drains(Writes* writes, const Audience* audience, const Clock* clock);
  ~Drains() { Stop(); }
  // Answers what waits with UNAVAILABLE.
  void Stop();

  void Drain(const Caller& caller, const core::RequestId& request, core::Target target,
             std::string message, bool force, int64_t wait_ms, Done done);

 private:
  struct Waiting;

  void Begin(const core::Reply& reply, int64_t deadline_ms, Done done);
  void Run();
  void Ask(const std::shared_ptr<Waiting>& waiting);
  void Answered(const std::shared_ptr<Waiting>& waiting, Audience::Answer answer);

  Writes* const writes_;
  const Audience* const audience_;
  const Clock* const clock_;
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<std::shared_ptr<Waiting>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace registryd::operations
