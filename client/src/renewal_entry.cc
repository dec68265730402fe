#include "client/src/renewal_entry.h"

#include <utility>

#include "client/local/convert.h"

namespace registry {
namespace {

// Calls `visit` with each part that an update may have, and where it belongs in the spec.
template <class F>
void ForEachPart(const InstanceUpdate& parts, F visit) {
  visit(parts.labels, &InstanceSpec::labels);
  visit(parts.endpoints, &InstanceSpec::endpoints);
  visit(parts.weight, &InstanceSpec::weight);
  visit(parts.version, &InstanceSpec::version);
  visit(parts.zone, &InstanceSpec::zone);
}

}  // namespace

RenewalEntry::RenewalEntry(std::vector<InstanceSpec> specs, RegistrationOptions options)
    : options_(std::move(options)), size_(specs.size()), specs_(std::move(specs)) {
  for (const InstanceSpec& spec : specs_) published_.instances.push_back({.id = spec.id});
}

std::vector<InstanceSpec> RenewalEntry::specs() const {
  std::lock_guard lock(mutex_);
  return specs_;
}

RenewalEntry::Change RenewalEntry::Merge(size_t index, const InstanceUpdate& parts) {
  std::lock_guard lock(mutex_);
  InstanceSpec& spec = specs_[index];
  Change change{.index = index,
                .parts = parts,
                .before = spec,
                .rest_told = published_.registered && content_told_ == content_version_};
  ForEachPart(change.parts, [&spec](const auto& part, auto member) {
    if (part) spec.*member = *part;
  });
  change.version = ++content_version_;
  return change;
}

void RenewalEntry::Answered(const Change& change, Answer answer) {
  std::lock_guard lock(mutex_);
  // Another change may have been told of meanwhile, and have arrived before this one.
  const bool alone = content_version_ == change.version;
  if (answer == Answer::kRefused) {
    InstanceSpec& spec = specs_[change.index];
    ForEachPart(change.parts, [&](const auto& part, auto member) {
      // Not what another change has made of it meanwhile.
      if (part && spec.*member == *part) spec.*member = change.before.*member;
    });
  }
  // An answer about the content that had the refused parts counts for nothing.
  if (!alone || answer == Answer::kRefused) ++content_version_;
  if (alone && change.rest_told && answer != Answer::kUnknown) content_told_ = content_version_;
}

uint64_t RenewalEntry::Say(Health health, const std::string& message, bool force) {
  std::lock_guard lock(mutex_);
  if (health_ == health && message_ == message && force_ == force) return health_version_;
  health_ = health;
  message_ = message;
  force_ = force;
  return ++health_version_;
}

void RenewalEntry::Answered(uint64_t health_version, bool taken) {
  std::lock_guard lock(mutex_);
  if (health_version_ != health_version) {
    ++health_version_;  // what has been said since may have arrived before it
  } else if (taken) {
    health_told_ = health_version;
  }
}

bool RenewalEntry::untold() const {
  std::lock_guard lock(mutex_);
  return published_.registered &&
         (content_told_ != content_version_ || health_told_ != health_version_);
}

InstanceRef RenewalEntry::ref(size_t index) const {
  std::lock_guard lock(mutex_);
  return RefLocked(index);
}

InstanceRef RenewalEntry::RefLocked(size_t index) const {
  return {.ns = specs_[index].ns,
          .service = specs_[index].service,
          .id = specs_[index].id,
          .incarnation = published_.instances[index].incarnation};
}

RenewalEntry::Report RenewalEntry::NextReport(RequestIds& ids, size_t index) const {
  std::lock_guard lock(mutex_);
  Report report;
  if (!published_.registered) return report;
  if (content_told_ != content_version_) {
    report.content_version = content_version_;
    *report.content.mutable_request_id() = ids.Next();
    for (const InstanceSpec& spec : specs_) *report.content.add_instances() = ToProto(spec);
    report.content.mutable_lease()->set_lease_id(published_.lease.id);
    report.content.mutable_lease()->set_owner(options_.owner);
  } else if (health_told_ != health_version_ && index < size_) {
    report.health_version = health_version_;
    *report.health.mutable_request_id() = ids.Next();
    *report.health.mutable_instance() = ToProto(RefLocked(index));
    report.health.set_health(ToProto(health_));
    report.health.set_message(message_);
    report.health.set_force(force_);
  }
  return report;
}

void RenewalEntry::ContentTold(uint64_t version) {
  std::lock_guard lock(mutex_);
  content_told_ = version;
}

void RenewalEntry::HealthTold(uint64_t version) {
  std::lock_guard lock(mutex_);
  health_told_ = version;
}

uint64_t RenewalEntry::health_version() const {
  std::lock_guard lock(mutex_);
  return health_version_;
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
  std::lock_guard lock(mutex_);
  if (attempted_lease_id_ == 0) {
    attempt_ = ids.Next();
    attempted_lease_id_ = ids.Random();
    attempted_version_ = content_version_;
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
  // A repeated try is answered for its first one, whatever has been said since.
  content_told_ = attempted_version_;
  health_told_ = health_ == Health::kPassing && message_.empty() ? health_version_ : 0;
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
