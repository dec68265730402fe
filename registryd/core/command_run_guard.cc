// The guard's decisions (core/guard.h): what leaves for silence, what is held, how that ends.
#include <algorithm>
#include <utility>
#include <vector>

#include "registryd/base/text.h"
#include "registryd/core/command_run.h"
#include "registryd/core/limits.h"

namespace registryd::core {
namespace {

// Held leases that one Tend looks at, so that a guard that holds very many does not stop the loop.
constexpr size_t kTendedPerCommand = 10'000;

}  // namespace

absl::Status CommandRun::Do(const ReviveLeases& command) {
  CountReply reply;
  for (const LeaseRef& ref : command.leases) {
    const Lease* lease = registry_.FindLease(ref.id);
    if (!lease || lease->epoch != ref.epoch || lease->silent_since_ms == 0) continue;
    reply.count += ReviveLease(ref.id);
  }
  outcome_.reply.value = reply;
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const ReleaseGuard& command) {
  CountReply reply;
  std::vector<std::pair<int64_t, LeaseId>> released;
  for (const auto& [since_ms, id] : registry_.silent_) {
    bool wanted = command.service.empty();
    if (!wanted) {
      registry_.FindHeld(id)->instances.ForEach([&](const Instance& instance) {
        wanted |= instance.name().service_name() == command.service;
      });
    }
    if (!wanted) continue;
    if (released.size() < limits::kReleasedPerCommand) {
      released.emplace_back(since_ms, id);
    } else {
      ++reply.left;
    }
  }
  for (const auto& [since_ms, id] : released) {
    reply.count += ExpireLease(id, Cause::kGuardReleased,
                               Text("lease ", id, " was held for ", now_ms_ - since_ms, " ms"));
  }
  outcome_.reply.value = reply;
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const Tend& command) {
  CountReply reply;
  reply.count = EndDueOverrides();
  // An instance changes once in a command; whoever proposed this asks again while it finds
  // something.
  if (reply.count == 0) reply.count = LetGoOfHeld(command.guard);
  outcome_.reply.value = reply;
  return absl::OkStatus();
}

uint64_t CommandRun::LetGoOfHeld(const GuardRule& rule) {
  if (rule.hold_all) return 0;
  std::vector<std::pair<int64_t, LeaseId>> due;
  for (const auto& held : registry_.silent_) {
    if (held.first + rule.hold_ms > now_ms_ || due.size() >= kTendedPerCommand) break;
    due.push_back(held);
  }
  uint64_t turned = 0;
  std::string why;
  for (const auto& [since_ms, id] : due) {
    if (outcome_.instances.size() >= limits::kInstancesPerCall) break;
    const ServedOnLease served = CountServed(id);
    if (!MayLeave(served, rule, Silence::kHeldForLong, &why)) continue;
    CountLeaving(served, registry_.FindLease(id)->ttl_ms);
    turned += ExpireLease(id, Cause::kGuardHoldEnded,
                          Text("lease ", id, " was held for ", now_ms_ - since_ms, " ms"));
  }
  return turned;
}

CommandRun::ServedOnLease CommandRun::CountServed(LeaseId id) const {
  ServedOnLease served;
  registry_.FindHeld(id)->instances.ForEach([&](const Instance& instance) {
    if (!IsServed(instance.health())) return;
    ++served.total;
    const std::string_view service = instance.name().service_name();
    // In the order of names, so one service's instances come together.
    if (served.services.empty() || served.services.back().first != service) {
      served.services.emplace_back(service, 0);
    }
    ++served.services.back().second;
  });
  return served;
}

// Beyond the share of `base`, those that have left within a ttl and those that are suspect taken
// together, nobody leaves. Suspects count only against fresh silence: after the hold they are the
// ones that leave. A lease leaves whole, so after the hold one that carries more than the share
// leaves alone.
bool CommandRun::MayLeave(const ServedOnLease& served, const GuardRule& rule, Silence silence,
                          std::string* why) {
  RegistryGuard& guard = registry_.counters_.guard;
  const auto hold_by_registry = [&] {
    if (guard.since_ms == 0) {
      guard.since_ms = now_ms_;
      outcome_.events.push_back({EventKind::kGuardEntered, "", *why});
    }
    return false;
  };
  if (served.total == 0) return true;
  if (rule.hold_all) {
    *why = "the leader hears too few renewals to take silence for an end";
    return hold_by_registry();
  }
  const auto fits = [&](std::string_view scope, uint64_t leaving, uint64_t left, uint64_t suspect,
                        uint64_t base) {
    const uint64_t allowed = rule.Allowed(base);
    const uint64_t gone = left + (silence == Silence::kFresh ? suspect : 0);
    if (gone + leaving <= allowed) return true;
    if (silence == Silence::kHeldForLong && left == 0) return true;
    *why = Text(scope, ": ", left, " of ", base, " left within a ttl, ", suspect,
                " suspect, the guard lets ", allowed, " go");
    return false;
  };
  for (const auto& [name, leaving] : served.services) {
    const Registry::Service& service = *registry_.FindService(name);
    const uint64_t left = Record(name).left.Count(now_ms_);
    const uint64_t base = service.served() + left;
    const bool guarded = base >= GuardRule::kServiceMin || service.suspect > 0;
    if (guarded && !fits(name, leaving, left, service.suspect, base)) return false;
  }
  const uint64_t leases = registry_.leases_.size() + guard.left_leases.Count(now_ms_);
  if (leases < GuardRule::kRegistryMin) return true;
  const uint64_t left = guard.left.Count(now_ms_);
  if (fits("the registry", served.total, left, 0, registry_.served_ + left)) return true;
  return hold_by_registry();
}

void CommandRun::CountLeaving(const ServedOnLease& served, int64_t ttl_ms) {
  for (const auto& [name, leaving] : served.services) {
    SilenceWindow& left = EditRecord(name).left;
    left.Prune(now_ms_);
    left.Add(ttl_ms, leaving, now_ms_);
  }
  if (served.total == 0) return;
  RegistryGuard& guard = registry_.counters_.guard;
  guard.left.Prune(now_ms_);
  guard.left.Add(ttl_ms, served.total, now_ms_);
  guard.left_leases.Prune(now_ms_);
  guard.left_leases.Add(ttl_ms, 1, now_ms_);
}

uint64_t CommandRun::ExpireLease(LeaseId id, Cause cause, const std::string& evidence) {
  const AttachedInstances attached = EndLease(id);
  attached.ForEach([&](const Instance& instance) {
    Change(registry_.Find(instance.name()), cause, evidence, [](Instance& expired) {
      expired.facts.lease_expired = true;
      expired.facts.silent = false;
    });
  });
  return attached.size();
}

uint64_t CommandRun::HoldLease(LeaseId id, const std::string& why) {
  Registry::HeldLease* held = registry_.FindHeld(id);
  held->lease.silent_since_ms = now_ms_;
  registry_.silent_.emplace(now_ms_, id);
  outcome_.leases.push_back({id, held->lease});
  std::vector<InstancePtr> attached;
  held->instances.ForEach(
      [&](const Instance& instance) { attached.push_back(registry_.Find(instance.name())); });
  for (const InstancePtr& instance : attached) {
    Change(instance, Cause::kGuardHeld, why,
           [](Instance& suspect) { suspect.facts.silent = true; });
  }
  return attached.size();
}

uint64_t CommandRun::ReviveLease(LeaseId id) {
  Registry::HeldLease* held = registry_.FindHeld(id);
  const int64_t since_ms = std::exchange(held->lease.silent_since_ms, 0);
  registry_.silent_.erase({since_ms, id});
  outcome_.leases.push_back({id, held->lease});
  std::vector<InstancePtr> attached;
  held->instances.ForEach([&](const Instance& instance) {
    // A registration of this very command is the renewal of its own instances.
    if (instance.changed != revision_) attached.push_back(registry_.Find(instance.name()));
  });
  for (const InstancePtr& instance : attached) {
    Change(instance, Cause::kRenewed,
           Text("lease ", id, " is renewed after ", now_ms_ - since_ms, " ms of silence"),
           [](Instance& heard) { heard.facts.silent = false; });
  }
  return attached.size();
}

void CommandRun::Finish() {
  for (const auto& [name, before] : suspects_before_) {
    const Registry::Service* service = registry_.FindService(name);
    const uint32_t now = service == nullptr ? 0 : service->suspect;
    if (before == 0 && now > 0) {
      outcome_.events.push_back({EventKind::kGuardEntered, name,
                                 Text(now, " of ", service->served(),
                                      " served instances are silent and held as SUSPECT")});
    } else if (before > 0 && now == 0) {
      outcome_.events.push_back({EventKind::kGuardLeft, name, "no instance is SUSPECT any more"});
    }
  }
  RegistryGuard& guard = registry_.counters_.guard;
  if (guard.since_ms != 0 && registry_.silent_.empty()) {
    outcome_.events.push_back(
        {EventKind::kGuardLeft, "",
         Text("nothing is held any more, after ", now_ms_ - guard.since_ms, " ms")});
    guard.since_ms = 0;
  }
  for (auto& [name, record] : edited_) {
    Registry::Service& service = registry_.TakeService(name);
    const bool was_operated = service.record && service.record->operated();
    if (was_operated && !record.operated()) --registry_.operated_;
    if (!was_operated && record.operated()) ++registry_.operated_;
    record.left.Prune(now_ms_);
    service.record =
        record.empty() ? nullptr : std::make_shared<const ServiceRecord>(std::move(record));
    outcome_.services.push_back({name, service.record});
    registry_.DropServiceIfIdle(name);
  }
}

const ServiceRecord& CommandRun::Record(std::string_view service) const {
  static const ServiceRecord none;
  if (!edited_.empty()) {
    if (const auto found = edited_.find(service); found != edited_.end()) return found->second;
  }
  const Registry::Service* found = registry_.FindService(service);
  return found && found->record ? *found->record : none;
}

ServiceRecord& CommandRun::EditRecord(std::string_view service) {
  const auto found = edited_.find(service);
  if (found != edited_.end()) return found->second;
  ServiceRecord copy = Record(service);
  copy.name = std::string(service);
  return edited_.emplace(copy.name, std::move(copy)).first->second;
}

}  // namespace registryd::core
