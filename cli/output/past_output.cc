#include "cli/output/past_output.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/arguments.h"
#include "cli/output/cells.h"
#include "cli/output/json.h"
#include "cli/output/json_parts.h"
#include "cli/output/table.h"

namespace registry::cli {
namespace {

// "health passing -> draining, weight 1 -> 5": what differs, in words.
std::string WhatChanged(const std::optional<Instance>& before,
                        const std::optional<Instance>& after) {
  if (!before && !after) return "";
  if (!before) return absl::StrCat("+ ", HealthWord(after->health), " ", EndpointsCell(*after));
  if (!after) return absl::StrCat("- ", HealthWord(before->health), " ", EndpointsCell(*before));
  std::vector<std::string> parts;
  const auto compare = [&parts](const char* what, const std::string& was, const std::string& is) {
    if (was != is) {
      parts.push_back(
          absl::StrCat(what, " ", was.empty() ? "-" : was, " -> ", is.empty() ? "-" : is));
    }
  };
  if (before->incarnation != after->incarnation) parts.push_back("a new life");
  compare("health", HealthWord(before->health), HealthWord(after->health));
  compare("endpoints", EndpointsCell(*before), EndpointsCell(*after));
  compare("version", before->spec.version, after->spec.version);
  compare("labels", LabelsCell(*before), LabelsCell(*after));
  compare("zone", before->spec.zone, after->spec.zone);
  compare("weight", absl::StrCat(before->spec.weight), absl::StrCat(after->spec.weight));
  compare("message", before->message, after->message);
  return absl::StrJoin(parts, ", ");
}

std::string Name(const Change& change) {
  return InstanceName(InstanceRef{.ns = change.ns, .service = change.service, .id = change.id});
}

std::string Milliseconds(int64_t ms) { return ms < 0 ? "" : absl::StrCat(ms, "ms"); }

Json OrNull(const std::optional<Instance>& instance) {
  return instance ? ToJson(*instance) : Json();
}

Json ToJson(const Change& change) {
  return {{"revision", change.revision},     {"time_ms", change.time_ms},
          {"actor", change.actor},           {"cause", change.cause},
          {"evidence", change.evidence},     {"namespace", change.ns},
          {"service", change.service},       {"id", change.id},
          {"before", OrNull(change.before)}, {"after", OrNull(change.after)}};
}

Json ToJson(const std::vector<Subscriber>& subscribers) {
  Json array = Json::array();
  for (const Subscriber& one : subscribers) {
    array.push_back(
        {{"client_id", one.client_id},
         {"client_name", one.client_name},
         {"address", one.address},
         {"node", one.node},
         {"watches", one.watches},
         {"connected", one.connected},
         {"acknowledged_revision", one.acknowledged_revision},
         {"behind", one.behind},
         {"applied_ms", one.applied_ms < 0 ? Json() : Json(one.applied_ms)},
         {"applied_max_ms", one.applied_max_ms < 0 ? Json() : Json(one.applied_max_ms)}});
  }
  return array;
}

}  // namespace

std::string ChangesTable(const ChangesResult& result, bool wide, const TimeText& time) {
  std::vector<std::string> header = {"REVISION", "TIME", "INSTANCE", "CAUSE", "CHANGE", "ACTOR"};
  if (wide) header.push_back("EVIDENCE");
  Table table(header);
  for (const Change& change : result.changes) {
    std::vector<std::string> cells = {absl::StrCat(change.revision),
                                      time(change.time_ms),
                                      Name(change),
                                      change.cause,
                                      WhatChanged(change.before, change.after),
                                      change.actor};
    if (wide) cells.push_back(change.evidence);
    table.AddRow(std::move(cells));
  }
  return table.ToText();
}

std::string DiffTable(const DiffResult& result) {
  Table table({"ID", "CHANGE"});
  for (const Difference& one : result.differences) {
    table.AddRow(
        {(one.after ? *one.after : *one.before).spec.id, WhatChanged(one.before, one.after)});
  }
  return table.ToText();
}

std::string ExplainText(const ExplainResult& result, const TimeText& time) {
  std::string text;
  for (const Verdict& verdict : result.verdicts) {
    absl::StrAppend(&text, Printable(verdict.id), ": ",
                    verdict.position == 0 ? "not returned"
                                          : absl::StrCat("returned, number ", verdict.position),
                    "\n");
    for (const ExplainStep& step : verdict.steps) {
      absl::StrAppend(&text, "  ", step.passed ? "ok   " : "NO   ", step.name,
                      std::string(step.name.size() < 12 ? 12 - step.name.size() : 1, ' '),
                      Printable(step.detail), "\n");
    }
    if (verdict.last_change) {
      const Change& change = *verdict.last_change;
      absl::StrAppend(&text, "  last change: ", Printable(change.cause), " at revision ",
                      change.revision, ", ", time(change.time_ms),
                      change.actor.empty() ? "" : Printable(absl::StrCat(", by ", change.actor)),
                      change.evidence.empty() ? "" : Printable(absl::StrCat(": ", change.evidence)),
                      "\n");
    }
  }
  return text;
}

std::string SubscribersTable(const std::vector<Subscriber>& subscribers, bool wide) {
  std::vector<std::string> header = {"CLIENT", "NAME",   "ADDRESS", "WATCHES",
                                     "ACKED",  "BEHIND", "APPLIED", "SLOWEST"};
  if (wide) {
    header.push_back("NODE");
    header.push_back("STREAM");
  }
  Table table(header);
  for (const Subscriber& one : subscribers) {
    std::vector<std::string> cells = {
        one.client_id,
        one.client_name,
        one.address,
        one.watches,
        one.acknowledged_revision == 0 ? "never" : absl::StrCat(one.acknowledged_revision),
        absl::StrCat(one.behind),
        Milliseconds(one.applied_ms),
        Milliseconds(one.applied_max_ms)};
    if (wide) {
      cells.push_back(one.node);
      cells.push_back(one.connected ? "open" : "broken");
    }
    table.AddRow(std::move(cells));
  }
  return table.ToText();
}

std::string ConsumersTable(const SubscribersResult& result) {
  std::map<std::pair<std::string, std::string>, int> streams;  // by name and id
  for (const Subscriber& one : result.subscribers) ++streams[{one.client_name, one.client_id}];
  Table table({"CLIENT", "NAME", "SUBSCRIPTIONS"});
  for (const auto& [client, count] : streams) {
    table.AddRow({client.second, client.first, absl::StrCat(count)});
  }
  return table.ToText();
}

std::string DependenciesTable(const SubscribersResult& result) {
  std::map<std::pair<std::string, std::string>, std::set<std::string>> watched;
  for (const Subscriber& one : result.subscribers) {
    watched[{one.client_name, one.client_id}].insert(one.watches);
  }
  Table table({"CLIENT", "NAME", "WATCHES"});
  for (const auto& [client, services] : watched) {
    table.AddRow({client.second, client.first, absl::StrJoin(services, ", ")});
  }
  return table.ToText();
}

std::string ChangesJson(const ChangesResult& result) {
  Json json = BeginJson(result.info);
  json["oldest_revision"] = result.oldest_revision;
  json["more"] = result.more;
  json["changes"] = Json::array();
  for (const Change& change : result.changes) json["changes"].push_back(ToJson(change));
  return JsonText(json);
}

std::string DiffJson(const DiffResult& result) {
  Json json = BeginJson(result.info);
  json["from_revision"] = result.from_revision;
  json["to_revision"] = result.to_revision;
  json["differences"] = Json::array();
  for (const Difference& one : result.differences) {
    json["differences"].push_back({{"before", OrNull(one.before)}, {"after", OrNull(one.after)}});
  }
  return JsonText(json);
}

std::string ExplainJson(const ExplainResult& result) {
  Json json = BeginJson(result.info);
  json["verdicts"] = Json::array();
  for (const Verdict& verdict : result.verdicts) {
    Json steps = Json::array();
    for (const ExplainStep& step : verdict.steps) {
      steps.push_back({{"name", step.name}, {"passed", step.passed}, {"detail", step.detail}});
    }
    json["verdicts"].push_back(
        {{"id", verdict.id},
         {"returned", verdict.position != 0},
         {"position", verdict.position},
         {"steps", std::move(steps)},
         {"last_change", verdict.last_change ? ToJson(*verdict.last_change) : Json()},
         {"instance", OrNull(verdict.instance)}});
  }
  return JsonText(json);
}

std::string SubscribersJson(const SubscribersResult& result) {
  Json json = BeginJson(result.info);
  json["subscribers"] = ToJson(result.subscribers);
  json["unreachable_nodes"] = result.unreachable_nodes;
  return JsonText(json);
}

std::string DrainJson(const DrainResult& result) {
  return JsonText({{"revision", result.revision},
                   {"drained", result.drained},
                   {"instance", ToJson(result.instance)},
                   {"waiting_for", ToJson(result.waiting_for)},
                   {"unreachable_nodes", result.unreachable_nodes}});
}

}  // namespace registry::cli
