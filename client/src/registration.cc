#include "registry/registration.h"

#include <algorithm>
#include <mutex>
#include <utility>

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
  const absl::Status together = Deregister(core, left.instances, time_left()).status();
  if (!gone(together)) return together;
  // One of them has a newer life and the call is all or nothing.
  for (const InstanceRef& instance : left.instances) {
    const absl::Status alone = Deregister(core, {instance}, time_left()).status();
    if (!alone.ok() && !gone(alone)) return alone;
  }
  return absl::OkStatus();
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
    core_->loop().Remove(entry_);
    ending_->status =
        TakeOut(*core_, entry_->left_behind(), ToSteady(entry_->options().deregister_timeout));
    entry_->Left();
  });
  return ending_->status;
}

RegistrationStatus Registration::status() const { return entry_->status(); }

const std::vector<InstanceSpec>& Registration::specs() const { return entry_->specs(); }

}  // namespace registry
