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
    } else {
      table_.Remove(change.id);
    }
  }
  for (const core::InstanceChange& change : outcome.instances) {
    if (change.after != nullptr && change.after->facts.lease_expired) {
      removals_.push_back(
          {now + options_.remove_after_ms, {change.after->name(), change.after->incarnation}});
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
    RetryWaiting();  // answers them: not leading
  }
}

void LivenessDriver::StartLeading() {
  kLoop.AssertHeld();
  const int64_t now = Now();
  table_.Clear();
  const core::Registry& registry = parts_.replica->registry();
  registry.ForEachLease([&](const core::Lease& lease) {
    table_.Add({lease.id, lease.epoch}, lease.ttl_ms, now);
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
  if (!expiring_) ProposeExpiries(now);
  if (!removing_) ProposeRemovals(now);
}

void LivenessDriver::ProposeExpiries(int64_t now) {
  core::ExpireLeases command{table_.ExpiredAt(now, kLeasesPerProposal), term_};
  if (command.leases.empty()) return;
  expiring_ = true;
  log::Info("leases are silent for their whole ttl", {{"leases", command.leases.size()}});
  auto leases = command.leases;
  Propose(command, [this, leases = std::move(leases)](absl::Status status) {
    expiring_ = false;
    if (!status.ok()) {
      log::Warning("could not expire leases; trying again",
                   {{"leases", leases.size()}, {"error", status}});
    }
    // Applied expiries have left the table. What is still there was not expired: it is due again,
    // or renewed.
    const int64_t released_at = Now();
    for (const core::LeaseRef& lease : leases) table_.Release(lease, released_at);
    RetryWaiting();
    if (status.ok() && leading_) ProposeExpiries(released_at);  // the rest at once
  });
}

void LivenessDriver::ProposeRemovals(int64_t now) {
  kLoop.AssertHeld();
  core::RemoveCritical command;
  while (!removals_.empty() && removals_.front().due_ms <= now &&
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
  Propose(command, [this, targets = std::move(targets)](absl::Status status) {
    removing_ = false;
    if (!leading_) return;
    const int64_t due = Now();
    if (status.ok()) return ProposeRemovals(due);
    for (const core::Target& target : targets) removals_.push_front({due, target});
  });
}

void LivenessDriver::Propose(const core::Command& command,
                             absl::AnyInvocable<void(absl::Status)> done) {
  parts_.proposer->Propose(
      wire::EncodeCommand({}, "registryd", command),
      [this, done = std::move(done)](absl::StatusOr<consensus::Applied> applied) mutable {
        // An error may come from any thread; the loop is where our data lives.
        parts_.loop->Post([done = std::move(done), status = applied.status()]() mutable {
          done(std::move(status));
        });
      });
}

}  // namespace registryd::liveness
