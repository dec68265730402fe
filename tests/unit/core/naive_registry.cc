#include "tests/unit/core/naive_registry.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "registryd/core/check_owner.h"

namespace registryd::testing {
namespace {

using core::Instance;

bool AliveOn(const Instance& instance, uint64_t lease) {
  return instance.lease.value() == lease && !instance.facts.lease_expired;
}

std::string ServiceOf(const std::string& name) {
  return std::count(name.begin(), name.end(), '/') == 2 ? name.substr(0, name.rfind('/')) : name;
}

bool Served(const Instance& instance) {
  return instance.health() == core::Health::kPassing || instance.health() == core::Health::kSuspect;
}

// As the window says of itself: a ttl is the next power of two of seconds, and a departure counts
// until its quarter is the fifth before the present one.
uint64_t Count(const std::vector<NaiveDeparture>& left, int64_t now) {
  uint64_t count = 0;
  for (const NaiveDeparture& departure : left) {
    int64_t ttl_ms = 1'000;
    while (ttl_ms < departure.ttl_ms) ttl_ms *= 2;
    const int64_t quarter = ttl_ms / 4;
    if (now / quarter - departure.time_ms / quarter < 5) count += departure.count;
  }
  return count;
}

struct Edit {
  NaiveState& state;
  const core::Context& context;
  NaiveReply& reply;

  bool Refuse(absl::StatusCode code) {
    reply.code = code;
    return false;
  }

  bool Claim(const core::LeaseClaim& claim) {
    const auto found = state.leases.find(claim.id.value());
    if (found == state.leases.end()) {
      if (claim.ttl_ms == 0) return Refuse(absl::StatusCode::kNotFound);
      const LeaseEpoch epoch(state.next_epoch++);
      state.leases[claim.id.value()] = {claim.id, epoch, claim.ttl_ms, claim.owner, 0};
    } else {
      if (found->second.owner != claim.owner) {
        return Refuse(absl::StatusCode::kFailedPrecondition);
      }
      if (claim.ttl_ms != 0) found->second.ttl_ms = claim.ttl_ms;
      Revive(found->second);
    }
    reply.lease = state.leases[claim.id.value()];
    return true;
  }

  bool Holds(const core::Target& target) {
    const auto found = state.instances.find(target.name.text());
    if (found == state.instances.end()) return Refuse(absl::StatusCode::kNotFound);
    if (target.incarnation && found->second.incarnation != target.incarnation) {
      return Refuse(absl::StatusCode::kFailedPrecondition);
    }
    return true;
  }

  bool Do(const core::Register& command) {
    uint64_t lease = 0;
    if (command.lease) {
      if (!Claim(*command.lease)) return false;
      lease = command.lease->id.value();
    }
    for (const core::InstanceSpec& spec : command.instances) {
      const auto found = state.instances.find(spec.name.text());
      if (found != state.instances.end() && AliveOn(found->second, lease)) {
        const bool same_check = found->second.spec.check == spec.check;
        found->second.spec = spec;
        if (!same_check) TakeCheck(found->second);
      } else {
        Instance fresh;
        fresh.spec = spec;
        fresh.lease = LeaseId(lease);
        fresh.incarnation = Revision(state.revision + 1);
        fresh.created_ms = state.time_ms;
        fresh.health_since_ms = state.time_ms;
        Cover(fresh);
        if (spec.check->kind != core::CheckKind::kNone) TakeCheck(fresh);
        state.instances[spec.name.text()] = fresh;
      }
      reply.incarnations.push_back(state.instances[spec.name.text()].incarnation.value());
    }
    return true;
  }

  bool Do(const core::Deregister& command) {
    for (const core::Target& target : command.targets) {
      const bool there = state.instances.count(target.name.text()) > 0;
      if (there && !Holds(target)) return false;
    }
    std::map<std::string, uint32_t> leaving;
    for (const core::Target& target : command.targets) {
      const auto found = state.instances.find(target.name.text());
      if (found == state.instances.end()) continue;
      if (found->second.health() == core::Health::kPassing) {
        ++leaving[std::string(target.name.service_name())];
      }
    }
    for (const auto& [service, count] : leaving) {
      if (!command.process_exit && !EnoughWithout(service, count, command.force)) return false;
    }
    for (const core::Target& target : command.targets) {
      const bool there = state.instances.count(target.name.text()) > 0;
      reply.removed.push_back(there);
      state.instances.erase(target.name.text());
    }
    return true;
  }

