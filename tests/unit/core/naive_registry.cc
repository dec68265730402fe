#include "tests/unit/core/naive_registry.h"

#include <algorithm>

namespace registryd::testing {
namespace {

using core::Instance;

bool AliveOn(const Instance& instance, uint64_t lease) {
  return instance.lease.value() == lease && !instance.facts.lease_expired;
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
      state.leases[claim.id.value()] = {claim.id, epoch, claim.ttl_ms, claim.owner};
    } else {
      if (found->second.owner != claim.owner) {
        return Refuse(absl::StatusCode::kFailedPrecondition);
      }
      if (claim.ttl_ms != 0) found->second.ttl_ms = claim.ttl_ms;
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
        found->second.spec = spec;
      } else {
        Instance fresh;
        fresh.spec = spec;
        fresh.lease = LeaseId(lease);
        fresh.incarnation = Revision(state.revision + 1);
        fresh.created_ms = state.time_ms;
        fresh.health_since_ms = state.time_ms;
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
      state.leases.erase(found);
      for (auto& [name, instance] : state.instances) {
        if (!AliveOn(instance, ref.id.value())) continue;
        instance.facts.lease_expired = true;
        ++reply.count;
      }
    }
    return true;
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
  if (changed) ++next.revision;
  if (named) next.requests.push_back(context.request);
  state_ = std::move(next);
  return reply;
}

}  // namespace registryd::testing
