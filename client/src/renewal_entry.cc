#include "client/src/renewal_entry.h"

#include <utility>

#include "client/local/convert.h"

namespace registry {

RenewalEntry::RenewalEntry(std::vector<InstanceSpec> specs, RegistrationOptions options)
    : specs_(std::move(specs)), options_(std::move(options)) {
  for (const InstanceSpec& spec : specs_) published_.instances.push_back({.id = spec.id});
}

RegistrationStatus RenewalEntry::status() const {
  std::lock_guard lock(mutex_);
  RegistrationStatus status = published_;
  status.reachable = reachable_;
  status.since_renewal = renewed_at_ == TimePoint{} ? absl::InfiniteDuration()
                                                    : absl::FromChrono(Clock::now() - renewed_at_);
  return status;
}

RenewalEntry::LeftBehind RenewalEntry::left_behind() const {
  std::lock_guard lock(mutex_);
  LeftBehind left;
  left.attempted_lease_id = attempted_lease_id_;
  if (published_.registered) left.lease = published_.lease;
  for (size_t i = 0; i < specs_.size(); ++i) {
    if (published_.instances[i].incarnation == 0) continue;
    left.instances.push_back({.ns = specs_[i].ns,
                              .service = specs_[i].service,
                              .id = specs_[i].id,
                              .incarnation = published_.instances[i].incarnation});
  }
  return left;
}

v1::RegisterRequest RenewalEntry::Request(RequestIds& ids) {
  if (attempted_lease_id_ == 0) {
    attempt_ = ids.Next();
    const uint64_t lease_id = ids.Random();
    std::lock_guard lock(mutex_);
    attempted_lease_id_ = lease_id;
  }
  v1::RegisterRequest request;
  *request.mutable_request_id() = attempt_;
  for (const InstanceSpec& spec : specs_) *request.add_instances() = ToProto(spec);
  request.mutable_lease()->set_lease_id(attempted_lease_id_);
  request.mutable_lease()->set_ttl_ms(CeilMillis(options_.ttl));
  request.mutable_lease()->set_owner(options_.owner);
  return request;
}

void RenewalEntry::Granted(const RegisterResult& result, TimePoint asked_at) {
  std::lock_guard lock(mutex_);
  published_.registered = true;
  published_.lease = *result.lease;
  published_.instances = result.instances;
  renewed_at_ = asked_at;
  attempted_lease_id_ = 0;
}

void RenewalEntry::Renewed(TimePoint sent_at) {
  std::lock_guard lock(mutex_);
  ++published_.renewals;
  renewed_at_ = sent_at;
}

void RenewalEntry::Lost() {
  std::lock_guard lock(mutex_);
  published_.registered = false;
  ++published_.lost;
}

void RenewalEntry::Left() {
  std::lock_guard lock(mutex_);
  published_.registered = false;
}

void RenewalEntry::SetReachable(bool reachable, const absl::Status& why) {
  {
    std::lock_guard lock(mutex_);
    if (reachable_ == reachable) return;
    reachable_ = reachable;
  }
  Notify(reachable ? RegistrationEvent::Kind::kReachable : RegistrationEvent::Kind::kUnreachable,
         why);
}

void RenewalEntry::Notify(RegistrationEvent::Kind kind, const absl::Status& status) const {
  if (options_.on_event) options_.on_event({.kind = kind, .status = status});
}

}  // namespace registry
