#include "registryd/operations/explain.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::operations {
namespace {

// Of a whole service; larger ones are asked about one by one.
constexpr size_t kExplainMax = 1'000;

std::string MaskText(uint8_t mask) {
  std::string out;
  for (const core::Health health : {core::Health::kPassing, core::Health::kSuspect,
                                    core::Health::kCritical, core::Health::kDraining}) {
    if ((mask & core::HealthBit(health)) == 0) continue;
    out += Text(out.empty() ? "" : ", ", core::ToString(health));
  }
  return out;
}

std::string LabelsText(const core::Instance& instance) {
  std::string out;
  for (const core::Label& label : instance.spec.labels) {
    out += Text(out.empty() ? "" : ",", label.key, "=", label.value);
  }
  return out.empty() ? "no labels" : out;
}

std::string LeaseText(const core::Instance& instance) {
  if (!instance.lease) return "permanent: it has no lease";
  if (instance.facts.lease_expired) {
    return Text("lease ", instance.lease, " ran out: nobody renewed it for its ttl");
  }
  if (instance.facts.silent) {
    return Text("lease ", instance.lease, " was not renewed for its ttl, and can still be");
  }
  return Text("lease ", instance.lease, " is held");
}

// What besides lease and report bears on its health, where there is any of it.
void AddFacts(const core::Instance& instance, std::vector<ExplainStep>& steps) {
  const core::HealthFacts& facts = instance.facts;
  if (facts.check != core::CheckResult::kNone) {
    steps.push_back({"check", true,
                     facts.check == core::CheckResult::kUnknown ? "it has not been checked yet"
                                                                : facts.rare->check_message});
  }
  if (const core::OverridePtr& entry = facts.rare->maintenance) {
    steps.push_back(
        {"override", true,
         Text("maintenance of ", entry->target, " by ", entry->owner, ": ", entry->reason,
              entry->until_ms == 0 ? "" : Text(", until ", entry->until_ms))});
  }
  if (facts.silent) {
    steps.push_back(
        {"guard", true,
         "too much of its service or of the registry was silent at once: it is kept as SUSPECT"});
  }
}

std::string HealthText(const core::Instance& instance, const LookupQuery& query) {
  const core::DerivedHealth derived = core::DeriveHealth(instance.facts);
  const std::string_view message = core::HealthMessage(instance.facts);
  return Text(core::ToString(derived.health), " (", core::ToString(derived.reason),
              message.empty() ? "" : ": ", message, ") since ", instance.health_since_ms,
              "; wanted: ", MaskText(query.filter.health_mask));
}

// Every step up to the one that drops it.
std::vector<ExplainStep> Steps(const core::Instance& instance, const LookupQuery& query,
                               uint32_t position, uint32_t total) {
  using core::InstanceFilter;
  const InstanceFilter::Miss miss = query.filter.FirstMiss(instance);
  std::vector<ExplainStep> steps;
  steps.push_back({"lease", true, LeaseText(instance)});
  AddFacts(instance, steps);
  steps.push_back({"health", miss != InstanceFilter::Miss::kHealth, HealthText(instance, query)});
  if (!steps.back().passed) return steps;
  steps.push_back({"selector", miss != InstanceFilter::Miss::kSelector,
                   query.filter.selector.empty() ? "none asked for" : LabelsText(instance)});
  if (!steps.back().passed) return steps;
  steps.push_back({"version", miss != InstanceFilter::Miss::kVersion,
                   instance.spec.version.empty() ? "it has no version"
                                                 : Text("it is ", instance.spec.version)});
  if (!steps.back().passed) return steps;
  if (!query.zone.empty()) {
    const bool there = instance.spec.zone == query.zone;
    steps.push_back(
        {"zone", true,
         there ? Text("in zone ", query.zone, ": first")
               : Text("in zone \"", instance.spec.zone, "\": after those of ", query.zone)});
  }
  if (query.limit != 0) {
    steps.push_back({"limit", position != 0,
                     position != 0
                         ? Text("number ", position, " of ", total, ", at most ", query.limit)
                         : Text(query.limit, " of ", total, " stand before it")});
  }
  return steps;
}

}  // namespace

absl::StatusOr<std::vector<Verdict>> Explain(const replica::View& view, const LookupQuery& query,
                                             const std::string& id, const History* history) {
  std::vector<Verdict> verdicts;
  std::vector<core::InstancePtr> present;
  const auto add = [&](const core::InstancePtr& instance, uint32_t position, uint32_t total) {
    Verdict& verdict = verdicts.emplace_back();
    verdict.id = std::string(instance->name().id());
    verdict.instance = instance;
    verdict.position = position;
    verdict.steps = Steps(*instance, query, position, total);
    present.push_back(instance);
  };
  const auto wanted = [&id](const core::InstancePtr& instance) {
    return id.empty() || instance->name().id() == id;
  };
  if (const replica::ServiceView* service = view.Find(query.service_name)) {
    if (id.empty() && service->instances.size() > kExplainMax) {
      return absl::InvalidArgumentError(Text("id: ", query.service_name, " has ",
                                             service->instances.size(), " instances, more than ",
                                             kExplainMax, "; name one of them"));
    }
    const Selection selection = Select(*service, query);
    absl::flat_hash_map<const core::Instance*, uint32_t> positions;
    for (const core::InstancePtr& instance : selection.instances) {
      const auto position = static_cast<uint32_t>(positions.size() + 1);
      positions[instance.get()] = position;
      if (wanted(instance)) add(instance, position, selection.total);
    }
    service->instances.ForEach([&](const core::InstancePtr& instance) {
      if (!wanted(instance) || positions.contains(instance.get())) return;
      add(instance, 0, selection.total);
    });
    if (history != nullptr) {
      ASSIGN_OR_RETURN(auto changes, history->ChangesOf(query.service_name, present));
      for (Verdict& verdict : verdicts) {
        const auto found = changes.find(verdict.id);
        if (found != changes.end()) verdict.last_change = std::move(found->second);
      }
    }
  }
  if (!id.empty() && verdicts.empty()) {
    const size_t slash = query.service_name.find('/');
    const core::InstanceName name(query.service_name.substr(0, slash),
                                  query.service_name.substr(slash + 1), id);
    Verdict& verdict = verdicts.emplace_back();
    verdict.id = id;
    if (history != nullptr) {
      ASSIGN_OR_RETURN(verdict.last_change, history->LastChange(name));
    }
    verdict.steps.push_back(
        {"registered", false,
         history == nullptr    ? "it is not in the registry; whether it was takes the verb history"
         : verdict.last_change ? "it has left the registry"
                               : "it is not in the registry, nor in what is kept of its history"});
  }
  return verdicts;
}

}  // namespace registryd::operations
