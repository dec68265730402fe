// What operators' commands answer: guard, maintenance, settings of services, access. Tables for
// people, JSON for scripts; docs/cli.md promises the shapes of the JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "registry/admin.h"

namespace registry::cli {

std::string GuardTable(const GuardStatus& status);
std::string GuardJson(const GuardStatus& status);
std::string ReleasedJson(uint64_t instances);
std::string MaintenanceTable(const std::vector<Maintenance>& entries);
std::string MaintenanceJson(const std::vector<Maintenance>& entries);
std::string MaintenanceResultJson(const MaintenanceResult& result);
std::string ServiceSettingsJson(const ServiceSettings& settings);
std::string AccessJson(const AccessAnswer& answer);

// "web", "web/i-1" or "shop/web/i-1".
std::string TargetText(const OperatorTarget& target);

}  // namespace registry::cli
