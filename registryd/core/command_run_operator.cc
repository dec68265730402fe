// What an operator says: overrides, settings of services, who makes the checks; and what the checks
// found.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/check_owner.h"
#include "registryd/core/command_run.h"
#include "registryd/core/limits.h"

namespace registryd::core {
namespace {

auto PlaceOf(std::vector<OverridePtr>& overrides, const std::string& target) {
  return std::lower_bound(overrides.begin(), overrides.end(), target,
                          [](const OverridePtr& o, const std::string& t) { return o->target < t; });
}

// Puts an override into its service's record, or takes it out (nullptr). Returns the earlier one.
OverridePtr Put(ServiceRecord& record, const std::string& target, OverridePtr next) {
  if (!InstanceName::IsJoined(target)) return std::exchange(record.maintenance, std::move(next));
  const auto at = PlaceOf(record.of_instances, target);
  const bool there = at != record.of_instances.end() && (*at)->target == target;
  if (there && next) return std::exchange(*at, std::move(next));
  OverridePtr before = there ? *at : nullptr;
  if (there) {
    record.of_instances.erase(at);
  } else if (next) {
    record.of_instances.insert(at, std::move(next));
  }
  return before;
}

}  // namespace

// `leaving` PASSING instances are about to be taken out by somebody's will.
absl::Status CommandRun::CheckMinHealthy(std::string_view service, uint32_t leaving, bool force,
                                         std::string* forced) const {
  const uint32_t least = Record(service).min_healthy;
  if (least == 0 || leaving == 0) return absl::OkStatus();
  const uint32_t passing = registry_.FindService(service)->passing;
  const uint32_t rest = passing - leaving;
  if (rest >= least) return absl::OkStatus();
  if (!force) {
    return absl::FailedPreconditionError(
        Text("service ", service, " has ", passing, " passing instances and min_healthy ", least,
             "; this would leave ", rest, ". Wait for more instances, or force it"));
  }
  *forced += Text(forced->empty() ? "" : "; ", "forced: leaves ", rest,
                  " passing, below min_healthy ", least);
  return absl::OkStatus();
}

absl::Status CommandRun::CheckMinHealthy(const Deregister& command, std::string* forced) const {
  // Only services that have the setting, which are few.
  std::map<std::string_view, uint32_t> leaving;
  for (const Target& target : command.targets) {
    const std::string_view service = target.name.service_name();
    if (Record(service).min_healthy == 0) continue;
    const InstancePtr found = registry_.Find(target.name);
    if (found && found->health() == Health::kPassing) ++leaving[service];
  }
  for (const auto& [service, count] : leaving) {
    RETURN_IF_ERROR(CheckMinHealthy(service, count, command.force, forced));
  }
  return absl::OkStatus();
}

// A service that has neither settings nor overrides is to get one.
absl::Status CommandRun::CheckRoom(const ServiceRecord& record) const {
  if (record.operated() || registry_.operated_ < limits::kOperatedServices) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      Text(registry_.operated_, " services have settings or overrides; end some"));
}

absl::Status CommandRun::Do(const SetMaintenance& command) {
  const std::string& target = command.target;
  const std::string_view service = ServiceOf(target);
  const ServiceRecord& record = Record(service);
  if (!FindOverride(target)) {
    if (InstanceName::IsJoined(target) &&
        record.of_instances.size() >= limits::kOverridesPerService) {
      return absl::ResourceExhaustedError(
          Text("service ", service, " has ", record.of_instances.size(),
               " overrides of single instances; override the service, or end some"));
    }
    RETURN_IF_ERROR(CheckRoom(record));
  }
  uint32_t leaving = 0;
  if (InstanceName::IsJoined(target)) {
    const InstancePtr found = registry_.Find(InstanceName(target));
    leaving = found && found->health() == Health::kPassing ? 1 : 0;
  } else if (const Registry::Service* found = registry_.FindService(service)) {
    leaving = found->passing;
  }
  std::string evidence = command.reason;
  RETURN_IF_ERROR(CheckMinHealthy(service, leaving, command.force, &evidence));

  auto next = std::make_shared<Override>();
  next->target = target;
  next->owner = command.owner.empty() ? context_.actor : command.owner;
  next->reason = command.reason;
  next->since_ms = now_ms_;
  next->until_ms = command.duration_ms == 0 ? 0 : now_ms_ + command.duration_ms;
  const OverridePtr before = Put(EditRecord(service), target, next);
  if (before && before->until_ms != 0) registry_.ends_.erase({before->until_ms, target});
  if (next->until_ms != 0) registry_.ends_.emplace(next->until_ms, target);
  outcome_.events.push_back({EventKind::kMaintenanceOn, target, evidence});
  const uint64_t turned = CoverAgain(target, Cause::kMaintenanceOn, evidence);
  outcome_.reply.value = MaintenanceReply{std::move(next), turned};
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const EndMaintenance& command) {
  OverridePtr ended = FindOverride(command.target);
  if (!ended) {
    return absl::NotFoundError(Text(command.target, " is not in maintenance by its own name"));
  }
  TakeOverride(command.target);
  const uint64_t turned = CoverAgain(command.target, Cause::kMaintenanceOff, ended->reason);
  outcome_.reply.value = MaintenanceReply{std::move(ended), turned};
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const SetService& command) {
  const ServiceRecord& before = Record(command.service);
  RETURN_IF_ERROR(CheckRoom(before));
  if (command.min_healthy && *command.min_healthy != before.min_healthy) {
    ServiceRecord& record = EditRecord(command.service);
    outcome_.events.push_back(
        {EventKind::kSettings, command.service,
         Text("min_healthy ", record.min_healthy, " -> ", *command.min_healthy)});
    record.min_healthy = *command.min_healthy;
  }
  ServiceRecord now = Record(command.service);
  now.name = command.service;
  outcome_.reply.value = ServiceReply{std::make_shared<const ServiceRecord>(std::move(now))};
  return absl::OkStatus();
}

