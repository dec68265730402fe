#include "registryd/liveness/event_log.h"

#include <array>
#include <string>

#include "registryd/base/log.h"
#include "registryd/base/metrics.h"

namespace registryd::liveness {
namespace {

constexpr size_t kCauses = static_cast<size_t>(core::Cause::kMaintenanceEnded) + 1;

metrics::Counter& ChangesBy(core::Cause cause) {
  static const auto counters = [] {
    std::array<metrics::Counter*, kCauses> all{};
    for (size_t i = 1; i < kCauses; ++i) {
      all[i] = &metrics::GetCounter(
          "registryd_instance_changes_total", "Changes of instances, by cause.",
          {{"cause", std::string(core::ToString(static_cast<core::Cause>(i)))}});
    }
    return all;
  }();
  return *counters[static_cast<size_t>(cause)];
}

}  // namespace

void EventLog::OnOutcome(const core::Outcome& outcome) {
  for (const core::InstanceChange& change : outcome.instances) ChangesBy(change.cause).Add();
  for (const core::Event& event : outcome.events) {
    const bool guard =
        event.kind == core::EventKind::kGuardEntered || event.kind == core::EventKind::kGuardLeft;
    if (guard) {
      metrics::GetCounter("registryd_guard_events_total",
                          "How often a guard began and ended to hold instances.",
                          {{"event", std::string(core::ToString(event.kind))},
                           {"scope", event.scope.empty() ? "registry" : "service"}})
          .Add();
    }
    log::Write(
        event.kind == core::EventKind::kGuardEntered ? log::Level::kWarning : log::Level::kInfo,
        core::ToString(event.kind),
        {{"scope", event.scope.empty() ? std::string("the registry") : event.scope},
         {"what", event.text},
         {"actor", outcome.actor},
         {"revision", outcome.reply.revision}});
  }
}

}  // namespace registryd::liveness
