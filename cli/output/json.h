// The answers of all commands as JSON: one object each, ending with a newline; indented, but
// for those of a watch, which are one line each.
// docs/cli.md promises the shapes.
//
//   return session.console().Print(LookupJson(query, *result));
//
// Numbers: revisions, incarnations, counts and *_ms. Ids of 64 random bits (lease, cluster, node)
// and digests are strings of 16 hexadecimal digits, because JSON readers round numbers beyond 2^53.
// Absent things are null or empty, never left out. Keys have a fixed order, labels and members are
// sorted, instances stand in the registry's order.
#pragma once

#include <string>
#include <vector>

#include "registry/admin.h"
#include "registry/subscription.h"
#include "registry/types.h"

namespace registry::cli {

std::string LookupJson(const LookupQuery& query, const LookupResult& result);
std::string ServicesJson(const ServicesPage& page);
std::string InstancesJson(const InstancesPage& page);
// `specs` and `result.instances` are of the same length and order.
std::string RegisterJson(const std::vector<InstanceSpec>& specs, const RegisterResult& result);
// `instances` and `result.removed` are of the same length and order.
std::string DeregisterJson(const std::vector<InstanceRef>& instances,
                           const DeregisterResult& result);
std::string ChangeJson(const ChangeResult& result);
// One line.
std::string ChangeJson(const ViewChange& change);
std::string StatusJson(const ClusterStatus& status);
std::string LogLevelJson(const LogLevel& level);

// 16 hexadecimal digits.
std::string HexId(uint64_t id);
// "passing", as the command line takes it.
std::string HealthWord(Health health);
std::string CheckKindWord(CheckKind kind);  // "http"

}  // namespace registry::cli
