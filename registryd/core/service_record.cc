#include "registryd/core/service_record.h"

#include <algorithm>

namespace registryd::core {

OverridePtr CoveringOverride(const ServiceRecord& record, const InstanceName& name) {
  const auto at = std::lower_bound(
      record.of_instances.begin(), record.of_instances.end(), name.text(),
      [](const OverridePtr& o, const std::string& target) { return o->target < target; });
  if (at != record.of_instances.end() && (*at)->target == name.text()) return *at;
  return record.maintenance;
}

}  // namespace registryd::core