  bool Do(const core::Update& command) {
    if (!Holds(command.target)) return false;
    Instance& instance = state.instances[command.target.name.text()];
    if (command.expected && instance.changed != command.expected) {
      return Refuse(absl::StatusCode::kFailedPrecondition);
    }
    if (command.labels) instance.spec.labels = *command.labels;
    if (command.endpoints) instance.spec.endpoints = *command.endpoints;
    if (command.weight) instance.spec.weight = *command.weight;
    if (command.version) instance.spec.version = *command.version;
    if (command.zone) instance.spec.zone = *command.zone;
    reply.instance = command.target.name.text();
    return true;
  }

  bool Do(const core::SetHealth& command) {
    if (!Holds(command.target)) return false;
    Instance& instance = state.instances[command.target.name.text()];
    const bool drains = command.report == core::Report::kDraining;
    if (drains && instance.health() == core::Health::kPassing &&
        !EnoughWithout(std::string(command.target.name.service_name()), 1, command.force)) {
      return false;
    }
    instance.facts.report = command.report;
    instance.facts.message = command.message;
    reply.instance = command.target.name.text();
    return true;
  }

  bool Do(const core::GrantLease& command) { return Claim(command.lease); }

  bool Do(const core::RevokeLease& command) {
    const auto found = state.leases.find(command.id.value());
    if (found == state.leases.end()) return Refuse(absl::StatusCode::kNotFound);
    if (command.epoch && command.epoch != found->second.epoch) {
      return Refuse(absl::StatusCode::kFailedPrecondition);
    }
    state.leases.erase(found);
    reply.count = std::erase_if(state.instances, [&](const auto& entry) {
      return AliveOn(entry.second, command.id.value());
    });
    return true;
  }

  bool Do(const core::ExpireLeases& command) {
    if (command.term != context.term) return true;
    for (const core::LeaseRef& ref : command.leases) {
      const auto found = state.leases.find(ref.id.value());
      if (found == state.leases.end() || found->second.epoch != ref.epoch) continue;
      if (found->second.silent_since_ms != 0) continue;
      if (command.guard && !MayLeave(found->second, *command.guard, false)) {
        found->second.silent_since_ms = state.time_ms;
        for (auto& [name, instance] : state.instances) {
          if (!AliveOn(instance, ref.id.value())) continue;
          instance.facts.silent = true;
          ++reply.count;
        }
        continue;
      }
      if (command.guard) NoteDeparture(found->second);
      End(ref.id.value());
    }
    return true;
  }

  bool Do(const core::ReviveLeases& command) {
    for (const core::LeaseRef& ref : command.leases) {
      const auto found = state.leases.find(ref.id.value());
      if (found == state.leases.end() || found->second.epoch != ref.epoch) continue;
      reply.count += Revive(found->second);
    }
    return true;
  }

  bool Do(const core::ReleaseGuard& command) {
    std::vector<uint64_t> released;
    for (const auto& [id, lease] : state.leases) {
      if (lease.silent_since_ms == 0) continue;
      bool wanted = command.service.empty();
      for (const auto& [name, instance] : state.instances) {
        wanted |= AliveOn(instance, id) && ServiceOf(name) == command.service;
      }
      if (wanted) released.push_back(id);
    }
    for (const uint64_t id : released) End(id);
    return true;
  }

