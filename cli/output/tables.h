// The answers of the reading commands as tables for people; their columns may grow and change.
// Scripts read JSON.
//
//   return session.console().Print(InstanceTable(result->instances, {.wide = session.wide()}));
#pragma once

#include <string>
#include <vector>

#include "registry/admin.h"
#include "registry/types.h"

namespace registry::cli {

struct TableColumns {
  bool wide = false;        // -o wide: everything that is known
  bool service = false;     // a column for the service
  bool namespaces = false;  // a column for the namespace
};

std::string InstanceTable(const std::vector<Instance>& instances, const TableColumns& columns);
std::string ServiceTable(const std::vector<ServiceSummary>& services, const TableColumns& columns);
// A few lines about the node that answered, then a table of the members.
std::string StatusTable(const ClusterStatus& status, const TableColumns& columns);

}  // namespace registry::cli
