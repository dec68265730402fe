#include "cli/commands/lookup_filters.h"

#include <cstdint>

#include "cli/arguments.h"

namespace registry::cli {

void AddLookupFilters(CLI::App* command, LookupFilters* filters) {
  command
      ->add_option("--selector", filters->selector,
                   "Labels as in Kubernetes: env=prod,tier in (a,b),!canary")
      ->type_name("SELECTOR");
  command
      ->add_option("--version-range", filters->version_range,
                   "SemVer range: '>=1.2 <2', '1.x', '^1.4.0', '~2.1 || ^3'")
      ->type_name("RANGE");
  command->add_option("--zone", filters->zone, "Instances of this zone first")->type_name("ZONE");
  command
      ->add_option("--health", filters->health,
                   "States wanted, repeated or separated by commas; without it passing and suspect")
      ->type_name("passing|suspect|critical|draining")
      ->allow_extra_args(false);
  command->add_option("--limit", filters->limit, "At most so many")->type_name("N");
}

absl::StatusOr<LookupQuery> ParseLookup(const LookupFilters& filters, const std::string& service,
                                        const std::string& ns) {
  LookupQuery query;
  absl::StatusOr<ServiceName> name = ParseServiceName(service, ns);
  if (!name.ok()) return name.status();
  query.ns = name->ns;
  query.service = name->service;
  absl::StatusOr<std::vector<Health>> health = ParseHealthFilter(filters.health);
  if (!health.ok()) return health.status();
  query.health = *std::move(health);
  query.selector = filters.selector;
  query.version_range = filters.version_range;
  query.zone = filters.zone;
  if (!filters.limit.empty()) {
    absl::StatusOr<uint64_t> limit = ParseNumber(filters.limit, 1, UINT32_MAX);
    if (!limit.ok()) return WrongFlag("--limit", limit.status());
    query.limit = static_cast<uint32_t>(*limit);
  }
  return query;
}

}  // namespace registry::cli
