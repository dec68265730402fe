#include "registryd/liveness/liveness_driver.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "registryd/base/log.h"
#include "registryd/wire/command_codec.h"

namespace registryd::liveness {
namespace {

constexpr size_t kLeasesPerProposal = 1'000;
constexpr size_t kRemovalsPerProposal = 1'000;
// A pause of the loop longer than this is a stall: nobody's silence.
constexpr int64_t kStallMs = 5 * LivenessDriver::kTickMs;
constexpr int64_t kNotLeadingRetryMs = 200;
constexpr size_t kRevivalsPerProposal = 1'000;
// What is due but may not leave yet is looked at again after this.
constexpr int64_t kTendAgainMs = 1'000;

}  // namespace

// The table's clock: the monotonic clock without the time in which this loop did not run.
int64_t LivenessDriver::Now() {
  const int64_t real = parts_.clock->MonotonicMs();
  if (last_seen_ms_ != 0 && real - last_seen_ms_ > kStallMs) {
    const int64_t stall = real - last_seen_ms_ - kTickMs;
    stalled_ms_ += stall;
    log::Warning("the loop stood still; all lease deadlines move by that time",
                 {{"stall_ms", stall}});
  }
  last_seen_ms_ = real;
  return real - stalled_ms_;
}

bool LivenessDriver::Renew(RenewalFrame&& frame) {
  if (!frames_.TryPush(std::move(frame))) return false;
  parts_.loop->Post([this] { Drain(); });
  return true;
}

void LivenessDriver::Drain() {
  std::vector<RenewalFrame> frames;
  if (!frames_.TryPopAll(&frames)) return;
  for (RenewalFrame& frame : frames) {
    WaitingFrame waiting;
    std::vector<core::LeaseRef> leases;
    leases.swap(frame.leases);
    waiting.frame = std::move(frame);
    RenewAll(std::move(waiting), leases);
  }
}

void LivenessDriver::RenewAll(WaitingFrame waiting, const std::vector<core::LeaseRef>& leases) {
  RenewalAnswer& answer = waiting.answer;
  if (!leading_) {
    std::move(waiting.frame.done)(
        {.accepted = false, .lost = {}, .next_in_ms = kNotLeadingRetryMs});
    return;
  }
  answer.accepted = true;
  const int64_t now = Now();
  for (const core::LeaseRef& lease : leases) {
    switch (table_.Renew(lease, now)) {
      case LeaseTable::Renewal::kRevived:
        revivals_.push_back(lease);
        [[fallthrough]];
      case LeaseTable::Renewal::kRenewed: {
        const int64_t interval = table_.TtlMs(lease.id) / 3;
        answer.next_in_ms =
            answer.next_in_ms == 0 ? interval : std::min(answer.next_in_ms, interval);
        break;
      }
      case LeaseTable::Renewal::kLost:
        answer.lost.push_back(lease.id);
        break;
      case LeaseTable::Renewal::kPending:
        waiting.pending.push_back(lease);
        break;
    }
  }
  if (waiting.pending.empty()) {
    std::move(waiting.frame.done)(std::move(answer));
  } else {
    waiting_.push_back(std::move(waiting));
  }
  if (!reviving_) ProposeRevivals();
}

void LivenessDriver::RetryWaiting() {
  std::vector<WaitingFrame> retry;
  retry.swap(waiting_);
  for (WaitingFrame& waiting : retry) {
    std::vector<core::LeaseRef> leases;
    leases.swap(waiting.pending);
    RenewAll(std::move(waiting), leases);
  }
}

void LivenessDriver::OnOutcome(const core::Outcome& outcome) {
  if (!leading_) return;
  const int64_t now = Now();
  for (const core::LeaseChange& change : outcome.leases) {
    if (change.after) {
      table_.Add({change.after->id, change.after->epoch}, change.after->ttl_ms, now);
      if (change.after->silent_since_ms != 0) table_.Hold(change.id);
    } else {
      table_.Remove(change.id);
    }
  }
  for (const core::InstanceChange& change : outcome.instances) {
    if (change.after != nullptr && change.after->facts.lease_expired) {
      removals_.push_back({RemovalNow(now) + options_.remove_after_ms,
                           {change.after->name(), change.after->incarnation}});
    }
  }
}

void LivenessDriver::Stop() {
  parts_.loop->Post([this] {
    stopped_ = true;
    OnLeadership({});
  });
}

void LivenessDriver::OnLeadership(const replica::Leadership& leadership) {
  kLoop.AssertHeld();
  term_ = leadership.term;
  const bool leads = leadership.ready && !stopped_;
  if (leads == leading_) return;
  leading_ = leads;
  if (leading_) {
    StartLeading();
  } else {
    table_.Clear();
    removals_.clear();
    revivals_.clear();
    WatchIntake(Now());
    RetryWaiting();  // answers them: not leading
  }
}

void LivenessDriver::StartLeading() {
  kLoop.AssertHeld();
  const int64_t now = Now();
  table_.Clear();
  deaf_since_ms_ = 0;
  deaf_ms_ = 0;
  tend_not_before_ms_ = 0;
  const core::Registry& registry = parts_.replica->registry();
  registry.ForEachLease([&](const core::Lease& lease) {
    table_.Add({lease.id, lease.epoch}, lease.ttl_ms, now);
    if (lease.silent_since_ms != 0) table_.Hold(lease.id);
  });
  registry.ForEachInstance([&](const core::InstancePtr& instance) {
    if (!instance->facts.lease_expired) return;
    removals_.push_back(
        {now + options_.remove_after_ms, {instance->name(), instance->incarnation}});
  });
  log::Info("leading: every lease has a full ttl from now", {{"leases", table_.size()}});
}

void LivenessDriver::Tick() {
  Drain();  // a renewal that has arrived counts before its lease is judged
  const int64_t now = Now();
  if (!leading_) return;
  WatchIntake(now);
  if (!reviving_) ProposeRevivals();
  const bool paused = deaf_since_ms_ != 0 && now - deaf_since_ms_ < options_.intake_pause_ms;
  if (!expiring_ && !paused) ProposeExpiries(now);
  if (!removing_ && deaf_since_ms_ == 0) ProposeRemovals(now);
  if (!tending_ && now >= tend_not_before_ms_) ProposeTending(now);
}

core::GuardRule LivenessDriver::Rule() const {
  core::GuardRule rule = options_.guard;
  rule.hold_all = deaf_since_ms_ != 0;
  return rule;
}

// Loss of observation is not loss of life. A share of one switches guard and watch off.
void LivenessDriver::WatchIntake(int64_t now) {
  const IntakeReading reading = table_.intake().Read(now);
  const core::GuardRule& guard = options_.guard;
  const bool deaf = leading_ && guard.share_num < guard.share_den &&
                    reading.leases >= core::GuardRule::kRegistryMin &&
                    reading.heard * guard.share_den < reading.leases * guard.share_num;
  if (deaf && deaf_since_ms_ == 0) {
    deaf_since_ms_ = now;
    log::Warning("this node hears too few renewals to believe them: expiry pauses",
                 {{"heard", reading.heard}, {"leases", reading.leases}});
  } else if (!deaf && deaf_since_ms_ != 0) {
    const int64_t paused_ms = now - deaf_since_ms_;
    deaf_ms_ += paused_ms;
    deaf_since_ms_ = 0;
    table_.GiveAllAFullTtl(now);
    log::Warning("renewals are heard again: expiry goes on, every lease has a full ttl",
                 {{"paused_ms", paused_ms}, {"heard", reading.heard}, {"leases", reading.leases}});
  }
  MutexLock lock(intake_mutex_);
  intake_ = {leading_, deaf_since_ms_ != 0, reading.heard, reading.leases, table_.held()};
}

IntakeStatus LivenessDriver::intake() const {
  MutexLock lock(intake_mutex_);
  return intake_;
}

void LivenessDriver::ProposeExpiries(int64_t now) {
  core::ExpireLeases command{table_.ExpiredAt(now, kLeasesPerProposal), term_, Rule()};
  if (command.leases.empty()) return;
  expiring_ = true;
  log::Info("leases are silent for their whole ttl", {{"leases", command.leases.size()}});
  auto leases = command.leases;
  Propose(command, [this, leases = std::move(leases)](absl::StatusOr<uint64_t> turned) {
    expiring_ = false;
    if (!turned.ok()) {
      log::Warning("could not expire leases; trying again",
                   {{"leases", leases.size()}, {"error", turned.status()}});
    }
    // Applied expiries have left the table or are held. What is still there was not expired: it is
    // due again, or renewed.
    const int64_t released_at = Now();
    for (const core::LeaseRef& lease : leases) table_.Release(lease, released_at);
    RetryWaiting();
    if (turned.ok() && leading_) ProposeExpiries(released_at);  // the rest at once
  });
}

void LivenessDriver::ProposeRevivals() {
  if (revivals_.empty() || !leading_) return;
  core::ReviveLeases command;
  const size_t count = std::min(revivals_.size(), kRevivalsPerProposal);
  command.leases.assign(revivals_.end() - static_cast<ptrdiff_t>(count), revivals_.end());
  revivals_.resize(revivals_.size() - count);
  reviving_ = true;
  auto leases = command.leases;
  Propose(command, [this, leases = std::move(leases)](absl::StatusOr<uint64_t> turned) {
    reviving_ = false;
    if (!turned.ok()) {
      log::Warning("could not revive leases; their next renewal tries again",
                   {{"leases", leases.size()}, {"error", turned.status()}});
      for (const core::LeaseRef& lease : leases) table_.NotRevived(lease);
      return;
    }
    ProposeRevivals();
  });
}

void LivenessDriver::ProposeTending(int64_t now) {
  kLoop.AssertHeld();
  const core::Registry& registry = parts_.replica->registry();
  const int64_t time_ms = std::max(registry.counters().time_ms, parts_.clock->WallMs());
  if (registry.NextDueMs(options_.guard.hold_ms) > time_ms) return;
  tending_ = true;
  tend_not_before_ms_ = now + kTendAgainMs;
  Propose(core::Tend{Rule()}, [this](absl::StatusOr<uint64_t> turned) {
    tending_ = false;
    if (!turned.ok()) {
      log::Warning("could not end what is due; trying again", {{"error", turned.status()}});
    } else if (*turned > 0) {
      tend_not_before_ms_ = 0;  // there may be more
    }
  });
}

void LivenessDriver::ProposeRemovals(int64_t now) {
  kLoop.AssertHeld();
  core::RemoveCritical command;
  while (!removals_.empty() && removals_.front().due_ms <= RemovalNow(now) &&
         command.targets.size() < kRemovalsPerProposal) {
    core::Target target = std::move(removals_.front().target);
    removals_.pop_front();
    const core::InstancePtr present = parts_.replica->registry().Find(target.name);
    if (present != nullptr && present->incarnation == target.incarnation &&
        present->facts.lease_expired) {
      command.targets.push_back(std::move(target));
    }
  }
  if (command.targets.empty()) return;
  removing_ = true;
  auto targets = command.targets;
  Propose(command, [this, targets = std::move(targets)](absl::StatusOr<uint64_t> removed) {
    removing_ = false;
    if (!leading_) return;
    const int64_t tried_at = Now();
    if (removed.ok()) return ProposeRemovals(tried_at);
    const int64_t due = RemovalNow(tried_at);
    for (const core::Target& target : targets) removals_.push_front({due, target});
  });
}

void LivenessDriver::Propose(const core::Command& command, Done done) {
  parts_.proposer->Propose(
      wire::EncodeCommand({}, "registryd", command),
      [this, done = std::move(done)](absl::StatusOr<consensus::Applied> applied) mutable {
        absl::StatusOr<uint64_t> turned = 0;
        if (!applied.ok()) {
          turned = applied.status();
        } else if (const auto* count = std::get_if<core::CountReply>(
                       &static_cast<const core::Reply*>(applied->reply.get())->value)) {
          turned = count->count;
        }
        // An error may come from any thread; the loop is where our data lives.
        parts_.loop->Post([done = std::move(done), turned = std::move(turned)]() mutable {
          done(std::move(turned));
        });
      });
}

}  // namespace registryd::liveness