  bool Do(const core::Tend& command) {
    std::vector<std::string> over;
    for (auto& [service, record] : state.services) {
      for (const auto& [target, entry] : record.overrides) {
        if (entry.until_ms != 0 && entry.until_ms <= state.time_ms) over.push_back(target);
      }
      for (const std::string& target : over) record.overrides.erase(target);
    }
    reply.count = over.size();
    for (const std::string& target : over) reply.count += CoverAll(target);
    if (!over.empty()) return true;  // the rest is for the next one
    if (command.guard.hold_all) return true;
    std::vector<std::pair<int64_t, uint64_t>> due;
    for (const auto& [id, lease] : state.leases) {
      const bool held = lease.silent_since_ms != 0;
      if (held && lease.silent_since_ms + command.guard.hold_ms <= state.time_ms) {
        due.emplace_back(lease.silent_since_ms, id);
      }
    }
    std::sort(due.begin(), due.end());
    for (const auto& [since, id] : due) {
      const core::Lease lease = state.leases[id];
      if (!MayLeave(lease, command.guard, true)) continue;
      NoteDeparture(lease);
      End(id);
    }
    return true;
  }

  bool Do(const core::SetMaintenance& command) {
    const std::string service = ServiceOf(command.target);
    uint32_t leaving = 0;
    for (const auto& [name, instance] : state.instances) {
      const bool covered =
          command.target == service ? ServiceOf(name) == service : name == command.target;
      if (covered && instance.health() == core::Health::kPassing) ++leaving;
    }
    if (leaving > 0 && !EnoughWithout(service, leaving, command.force)) return false;
    core::Override next{command.target, command.owner.empty() ? context.actor : command.owner,
                        command.reason, state.time_ms,
                        command.duration_ms == 0 ? 0 : state.time_ms + command.duration_ms};
    state.services[service].overrides[command.target] = next;
    reply.override_ = next;
    reply.count = CoverAll(command.target);
    return true;
  }

  bool Do(const core::EndMaintenance& command) {
    auto& overrides = state.services[ServiceOf(command.target)].overrides;
    const auto found = overrides.find(command.target);
    if (found == overrides.end()) return Refuse(absl::StatusCode::kNotFound);
    reply.override_ = found->second;
    overrides.erase(found);
    reply.count = CoverAll(command.target);
    return true;
  }

  bool Do(const core::SetService& command) {
    NaiveService& service = state.services[command.service];
    if (command.min_healthy) service.min_healthy = *command.min_healthy;
    reply.min_healthy = service.min_healthy;
    return true;
  }

  bool Do(const core::SetCheckers& command) {
    state.checkers = command.nodes;
    return true;
  }

  bool Do(const core::ReportChecks& command) {
    std::set<std::string> changed;
    for (const core::ReportChecks::Result& result : command.results) {
      const auto found = state.instances.find(result.target.name.text());
      if (found == state.instances.end()) continue;
      Instance& instance = found->second;
      const auto next = result.passed ? core::CheckResult::kPassing : core::CheckResult::kFailing;
      if (instance.incarnation != result.target.incarnation ||
          instance.spec.check->kind == core::CheckKind::kNone ||
          instance.facts.rare->check_epoch != result.epoch || instance.facts.check == next ||
          core::CheckOwner(instance.name(), state.checkers) != command.node ||
          !changed.insert(instance.name().text()).second) {
        continue;
      }
      instance.facts.check = next;
      instance.facts.rare.Edit([&](core::RareFacts& rare) { rare.check_message = result.message; });
      ++reply.count;
    }
    return true;
  }

  // What is left of the service after `leaving` passing instances is enough, or somebody insists.
  bool EnoughWithout(const std::string& service, uint32_t leaving, bool force) {
    uint32_t passing = 0;
    for (const auto& [name, instance] : state.instances) {
      passing += ServiceOf(name) == service && instance.health() == core::Health::kPassing;
    }
    if (force || passing - leaving >= state.services[service].min_healthy) return true;
    return Refuse(absl::StatusCode::kFailedPrecondition);
  }

  uint64_t Revive(core::Lease& lease) {
    if (lease.silent_since_ms == 0) return 0;
    lease.silent_since_ms = 0;
    uint64_t heard = 0;
    for (auto& [name, instance] : state.instances) {
      if (!AliveOn(instance, lease.id.value())) continue;
      instance.facts.silent = false;
      ++heard;
    }
    return heard;
  }

