#include "registry/registration.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/src/calls.h"
#include "client/src/client_core.h"
#include "client/src/renewal_entry.h"

namespace registry {

const char* ToString(RegistrationEvent::Kind kind) {
  switch (kind) {
    case RegistrationEvent::Kind::kRegistered:
      return "registered";
    case RegistrationEvent::Kind::kLost:
      return "lost";
    case RegistrationEvent::Kind::kRefused:
      return "refused";
    case RegistrationEvent::Kind::kUnreachable:
      return "unreachable";
    case RegistrationEvent::Kind::kReachable:
      return "reachable";
  }
  return "unknown";
}

namespace {

constexpr Millis kDrainPause(50);

// Takes the instances out, but not those that another owner has registered since.
absl::Status TakeOut(ClientCore& core, const RenewalEntry::LeftBehind& left,
                     Clock::duration timeout) {
  const TimePoint end = Clock::now() + timeout;
  const auto time_left = [end] {
    return std::max<Clock::duration>(end - Clock::now(), Clock::duration::zero());
  };
  const auto gone = [](const absl::Status& status) {
    return absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
  };
  if (left.lease.id != 0) {
    const auto revoked = RevokeLease(core, left.lease.id, left.lease.epoch, time_left());
    // A lease that is gone has left its instances behind, CRITICAL: they are taken out one by one.
    if (revoked.ok() || !gone(revoked.status())) return revoked.status();
  }
  if (left.attempted_lease_id != 0) {
    const auto revoked = RevokeLease(core, left.attempted_lease_id, 0, time_left());
    if (!revoked.ok() && !gone(revoked.status())) return revoked.status();
  }
  if (left.instances.empty()) return absl::OkStatus();
  const absl::Status together = Deregister(core, left.instances, {}, time_left()).status();
  if (!gone(together)) return together;
  // One of them has a newer life and the call is all or nothing.
  for (const InstanceRef& instance : left.instances) {
    const absl::Status alone = Deregister(core, {instance}, {}, time_left()).status();
    if (!alone.ok() && !gone(alone)) return alone;
  }
  return absl::OkStatus();
}

// The registry does not know this life of the instance any more: it is registered again with what
// has been said.
absl::Status Remembered(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status NotDrained(const InstanceRef& instance, const DrainResult& result,
                        absl::Duration within) {
  return absl::DeadlineExceededError(absl::StrCat(
      instance.ns, "/", instance.service, "/", instance.id, " is DRAINING, but within ",
      absl::FormatDuration(within), " these have not acknowledged it: ", WaitingFor(result),
      "; drain again to go on waiting"));
}

}  // namespace

struct Registration::Ending {
  std::once_flag once;
  absl::Status status;
};

Registration::Registration(std::shared_ptr<ClientCore> core, std::shared_ptr<RenewalEntry> entry)
    : core_(std::move(core)), entry_(std::move(entry)), ending_(std::make_unique<Ending>()) {}

Registration::~Registration() { Deregister().IgnoreError(); }

absl::Status Registration::Deregister() {
  std::call_once(ending_->once, [this] {
    if (core_->forked()) {
      ending_->status = ForkedError();  // it is the parent's instance
      return;
    }
    core_->callbacks().Remove(entry_.get());
    core_->loop().Remove(entry_);
    ending_->status =
        TakeOut(*core_, entry_->left_behind(), ToSteady(entry_->options().deregister_timeout));
    entry_->Left();
  });
  return ending_->status;
}

RegistrationStatus Registration::status() const { return entry_->status(); }

std::vector<InstanceSpec> Registration::specs() const { return entry_->specs(); }

absl::Status Registration::Update(const InstanceUpdate& update, size_t index) {
  if (index >= entry_->size()) {
    return absl::InvalidArgumentError(absl::StrCat("index: must be below ", entry_->size(),
                                                   ", the number of instances, is ", index));
  }
  if (core_->forked()) return ForkedError();
  const RenewalEntry::Change change = entry_->Merge(index, update);
  InstanceUpdate call = update;
  call.instance = entry_->ref(index);
  if (call.instance.incarnation == 0) return absl::OkStatus();  // it comes with the registration
  const absl::Status status = registry::Update(*core_, call, core_->timeout()).status();
  const bool refused = absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status) ||
                       (update.expected_revision != 0 && absl::IsFailedPrecondition(status));
  entry_->Answered(change, status.ok() ? RenewalEntry::Answer::kTaken
                           : refused   ? RenewalEntry::Answer::kRefused
                                       : RenewalEntry::Answer::kUnknown);
  if (entry_->untold()) core_->loop().Report(entry_);
  return Remembered(status);
}

absl::Status Registration::SetHealth(Health health, const std::string& message, bool force) {
  if (health != Health::kPassing && health != Health::kCritical && health != Health::kDraining) {
    return absl::InvalidArgumentError(
        absl::StrCat("health: an instance says PASSING, CRITICAL or DRAINING of itself, not ",
                     ToString(health)));
  }
  if (core_->forked()) return ForkedError();
  const uint64_t version = entry_->Say(health, message, force);
  absl::Status status;
  for (size_t i = 0; i < entry_->size() && status.ok(); ++i) {
    const InstanceRef instance = entry_->ref(i);
    if (instance.incarnation == 0) return absl::OkStatus();  // it is told after the registration
    status =
        registry::SetHealth(*core_, instance, health, message, force, core_->timeout()).status();
  }
  entry_->Answered(version, status.ok());
  if (entry_->untold()) core_->loop().Report(entry_);
  return Remembered(status);
}

absl::Status Registration::Drain(absl::Duration within, const std::string& message, bool force) {
  const TimePoint end = Clock::now() + ToSteady(within);
  if (core_->forked()) return ForkedError();
  core_->callbacks().Remove(entry_.get());  // it would say PASSING again
  // All of them first, so that their callers hear of all before the first one is waited for.
  absl::Status status = SetHealth(Health::kDraining, message, force);
  if (!status.ok() && !IsTransient(status.code()) && !absl::IsDeadlineExceeded(status)) {
    return status;
  }
  for (size_t i = 0; i < entry_->size();) {
    const TimePoint now = Clock::now();
    const InstanceRef instance = entry_->ref(i);
    if (instance.incarnation == 0) {
      status = absl::UnavailableError(absl::StrCat(instance.ns, "/", instance.service, "/",
                                                   instance.id, " is not registered yet"));
    } else {
      const auto result = registry::Drain(*core_, instance, message, force, end - now);
      if (result.ok() && result->drained) {
        ++i;
        continue;
      }
      if (result.ok()) return NotDrained(instance, *result, within);
      status = result.status();
      // A lost lease: the next life of the instance is drained.
      if (!IsTransient(status.code()) && !absl::IsDeadlineExceeded(status) &&
          !absl::IsNotFound(status) && !absl::IsFailedPrecondition(status)) {
        return status;
      }
    }
    if (Clock::now() + kDrainPause >= end) return status;
    std::this_thread::sleep_for(kDrainPause);
  }
  return absl::OkStatus();
}

}  // namespace registry
