#include "cli/output/operator_output.h"

#include "absl/strings/str_cat.h"
#include "cli/output/cells.h"
#include "cli/output/json_parts.h"
#include "cli/output/table.h"

namespace registry::cli {
namespace {

Json ToJson(const Maintenance& entry) {
  return {{"namespace", entry.target.ns},
          {"service", entry.target.service},
          {"id", entry.target.id.empty() ? Json() : Json(entry.target.id)},
          {"owner", entry.owner},
          {"reason", entry.reason},
          {"since_ms", entry.since_ms},
          {"until_ms", entry.until_ms == 0 ? Json() : Json(entry.until_ms)}};
}

}  // namespace

std::string TargetText(const OperatorTarget& target) {
  std::string text =
      target.ns == "default" ? target.service : absl::StrCat(target.ns, "/", target.service);
  if (!target.id.empty()) absl::StrAppend(&text, "/", target.id);
  return Printable(text);
}

std::string GuardTable(const GuardStatus& status) {
  std::string out;
  if (status.intake_paused) {
    absl::StrAppend(&out, "Expiry pauses: the leader hears ", status.intake_heard, " of ",
                    status.intake_expected, " leases.\n");
  }
  if (status.registry_since_ms != 0) {
    absl::StrAppend(&out, "The guard of the whole registry holds since ",
                    TimeCell(status.registry_since_ms), ".\n");
  }
  if (status.services.empty()) return out + "The guard holds nothing.\n";
  Table table({"SERVICE", "SUSPECT", "PASSING", "LEFT", "SINCE"});
  for (const HeldService& held : status.services) {
    table.AddRow({TargetText({.ns = held.ns, .service = held.service}), absl::StrCat(held.suspect),
                  absl::StrCat(held.passing), absl::StrCat(held.left), TimeCell(held.since_ms)});
  }
  return out + table.ToText();
}

std::string GuardJson(const GuardStatus& status) {
  Json services = Json::array();
  for (const HeldService& held : status.services) {
    services.push_back({{"namespace", held.ns},
                        {"service", held.service},
                        {"suspect", held.suspect},
                        {"passing", held.passing},
                        {"left", held.left},
                        {"since_ms", held.since_ms}});
  }
  return JsonText({{"revision", status.info.revision},
                   {"silent_leases", status.silent_leases},
                   {"registry_since_ms",
                    status.registry_since_ms == 0 ? Json() : Json(status.registry_since_ms)},
                   {"services", std::move(services)},
                   {"intake",
                    {{"leading", status.intake_leading},
                     {"paused", status.intake_paused},
                     {"heard", status.intake_heard},
                     {"expected", status.intake_expected}}}});
}

std::string ReleasedJson(uint64_t instances) { return JsonText({{"released", instances}}); }

std::string MaintenanceTable(const std::vector<Maintenance>& entries) {
  if (entries.empty()) return "Nothing is in maintenance.\n";
  Table table({"TARGET", "OWNER", "SINCE", "UNTIL", "REASON"});
  for (const Maintenance& entry : entries) {
    table.AddRow({TargetText(entry.target), Printable(entry.owner), TimeCell(entry.since_ms),
                  TimeCell(entry.until_ms), Printable(entry.reason)});
  }
  return table.ToText();
}

std::string MaintenanceJson(const std::vector<Maintenance>& entries) {
  Json array = Json::array();
  for (const Maintenance& entry : entries) array.push_back(ToJson(entry));
  return JsonText({{"maintenance", std::move(array)}});
}

std::string MaintenanceResultJson(const MaintenanceResult& result) {
  return JsonText({{"revision", result.revision},
                   {"instances", result.instances},
                   {"maintenance", ToJson(result.maintenance)}});
}

std::string ServiceSettingsJson(const ServiceSettings& settings) {
  return JsonText({{"namespace", settings.ns},
                   {"service", settings.service},
                   {"min_healthy", settings.min_healthy}});
}

std::string AccessJson(const AccessAnswer& answer) {
  return JsonText(
      {{"allowed", answer.allowed}, {"identity", answer.identity}, {"why", answer.why}});
}

}  // namespace registry::cli