  void End(uint64_t id) {
    state.leases.erase(id);
    for (auto& [name, instance] : state.instances) {
      if (!AliveOn(instance, id)) continue;
      instance.facts.lease_expired = true;
      instance.facts.silent = false;
      ++reply.count;
    }
  }

  std::map<std::string, uint64_t> ServedBy(uint64_t lease) const {
    std::map<std::string, uint64_t> served;
    for (const auto& [name, instance] : state.instances) {
      if (AliveOn(instance, lease) && Served(instance)) ++served[ServiceOf(name)];
    }
    return served;
  }

  bool MayLeave(const core::Lease& lease, const core::GuardRule& rule, bool held_for_long) {
    const std::map<std::string, uint64_t> leaving = ServedBy(lease.id.value());
    uint64_t total = 0;
    for (const auto& [service, count] : leaving) total += count;
    if (total == 0) return true;
    const auto too_many = [&](uint64_t count, uint64_t left, uint64_t suspect, uint64_t base) {
      const uint64_t allowed = std::max<uint64_t>(1, base * rule.share_num / rule.share_den);
      if (held_for_long) return left > 0 && left + count > allowed;
      return left + suspect + count > allowed;
    };
    uint64_t all_served = 0;
    for (const auto& [name, instance] : state.instances) all_served += Served(instance);
    if (!rule.hold_all) {
      for (const auto& [service, count] : leaving) {
        uint64_t served = 0;
        uint64_t suspect = 0;
        for (const auto& [name, instance] : state.instances) {
          if (ServiceOf(name) != service) continue;
          served += Served(instance);
          suspect += instance.health() == core::Health::kSuspect;
        }
        const uint64_t left = Count(state.services[service].left, state.time_ms);
        if (served + left < 3 && suspect == 0) continue;
        if (too_many(count, left, suspect, served + left)) return false;
      }
      if (state.leases.size() + Count(state.left_leases, state.time_ms) < 20) return true;
      const uint64_t left = Count(state.left, state.time_ms);
      if (!too_many(total, left, 0, all_served + left)) return true;
    }
    if (state.guard_since_ms == 0) state.guard_since_ms = state.time_ms;
    return false;
  }

  void NoteDeparture(const core::Lease& lease) {
    uint64_t total = 0;
    for (const auto& [service, count] : ServedBy(lease.id.value())) {
      state.services[service].left.push_back({state.time_ms, lease.ttl_ms, count});
      total += count;
    }
    if (total == 0) return;
    state.left.push_back({state.time_ms, lease.ttl_ms, total});
    state.left_leases.push_back({state.time_ms, lease.ttl_ms, 1});
  }

  void TakeCheck(Instance& instance) {
    const bool wanted = instance.spec.check->kind != core::CheckKind::kNone;
    if (!wanted) instance.facts.check = core::CheckResult::kNone;
    if (wanted && instance.facts.check == core::CheckResult::kNone) {
      instance.facts.check = core::CheckResult::kUnknown;
    }
    instance.facts.rare.Edit([&](core::RareFacts& rare) {
      rare.check_epoch = wanted ? Revision(state.revision + 1) : Revision();
      if (!wanted) rare.check_message.clear();
    });
  }

  bool Cover(Instance& instance) {
    const Instance before = instance;
    auto& overrides = state.services[std::string(instance.name().service_name())].overrides;
    auto found = overrides.find(instance.name().text());
    if (found == overrides.end()) {
      found = overrides.find(std::string(instance.name().service_name()));
    }
    instance.facts.rare.Edit([&](core::RareFacts& rare) {
      rare.maintenance = found == overrides.end()
                             ? nullptr
                             : std::make_shared<const core::Override>(found->second);
    });
    return !(before == instance);
  }

  uint64_t CoverAll(const std::string& target) {
    uint64_t turned = 0;
    for (auto& [name, instance] : state.instances) {
      if (name == target || ServiceOf(name) == target) turned += Cover(instance);
    }
    return turned;
  }

  bool Do(const core::RemoveCritical& command) {
    for (const core::Target& target : command.targets) {
      const auto found = state.instances.find(target.name.text());
      if (found == state.instances.end() || found->second.incarnation != target.incarnation ||
          !found->second.facts.lease_expired) {
        continue;
      }
      state.instances.erase(found);
      ++reply.count;
    }
    return true;
  }