OverridePtr CommandRun::TakeOverride(const std::string& target) {
  OverridePtr ended = Put(EditRecord(ServiceOf(target)), target, nullptr);
  if (ended->until_ms != 0) registry_.ends_.erase({ended->until_ms, target});
  outcome_.events.push_back({EventKind::kMaintenanceOff, target, ended->reason});
  return ended;
}

// First all of them end, then it is seen who is covered by what: an instance and its service may
// end together.
uint64_t CommandRun::EndDueOverrides() {
  std::vector<OverridePtr> ended;
  while (!registry_.ends_.empty() && registry_.ends_.begin()->first <= now_ms_ &&
         ended.size() < limits::kInstancesPerCall) {
    ended.push_back(TakeOverride(std::string(registry_.ends_.begin()->second)));
  }
  uint64_t turned = ended.size();
  for (const OverridePtr& entry : ended) {
    turned += CoverAgain(entry->target, Cause::kMaintenanceEnded, entry->reason);
  }
  return turned;
}

// Gives the instances of a target the override that covers them by now. A whole service is found by
// looking at all instances: operators do that rarely, and an index would cost every instance
// memory.
uint64_t CommandRun::CoverAgain(const std::string& target, Cause cause,
                                const std::string& evidence) {
  std::vector<InstancePtr> covered;
  if (InstanceName::IsJoined(target)) {
    if (InstancePtr found = registry_.Find(InstanceName(target))) covered.push_back(found);
  } else {
    for (const InstancePtr& instance : registry_.instances_) {
      if (instance->name().service_name() == target) covered.push_back(instance);
    }
    std::sort(covered.begin(), covered.end(), [](const InstancePtr& a, const InstancePtr& b) {
      return a->name() < b->name();  // the table's order differs between members
    });
  }
  const ServiceRecord& record = Record(ServiceOf(target));
  uint64_t turned = 0;
  for (const InstancePtr& instance : covered) {
    if (instance->changed == revision_) continue;
    const InstancePtr now = Change(instance, cause, evidence, [&](Instance& edited) {
      edited.facts.rare.Edit(
          [&](RareFacts& rare) { rare.maintenance = CoveringOverride(record, edited.name()); });
    });
    if (now != instance) ++turned;
  }
  return turned;
}

OverridePtr CommandRun::FindOverride(const std::string& target) const {
  const ServiceRecord& record = Record(ServiceOf(target));
  if (!InstanceName::IsJoined(target)) return record.maintenance;
  const OverridePtr covering = CoveringOverride(record, InstanceName(target));
  return covering && covering->target == target ? covering : nullptr;
}

absl::Status CommandRun::Do(const SetCheckers& command) {
  registry_.counters_.checkers = command.nodes;
  return absl::OkStatus();
}

absl::Status CommandRun::Do(const ReportChecks& command) {
  CountReply reply;
  for (const ReportChecks::Result& result : command.results) {
    const InstancePtr found = registry_.Find(result.target.name);
    if (!found || found->incarnation != result.target.incarnation ||
        found->facts.check == CheckResult::kNone || found->changed == revision_ ||
        found->facts.rare->check_epoch != result.epoch ||
        CheckOwner(found->name(), registry_.counters_.checkers) != command.node) {
      continue;
    }
    const CheckResult check = result.passed ? CheckResult::kPassing : CheckResult::kFailing;
    if (found->facts.check == check) continue;
    Change(found, result.passed ? Cause::kCheckPassed : Cause::kCheckFailed, result.message,
           [&](Instance& checked) {
             checked.facts.check = check;
             checked.facts.rare.Edit([&](RareFacts& rare) { rare.check_message = result.message; });
           });
    ++reply.count;
  }
  outcome_.reply.value = reply;
  return absl::OkStatus();
}

}  // namespace registryd::core
