#include "cli/output/tables.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/output/cells.h"
#include "cli/output/json.h"
#include "cli/output/table.h"

namespace registry::cli {
namespace {

void Append(std::vector<std::string>* cells, std::vector<std::string> more) {
  cells->insert(cells->end(), more.begin(), more.end());
}

}  // namespace

std::string InstanceTable(const std::vector<Instance>& instances, const TableColumns& columns) {
  std::vector<std::string> header;
  if (columns.namespaces) header.push_back("NAMESPACE");
  if (columns.service) header.push_back("SERVICE");
  Append(&header, {"ID", "HEALTH", "ENDPOINTS", "VERSION", "ZONE"});
  if (columns.wide) {
    Append(&header,
           {"REGION", "WEIGHT", "LABELS", "LEASE", "SINCE", "REASON", "REVISION", "MESSAGE"});
  }
  Table table(header);
  for (const Instance& instance : instances) {
    const InstanceSpec& spec = instance.spec;
    std::vector<std::string> cells;
    if (columns.namespaces) cells.push_back(spec.ns);
    if (columns.service) cells.push_back(spec.service);
    Append(&cells, {spec.id, HealthWord(instance.health), EndpointsCell(instance), spec.version,
                    spec.zone});
    if (columns.wide) {
      Append(&cells, {spec.region, absl::StrCat(spec.weight), LabelsCell(instance),
                      instance.lease_id == 0 ? "permanent" : HexId(instance.lease_id),
                      TimeCell(instance.health_since_ms), ToString(instance.reason),
                      absl::StrCat(instance.changed_revision), instance.message});
    }
    table.AddRow(std::move(cells));
  }
  return table.ToText();
}

std::string ServiceTable(const std::vector<ServiceSummary>& services, const TableColumns& columns) {
  std::vector<std::string> header;
  if (columns.namespaces) header.push_back("NAMESPACE");
  Append(&header, {"SERVICE", "PASSING", "SUSPECT", "CRITICAL", "DRAINING"});
  if (columns.wide) header.push_back("REVISION");
  Table table(header);
  for (const ServiceSummary& service : services) {
    std::vector<std::string> cells;
    if (columns.namespaces) cells.push_back(service.ns);
    Append(&cells, {service.service, absl::StrCat(service.passing), absl::StrCat(service.suspect),
                    absl::StrCat(service.critical), absl::StrCat(service.draining)});
    if (columns.wide) cells.push_back(absl::StrCat(service.changed_revision));
    table.AddRow(std::move(cells));
  }
  return table.ToText();
}

std::string StatusTable(const ClusterStatus& status, const TableColumns& columns) {
  const std::string lag = absl::StrCat(status.info.lag_ms, "ms behind the leader");
  std::string text = Printable(
      absl::StrCat("node      ", status.node, " at ", status.server, ", version ", status.version,
                   ", up ", absl::FormatDuration(absl::Trunc(status.uptime, absl::Seconds(1)))));
  absl::StrAppend(
      &text, "\nleader    ",
      status.leader.empty() ? "none: writes fail and nothing expires" : Printable(status.leader),
      "\nrevision  ", status.info.revision, ", ", lag, "\nholds     ", status.services,
      " services, ", status.instances, " instances, ", status.leases, " leases\n");
  if (status.insecure) {
    absl::StrAppend(&text, "security  --insecure: whoever reaches this node may do everything\n");
  }
  if (columns.wide) absl::StrAppend(&text, "cluster   ", HexId(status.info.cluster_id), "\n");

  std::vector<std::string> header = {"MEMBER", "ROLE", "ADDRESS", "TERM", "APPLIED", "LAST", "LAG"};
  if (columns.wide) Append(&header, {"NODE-ID", "DIGEST"});
  Table table(header);
  std::string warnings;
  std::vector<Member> members = status.members;
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.name < b.name; });
  for (const Member& member : members) {
    std::string role = member.suffrage == "voter" ? ToString(member.role) : member.suffrage;
    std::vector<std::string> cells = {member.name,
                                      std::move(role),
                                      member.address,
                                      absl::StrCat(member.term),
                                      absl::StrCat(member.applied_index),
                                      absl::StrCat(member.last_index),
                                      absl::StrCat(member.lag_ms, "ms")};
    if (!member.reachable) {
      cells = {member.name, "unreachable", member.address, "-", "-", "-", "-"};
    }
    if (columns.wide) Append(&cells, {HexId(member.node_id), HexId(member.digest)});
    table.AddRow(std::move(cells));
    if (member.divergence.empty()) continue;
    absl::StrAppend(&warnings, "\n",
                    Printable(absl::StrCat(member.name, " HAS DIVERGED: ", member.divergence)),
                    "\n");
  }
  return absl::StrCat(text, "\n", table.ToText(), warnings);
}

}  // namespace registry::cli