  bool Do(const core::TrimHistory& command) {
    const uint64_t floor = std::min(command.floor.value(), state.revision);
    state.history_floor = std::max(state.history_floor, floor);
    return true;
  }

  bool Do(const core::RaiseFeatureLevel& command) {
    state.feature_level = std::max(state.feature_level, command.level);
    return true;
  }

  // A repeated request: `state` is only read.
  void Again(const core::Register& command) {
    const uint64_t lease = command.lease ? command.lease->id.value() : 0;
    for (const core::InstanceSpec& spec : command.instances) {
      const auto found = state.instances.find(spec.name.text());
      const bool own = found != state.instances.end() && found->second.lease.value() == lease;
      reply.incarnations.push_back(own ? found->second.incarnation.value() : 0);
    }
    if (command.lease) OwnLease(*command.lease);
  }
  void Again(const core::Deregister& command) { reply.removed.resize(command.targets.size()); }
  void Again(const core::Update& command) { AgainOne(command.target); }
  void Again(const core::SetHealth& command) { AgainOne(command.target); }
  void Again(const core::GrantLease& command) {
    OwnLease(command.lease);
    if (!reply.lease) Refuse(absl::StatusCode::kNotFound);
  }
  void Again(const core::SetMaintenance& command) {
    const auto& overrides = state.services[ServiceOf(command.target)].overrides;
    const auto found = overrides.find(command.target);
    if (found == overrides.end()) {
      Refuse(absl::StatusCode::kNotFound);
    } else {
      reply.override_ = found->second;
    }
  }
  void Again(const core::SetService& command) {
    reply.min_healthy = state.services[command.service].min_healthy;
  }
  template <class Command>
  void Again(const Command&) {}

  void AgainOne(const core::Target& target) {
    if (Holds(target)) reply.instance = target.name.text();
  }
  void OwnLease(const core::LeaseClaim& claim) {
    const auto found = state.leases.find(claim.id.value());
    if (found != state.leases.end() && found->second.owner == claim.owner) {
      reply.lease = found->second;
    }
  }
};

}  // namespace

NaiveReply NaiveRegistry::Apply(const core::Context& context, const core::Command& command) {
  NaiveReply reply;
  state_.time_ms = std::max(state_.time_ms, context.time_ms);
  const bool named = context.request.client_id != 0;
  if (named && std::count(state_.requests.begin(), state_.requests.end(), context.request) > 0) {
    reply.duplicate = true;
    Edit edit{state_, context, reply};
    std::visit([&](const auto& c) { edit.Again(c); }, command);
    return reply;
  }

  NaiveState next = state_;
  Edit edit{next, context, reply};
  if (!std::visit([&](const auto& c) { return edit.Do(c); }, command)) return reply;

  bool changed = next.instances.size() != state_.instances.size();
  for (auto& [name, instance] : next.instances) {
    const auto before = state_.instances.find(name);
    const bool fresh = before == state_.instances.end();
    if (!fresh && before->second == instance) continue;
    changed = true;
    instance.changed = Revision(state_.revision + 1);
    instance.changed_ms = next.time_ms;
    if (fresh || before->second.incarnation != instance.incarnation ||
        before->second.health() != instance.health()) {
      instance.health_since_ms = next.time_ms;
    }
  }
  for (const auto& [name, instance] : state_.instances) changed |= next.instances.count(name) == 0;
  // Who left a service that is gone does not count when it comes back.
  for (auto& [service, record] : next.services) {
    bool there = false;
    for (const auto& [name, instance] : next.instances) there |= ServiceOf(name) == service;
    if (!there) record.left.clear();
  }
  bool held = false;
  for (const auto& [id, lease] : next.leases) held |= lease.silent_since_ms != 0;
  if (!held) next.guard_since_ms = 0;
  if (changed) ++next.revision;
  if (named) next.requests.push_back(context.request);
  state_ = std::move(next);
  return reply;
}

}  // namespace registryd::testing
