#include "cli/output/json.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/output/json_parts.h"

namespace registry::cli {
namespace {

Json ToJson(const Endpoint& endpoint) {
  return {{"name", endpoint.name},
          {"host", endpoint.host},
          {"port", endpoint.port},
          {"protocol", endpoint.protocol}};
}

Json ToJson(const Check& check) {
  return {{"kind", CheckKindWord(check.kind)},
          {"endpoint", check.endpoint},
          {"path", check.path},
          {"interval_ms", check.interval_ms},
          {"timeout_ms", check.timeout_ms},
          {"passes", check.passes},
          {"failures", check.failures}};
}

Json ToJson(const InstanceMaintenance& maintenance) {
  return {{"owner", maintenance.owner},
          {"reason", maintenance.reason},
          {"since_ms", maintenance.since_ms},
          {"until_ms", maintenance.until_ms == 0 ? Json() : Json(maintenance.until_ms)},
          {"whole_service", maintenance.whole_service}};
}

Json IdOrNull(uint64_t id) { return id == 0 ? Json() : Json(HexId(id)); }

}  // namespace

std::string JsonText(const Json& json) {
  // A server's text that is not UTF-8 becomes U+FFFD instead of an exception.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json ToJson(const Instance& instance) {
  const InstanceSpec& spec = instance.spec;
  Json endpoints = Json::array();
  for (const Endpoint& endpoint : spec.endpoints) endpoints.push_back(ToJson(endpoint));
  Json labels = Json::object();
  for (const auto& [key, value] : spec.labels) labels[key] = value;
  const std::string reason =
      absl::StrReplaceAll(absl::AsciiStrToLower(ToString(instance.reason)), {{" ", "_"}});
  return {{"namespace", spec.ns},
          {"service", spec.service},
          {"id", spec.id},
          {"health", HealthWord(instance.health)},
          {"health_reason", reason},
          {"health_message", instance.message},
          {"health_since_ms", instance.health_since_ms},
          {"endpoints", std::move(endpoints)},
          {"version", spec.version},
          {"labels", std::move(labels)},
          {"region", spec.region},
          {"zone", spec.zone},
          {"weight", spec.weight},
          {"lease_id", IdOrNull(instance.lease_id)},
          {"incarnation", instance.incarnation},
          {"changed_revision", instance.changed_revision},
          {"created_ms", instance.created_ms},
          {"changed_ms", instance.changed_ms},
          {"check", spec.check ? ToJson(*spec.check) : Json()},
          {"maintenance", instance.maintenance ? ToJson(*instance.maintenance) : Json()}};
}

Json ToJson(const std::vector<Instance>& instances) {
  Json array = Json::array();
  for (const Instance& instance : instances) array.push_back(ToJson(instance));
  return array;
}

Json BeginJson(const AnswerInfo& info) {
  return {{"revision", info.revision},
          {"cluster_id", HexId(info.cluster_id)},
          {"lag_ms", info.lag_ms},
          {"leader_known", info.leader_known}};
}

std::string CheckKindWord(CheckKind kind) {
  switch (kind) {
    case CheckKind::kTcp:
      return "tcp";
    case CheckKind::kHttp:
      return "http";
    case CheckKind::kGrpc:
      return "grpc";
    case CheckKind::kUnspecified:
      break;
  }
  return "unspecified";
}

std::string HexId(uint64_t id) { return absl::StrCat(absl::Hex(id, absl::kZeroPad16)); }

std::string HealthWord(Health health) { return absl::AsciiStrToLower(ToString(health)); }

std::string LookupJson(const LookupQuery& query, const LookupResult& result) {
  Json json = BeginJson(result.info);
  json["namespace"] = query.ns;
  json["service"] = query.service;
  json["total"] = result.total;
  json["instances"] = ToJson(result.instances);
  return JsonText(json);
}

std::string ServicesJson(const ServicesPage& page) {
  Json json = BeginJson(page.info);
  json["services"] = Json::array();
  for (const ServiceSummary& service : page.services) {
    json["services"].push_back({{"namespace", service.ns},
                                {"service", service.service},
                                {"passing", service.passing},
                                {"suspect", service.suspect},
                                {"critical", service.critical},
                                {"draining", service.draining},
                                {"changed_revision", service.changed_revision}});
  }
  return JsonText(json);
}

std::string InstancesJson(const InstancesPage& page) {
  Json json = BeginJson(page.info);
  json["instances"] = ToJson(page.instances);
  return JsonText(json);
}

std::string RegisterJson(const std::vector<InstanceSpec>& specs, const RegisterResult& result) {
  Json json = {{"revision", result.revision}, {"lease", nullptr}, {"instances", Json::array()}};
  if (result.lease.has_value()) {
    json["lease"] = {{"id", HexId(result.lease->id)},
                     {"epoch", result.lease->epoch},
                     {"ttl_ms", absl::ToInt64Milliseconds(result.lease->ttl)},
                     {"renew_every_ms", absl::ToInt64Milliseconds(result.lease->renew_every)}};
  }
  for (size_t i = 0; i < specs.size() && i < result.instances.size(); ++i) {
    json["instances"].push_back({{"namespace", specs[i].ns},
                                 {"service", specs[i].service},
                                 {"id", result.instances[i].id},
                                 {"incarnation", result.instances[i].incarnation}});
  }
  return JsonText(json);
}

std::string DeregisterJson(const std::vector<InstanceRef>& instances,
                           const DeregisterResult& result) {
  Json json = {{"revision", result.revision}, {"instances", Json::array()}};
  for (size_t i = 0; i < instances.size() && i < result.removed.size(); ++i) {
    json["instances"].push_back({{"namespace", instances[i].ns},
                                 {"service", instances[i].service},
                                 {"id", instances[i].id},
                                 {"removed", static_cast<bool>(result.removed[i])}});
  }
  return JsonText(json);
}

std::string ChangeJson(const ChangeResult& result) {
  return JsonText({{"revision", result.revision}, {"instance", ToJson(result.instance)}});
}

std::string ChangeJson(const ViewChange& change) {
  Json changed = Json::array();
  for (const InstancePtr& instance : change.changed) changed.push_back(ToJson(*instance));
  Json gone = Json::array();
  for (const InstancePtr& instance : change.gone) {
    gone.push_back({{"namespace", instance->spec.ns},
                    {"service", instance->spec.service},
                    {"id", instance->spec.id},
                    {"incarnation", instance->incarnation}});
  }
  const Json line = {
      {"event", change.snapshot ? "snapshot" : "changes"},
      {"from_revision", change.from_revision},
      {"revision", change.view->revision},
      {"cluster_id", HexId(change.view->cluster_id)},
      {"resync_reason", change.resync_reason.empty() ? Json() : Json(change.resync_reason)},
      {"changed", std::move(changed)},
      {"gone", std::move(gone)}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string LogLevelJson(const LogLevel& level) {
  return JsonText({{"node", level.node}, {"level", level.level}, {"before", level.before}});
}

std::string StatusJson(const ClusterStatus& status) {
  Json json = {{"node", status.node},
               {"version", status.version},
               {"server", status.server},
               {"leader", status.leader.empty() ? Json() : Json(status.leader)}};
  json.update(BeginJson(status.info));
  json["services"] = status.services;
  json["instances"] = status.instances;
  json["leases"] = status.leases;
  json["uptime_ms"] = absl::ToInt64Milliseconds(status.uptime);
  json["feature_level"] = status.feature_level;
  json["insecure"] = status.insecure;
  json["members"] = Json::array();
  std::vector<Member> members = status.members;
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.name < b.name; });
  for (const Member& member : members) {
    json["members"].push_back({{"name", member.name},
                               {"node_id", HexId(member.node_id)},
                               {"address", member.address},
                               {"role", absl::AsciiStrToLower(ToString(member.role))},
                               {"term", member.term},
                               {"applied_index", member.applied_index},
                               {"last_index", member.last_index},
                               {"digest", HexId(member.digest)},
                               {"reachable", member.reachable},
                               {"lag_ms", member.lag_ms},
                               {"suffrage", member.suffrage},
                               {"divergence", member.divergence}});
  }
  return JsonText(json);
}

}  // namespace registry::cli
