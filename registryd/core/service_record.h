// What is known about a service besides its instances: an operator's settings and overrides, and
// who left it for silence. A service without any of it has no record.
//
// Immutable and shared, as instances are: state, storage and view hold the same record.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "registryd/core/silence_window.h"
#include "registryd/core/types.h"

namespace registryd::core {

struct ServiceRecord {
  std::string name;  // "namespace/service"
  // Drain, deregister and maintenance that would leave fewer PASSING instances are refused.
  uint32_t min_healthy = 0;
  OverridePtr maintenance;                // of the whole service
  std::vector<OverridePtr> of_instances;  // of single instances, sorted by target
  SilenceWindow left;

  bool operated() const { return min_healthy != 0 || maintenance || !of_instances.empty(); }
  bool empty() const { return !operated() && left.empty(); }
};
using ServiceRecordPtr = std::shared_ptr<const ServiceRecord>;

// The override that covers an instance: its own, else its service's; nullptr for none.
OverridePtr CoveringOverride(const ServiceRecord& record, const InstanceName& name);

}  // namespace registryd::core
