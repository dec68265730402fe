// Feeds the lease table from renewals and the clock, and proposes what silence means.
//
// It works on the leader only and never changes state itself: an expiry is a command in the log,
// checked again when it is applied. A new leader gives every lease a full ttl from the moment it is
// ready, so it expires nothing before it has itself listened for one ttl; time in which this loop
// stood still is not counted as anybody's silence (promise G4).
//
// It only nominates: the guard (core/guard.h) decides at apply what leaves and what turns SUSPECT.
// A renewal of a lease that the guard holds becomes a command that makes its instances PASSING
// again. Where this node hears less than the guard's share of the renewals that it should hear,
// expiry and removal pause: most likely it is this node that is deaf. After `intake_pause_ms` of
// that, what is silent turns SUSPECT, and nothing leaves until renewals come again.
//
//   LivenessDriver driver({&replica, &raft, &loop, &clock}, {});
//   replica.AddObserver(&driver);
//   loop.Every(LivenessDriver::kTickMs, [&] { driver.Tick(); });
//   driver.Renew({leases, done});                            // any thread
//
// Threads: Renew from any thread; everything else on the loop. Limits: `frames_max` frames wait,
// then Renew refuses.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "registryd/base/bounded_queue.h"
#include "registryd/base/clock.h"
#include "registryd/base/loop.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/liveness/lease_table.h"
#include "registryd/replica/replica.h"

namespace registryd::liveness {

struct RenewalAnswer {
  bool accepted = false;      // false: this node does not lead; nothing was renewed
  std::vector<LeaseId> lost;  // those that do not exist (any more), in the frame's order
  int64_t next_in_ms = 0;     // a third of the shortest ttl in the frame
};

struct RenewalFrame {
  std::vector<core::LeaseRef> leases;
  absl::AnyInvocable<void(RenewalAnswer) &&> done;  // runs once, on any thread
};

// What this node hears. `paused`: too little, so nothing leaves for silence.
struct IntakeStatus {
  bool leading = false;
  bool paused = false;
  uint64_t heard = 0;   // leases that were renewed in the last half of their ttl
  uint64_t leases = 0;  // those that should be
  uint64_t held = 0;    // by the guard; nobody waits for them
};

struct LivenessOptions {
  int64_t remove_after_ms =
      60'000;                  // a CRITICAL instance of an expired lease is removed after this
  core::GuardRule guard = {};  // hold_all is ours
  int64_t intake_pause_ms = 30'000;  // how long a pause of expiry lasts before silence is SUSPECT
  size_t frames_max = 4'096;
};

// What takes renewals: the driver on the leader, the relay (renewal_relay.h) on any member.
class RenewalSink {
 public:
  virtual ~RenewalSink() = default;
  // False: too many frames wait; `frame` is untouched. Any thread.
  virtual bool Renew(RenewalFrame&& frame) = 0;
};

class LivenessDriver final : public replica::Observer, public RenewalSink {
 public:
  static constexpr int64_t kTickMs = 100;

  struct Parts {
    replica::Replica* replica = nullptr;
    consensus::Proposer* proposer = nullptr;
    Loop* loop = nullptr;
    const Clock* clock = nullptr;
  };
  LivenessDriver(Parts parts, LivenessOptions options)
      : parts_(parts), options_(options), frames_(options.frames_max) {}

  bool Renew(RenewalFrame&& frame) override;

  void Tick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(kLoop);
  // The node is stopping and takes no more renewals: from here on nobody's silence means anything.
  // Any thread.
  void Stop();
  // Any thread.
  IntakeStatus intake() const;
  void OnOutcome(const core::Outcome& outcome) override;
  void OnLeadership(const replica::Leadership& leadership) override;

 private:
  struct WaitingFrame {
    RenewalFrame frame;
    RenewalAnswer answer;
    std::vector<core::LeaseRef> pending;  // their expiry is on its way through the log
  };
  struct Removal {
    int64_t due_ms;
    core::Target target;
  };

  int64_t Now();
  // The clock of removals, which stands still while expiry pauses.
  int64_t RemovalNow(int64_t now) const {
    return now - deaf_ms_ - (deaf_since_ms_ == 0 ? 0 : now - deaf_since_ms_);
  }
  void Drain();
  void RenewAll(WaitingFrame waiting, const std::vector<core::LeaseRef>& leases);
  void RetryWaiting();
  void ProposeExpiries(int64_t now);
  void ProposeRemovals(int64_t now);
  void ProposeRevivals();
  void ProposeTending(int64_t now);
  void WatchIntake(int64_t now);
  // The guard's rule as it is stamped into commands now.
  core::GuardRule Rule() const;
  // `done` gets the number of instances that turned.
  using Done = absl::AnyInvocable<void(absl::StatusOr<uint64_t>)>;
  void Propose(const core::Command& command, Done done);
  void StartLeading();

  const Parts parts_;
  const LivenessOptions options_;
  BoundedQueue<RenewalFrame> frames_;

  // The loop's.
  bool leading_ = false;  // and ready
  bool stopped_ = false;
  Term term_;
  LeaseTable table_;
  std::vector<WaitingFrame> waiting_;
  std::deque<Removal> removals_;  // by due time
  bool expiring_ = false;         // a proposal is under way
  bool removing_ = false;
  bool reviving_ = false;
  bool tending_ = false;
  int64_t tend_not_before_ms_ = 0;
  std::vector<core::LeaseRef> revivals_;  // held leases that were renewed
  // Too few renewals are heard since this time; 0: enough.
  int64_t deaf_since_ms_ = 0;
  int64_t deaf_ms_ = 0;  // of pauses that are over
  int64_t last_seen_ms_ = 0;
  int64_t stalled_ms_ = 0;

  mutable Mutex intake_mutex_;
  IntakeStatus intake_ ABSL_GUARDED_BY(intake_mutex_);
};

}  // namespace registryd::liveness
