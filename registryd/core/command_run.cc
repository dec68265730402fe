#include "registryd/core/command_run.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "registryd/base/text.h"

namespace registryd::core {

CommandRun::CommandRun(Registry& registry, const Context& context, Outcome& outcome)
    : registry_(registry),
      context_(context),
      outcome_(outcome),
      revision_(registry.counters_.revision + 1),
      now_ms_(registry.counters_.time_ms) {}

void CommandRun::Apply(const Command& command) {
  outcome_.reply.status = std::visit([this](const auto& c) { return Do(c); }, command);
}

void CommandRun::AnswerAgain(const Command& command) {
  outcome_.duplicate = true;
  outcome_.reply.status = std::visit([this](const auto& c) { return Again(c); }, command);
}

absl::Status CommandRun::Do(const Register& command) {
  RegisterReply reply;
  LeaseId lease;
  if (command.lease) {
    if (absl::Status refused = CheckClaim(*command.lease); !refused.ok()) return refused;
    reply.lease = TakeClaim(*command.lease);
    lease = reply.lease->id;
  }
  reply.incarnations.reserve(command.instances.size());
  for (const InstanceSpec& spec : command.instances) {
    reply.incarnations.push_back(RegisterOne(spec, lease));
  }
  if (reply.lease && reply.lease->silent_since_ms != 0) {
    ReviveLease(lease);  // whoever registers is alive
    reply.lease = *registry_.FindLease(lease);
  }
  outcome_.reply.value = std::move(reply);
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const Deregister& command) {
  for (const Target& target : command.targets) {
    const InstancePtr found = registry_.Find(target.name);
    if (!found) continue;
    if (absl::Status refused = CheckTarget(target, found); !refused.ok()) return refused;
  }
  std::string reason = command.reason;
  if (!command.process_exit) {
    if (absl::Status refused = CheckMinHealthy(command, &reason); !refused.ok()) return refused;
  }
  DeregisterReply reply;
  reply.removed.reserve(command.targets.size());
  for (const Target& target : command.targets) {
    InstancePtr found = registry_.Find(target.name);
    reply.removed.push_back(found != nullptr);
    if (!found) continue;
    Replace(std::move(found), nullptr,
            command.process_exit ? Cause::kProcessExit : Cause::kDeregister, reason);
  }
  outcome_.reply.value = std::move(reply);
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const Update& command) {
  const InstancePtr found = registry_.Find(command.target.name);
  if (absl::Status refused = CheckTarget(command.target, found); !refused.ok()) return refused;
  if (command.expected && command.expected != found->changed) {
    return absl::FailedPreconditionError(Text("instance ", found->name().text(),
                                              " was last changed at revision ", found->changed,
                                              ", not at the expected ", command.expected));
  }
  outcome_.reply.value = InstanceReply{Change(found, Cause::kUpdate, {}, [&](Instance& instance) {
    InstanceSpec& spec = instance.spec;
    if (command.labels) spec.labels = *command.labels;
    if (command.endpoints) spec.endpoints = *command.endpoints;
    if (command.weight) spec.weight = *command.weight;
    if (command.version) spec.version = *command.version;
    if (command.zone) spec.zone = *command.zone;
  })};
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const SetHealth& command) {
  const InstancePtr found = registry_.Find(command.target.name);
  if (absl::Status refused = CheckTarget(command.target, found); !refused.ok()) return refused;
  std::string evidence = command.message;
  if (command.report == Report::kDraining && found->health() == Health::kPassing) {
    const std::string_view service = found->name().service_name();
    const absl::Status refused = CheckMinHealthy(service, 1, command.force, &evidence);
    if (!refused.ok()) return refused;
  }
  outcome_.reply.value =
      InstanceReply{Change(found, Cause::kReport, std::move(evidence), [&](Instance& instance) {
        instance.facts.report = command.report;
        instance.facts.message = command.message;
      })};
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const GrantLease& command) {
  if (absl::Status refused = CheckClaim(command.lease); !refused.ok()) return refused;
  if (TakeClaim(command.lease).silent_since_ms != 0) ReviveLease(command.lease.id);
  outcome_.reply.value = LeaseReply{*registry_.FindLease(command.lease.id)};
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const RevokeLease& command) {
  const Lease* lease = registry_.FindLease(command.id);
  if (!lease) return absl::NotFoundError(Text("lease ", command.id, " does not exist"));
  if (command.epoch && command.epoch != lease->epoch) {
    return absl::FailedPreconditionError(Text("lease ", command.id, " has epoch ", lease->epoch,
                                              " now; a message of epoch ", command.epoch,
                                              " changes nothing"));
  }
  const AttachedInstances attached = EndLease(command.id);
  attached.ForEach([this](const Instance& instance) {
    Replace(registry_.Find(instance.name()), nullptr, Cause::kLeaseRevoked,
            Text("lease ", instance.lease));
  });
  outcome_.reply.value = CountReply{attached.size()};
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const ExpireLeases& command) {
  CountReply reply;
  if (command.term == context_.term) {
    for (const LeaseRef& ref : command.leases) {
      const Lease* lease = registry_.FindLease(ref.id);
      if (!lease || lease->epoch != ref.epoch || lease->silent_since_ms != 0) continue;
      const ServedOnLease served = CountServed(ref.id);
      std::string why;
      if (command.guard && !MayLeave(served, *command.guard, Silence::kFresh, &why)) {
        reply.count += HoldLease(ref.id, Text("lease ", ref.id, " was silent for its ttl of ",
                                              lease->ttl_ms, " ms; ", why));
        continue;
      }
      if (command.guard) CountLeaving(served, lease->ttl_ms);
      reply.count +=
          ExpireLease(ref.id, Cause::kLeaseExpired,
                      Text("lease ", ref.id, " was silent for its ttl of ", lease->ttl_ms, " ms"));
    }
  }
  outcome_.reply.value = reply;
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const RemoveCritical& command) {
  CountReply reply;
  for (const Target& target : command.targets) {
    InstancePtr found = registry_.Find(target.name);
    if (!found || found->incarnation != target.incarnation || !found->facts.lease_expired) continue;
    std::string evidence = Text("critical for ", now_ms_ - found->health_since_ms, " ms");
    Replace(std::move(found), nullptr, Cause::kRemoveAfter, std::move(evidence));
    ++reply.count;
  }
  outcome_.reply.value = reply;
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const TrimHistory& command) {
  Revision& floor = registry_.counters_.history_floor;
  floor = std::max(floor, std::min(command.floor, registry_.counters_.revision));
  outcome_.reply.value = CountReply{};
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const RaiseFeatureLevel& command) {
  uint32_t& level = registry_.counters_.feature_level;
  level = std::max(level, command.level);
  outcome_.reply.value = CountReply{};
  return absl::OkStatus();
}

absl::Status CommandRun::Again(const Register& command) {
  const LeaseId lease = command.lease ? command.lease->id : LeaseId();
  RegisterReply reply;
  for (const InstanceSpec& spec : command.instances) {
    const InstancePtr found = registry_.Find(spec.name);
    const bool own = found && found->lease == lease;
    reply.incarnations.push_back(own ? found->incarnation : Revision());
  }
  if (command.lease) {
    if (const Lease* own = FindOwn(*command.lease)) reply.lease = *own;
  }
  outcome_.reply.value = std::move(reply);
  return absl::OkStatus();
}

absl::Status CommandRun::Again(const Deregister& command) {
  outcome_.reply.value = DeregisterReply{std::vector<bool>(command.targets.size(), false)};
  return absl::OkStatus();
}

absl::Status CommandRun::Again(const GrantLease& command) {
  const Lease* own = FindOwn(command.lease);
  if (!own) {
    return absl::NotFoundError(
        Text("lease ", command.lease.id, " has ended since it was granted by this request"));
  }
  outcome_.reply.value = LeaseReply{*own};
  return absl::OkStatus();
}

absl::Status CommandRun::AgainOne(const Target& target) {
  InstancePtr found = registry_.Find(target.name);
  if (absl::Status refused = CheckTarget(target, found); !refused.ok()) return refused;
  outcome_.reply.value = InstanceReply{std::move(found)};
  return absl::OkStatus();
}

absl::Status CommandRun::Again(const SetMaintenance& command) {
  OverridePtr found = FindOverride(command.target);
  if (!found) {
    return absl::NotFoundError(
        Text("the maintenance of ", command.target, " has ended since this request set it"));
  }
  outcome_.reply.value = MaintenanceReply{std::move(found)};
  return absl::OkStatus();
}

absl::Status CommandRun::Again(const EndMaintenance&) {
  outcome_.reply.value = MaintenanceReply{};
  return absl::OkStatus();
}

absl::Status CommandRun::Again(const SetService& command) {
  outcome_.reply.value =
      ServiceReply{std::make_shared<const ServiceRecord>(Record(command.service))};
  return absl::OkStatus();
}

absl::Status CommandRun::AgainCount() {
  outcome_.reply.value = CountReply{};
  return absl::OkStatus();
}

absl::Status CommandRun::CheckClaim(const LeaseClaim& claim) const {
  if (!claim.id) return absl::FailedPreconditionError("lease id 0 names no lease");
  const Lease* lease = registry_.FindLease(claim.id);
  if (!lease && claim.ttl_ms == 0) {
    return absl::NotFoundError(
        Text("lease ", claim.id, " does not exist; register again with a ttl"));
  }
  if (lease && lease->owner != claim.owner) {
    return absl::FailedPreconditionError(Text("lease ", claim.id, " belongs to owner '",
                                              lease->owner, "', not to '", claim.owner, "'"));
  }
  return absl::OkStatus();
}

// Grants the lease or adopts the claimed ttl. The epoch stays when only the ttl changes: the owner
// is the same, so its renewals stay good.
const Lease& CommandRun::TakeClaim(const LeaseClaim& claim) {
  Registry::HeldLease* held = registry_.FindHeld(claim.id);
  if (!held) {
    auto granted = std::make_unique<Registry::HeldLease>();
    granted->lease = {claim.id, registry_.counters_.next_epoch, claim.ttl_ms, claim.owner, 0};
    ++registry_.counters_.next_epoch;
    held = granted.get();
    registry_.leases_.emplace(claim.id, std::move(granted));
  } else if (claim.ttl_ms != 0 && claim.ttl_ms != held->lease.ttl_ms) {
    held->lease.ttl_ms = claim.ttl_ms;
  } else {
    return held->lease;
  }
  outcome_.leases.push_back({claim.id, held->lease});
  return held->lease;
}

const Lease* CommandRun::FindOwn(const LeaseClaim& claim) const {
  const Lease* lease = registry_.FindLease(claim.id);
  return lease && lease->owner == claim.owner ? lease : nullptr;
}

absl::Status CommandRun::CheckTarget(const Target& target, const InstancePtr& found) const {
  if (!found) {
    return absl::NotFoundError(Text("instance ", target.name.text(), " is not registered"));
  }
  if (target.incarnation && target.incarnation != found->incarnation) {
    return absl::FailedPreconditionError(Text("instance ", target.name.text(), " has incarnation ",
                                              found->incarnation, " now; a message of incarnation ",
                                              target.incarnation, " changes nothing"));
  }
  return absl::OkStatus();
}

Revision CommandRun::RegisterOne(const InstanceSpec& spec, LeaseId lease) {
  InstancePtr before = registry_.Find(spec.name);
  // Named twice in one call. Refused at the border; here the first one counts, so that an instance
  // changes at most once in an Outcome.
  if (before && before->changed == revision_) return before->incarnation;
  const bool same_life = before && before->lease == lease && !before->facts.lease_expired;
  const bool same_content = same_life && before->spec == spec;
  if (same_content && !before->facts.silent) return before->incarnation;

  auto after = std::make_shared<Instance>();
  after->spec = spec;
  after->lease = lease;
  after->changed = revision_;
  after->changed_ms = now_ms_;
  if (same_life) {
    after->incarnation = before->incarnation;
    after->created_ms = before->created_ms;
    after->facts = before->facts;
    after->facts.silent = false;
    after->health_since_ms = before->health_since_ms;
  } else {
    after->incarnation = revision_;
    after->created_ms = now_ms_;
    after->health_since_ms = now_ms_;
    const OverridePtr covering = CoveringOverride(Record(spec.name.service_name()), spec.name);
    if (covering) after->facts.rare.Edit([&](RareFacts& rare) { rare.maintenance = covering; });
  }
  if (!same_life || !(before->spec.check == spec.check)) TakeCheck(same_life, *after);
  if (same_life && after->health() != before->health()) after->health_since_ms = now_ms_;
  const Revision incarnation = after->incarnation;
  std::string evidence;
  if (before && !same_life) evidence = Text("a new life; ended incarnation ", before->incarnation);
  Replace(std::move(before), std::move(after), same_content ? Cause::kRenewed : Cause::kRegister,
          std::move(evidence));
  return incarnation;
}

// Another check than before: results of the earlier one are void from now on. In the same life the
// last result stays until the new check has its own.
void CommandRun::TakeCheck(bool same_life, Instance& instance) {
  HealthFacts& facts = instance.facts;
  const bool wanted = instance.spec.check->kind != CheckKind::kNone;
  if (!wanted) {
    facts.check = CheckResult::kNone;
  } else if (!same_life || facts.check == CheckResult::kNone) {
    facts.check = CheckResult::kUnknown;
  }
  if (!wanted && facts.rare.empty()) return;
  facts.rare.Edit([&](RareFacts& rare) {
    rare.check_epoch = wanted ? revision_ : Revision();
    if (!wanted) rare.check_message.clear();
  });
}

// The instances stay in the table; the caller says what becomes of them.
AttachedInstances CommandRun::EndLease(LeaseId id) {
  const auto held = registry_.leases_.find(id);
  AttachedInstances attached = std::move(held->second->instances);
  const int64_t silent_since_ms = held->second->lease.silent_since_ms;
  if (silent_since_ms != 0) registry_.silent_.erase({silent_since_ms, id});
  registry_.leases_.erase(held);
  outcome_.leases.push_back({id, std::nullopt});
  return attached;
}

void CommandRun::Replace(InstancePtr before, InstancePtr after, Cause cause, std::string evidence) {
  Counters& counters = registry_.counters_;
  const bool was_suspect = before && before->health() == Health::kSuspect;
  const bool is_suspect = after && after->health() == Health::kSuspect;
  if (was_suspect != is_suspect) {
    const std::string service((after ? after : before)->name().service_name());
    suspects_before_.try_emplace(service, registry_.TakeService(service).suspect);
  }
  if (before) {
    Detach(*before);
    registry_.CountInstance(*before, -1);
    counters.digest -= InstanceDigest(*before);
    registry_.instances_.erase(before);
  }
  if (after) {
    registry_.instances_.insert(after);
    counters.digest += InstanceDigest(*after);
    Attach(*after);
    registry_.CountInstance(*after, 1);
  } else {
    // Who left a service that is gone does not count when it comes back.
    const std::string_view service = before->name().service_name();
    if (registry_.FindService(service)->instances == 0) {
      if (!Record(service).left.empty()) EditRecord(service).left = SilenceWindow();
      registry_.DropServiceIfIdle(service);
    }
  }
  outcome_.instances.push_back({std::move(before), std::move(after), cause, std::move(evidence)});
}

void CommandRun::Attach(const Instance& instance) {
  if (!instance.lease || instance.facts.lease_expired) return;
  registry_.FindHeld(instance.lease)->instances.Insert(&instance);
}

void CommandRun::Detach(const Instance& instance) {
  if (!instance.lease || instance.facts.lease_expired) return;
  // Absent while the lease itself is being ended.
  if (Registry::HeldLease* held = registry_.FindHeld(instance.lease)) {
    held->instances.Erase(&instance);
  }
}

}  // namespace registryd::core
