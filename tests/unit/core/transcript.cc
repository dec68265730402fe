#include "tests/unit/core/transcript.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "registryd/base/text.h"

namespace registryd::testing {
namespace {

using namespace core;  // NOLINT(google-build-using-namespace): a transcript speaks of nothing else

// One command line in parts: verb, plain words, key=value.
class Line {
 public:
  explicit Line(const std::string& text) {
    std::istringstream in(text);
    std::string word;
    in >> verb;
    while (in >> word) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos) {
        words.push_back(word);
      } else {
        values_[word.substr(0, equals)] = word.substr(equals + 1);
      }
    }
  }

  std::optional<std::string> Take(const std::string& key) {
    const auto found = values_.find(key);
    if (found == values_.end()) return std::nullopt;
    std::string value = found->second;
    std::replace(value.begin(), value.end(), '_', ' ');
    values_.erase(found);
    return value;
  }
  uint64_t TakeNumber(const std::string& key, uint64_t otherwise) {
    const std::optional<std::string> value = Take(key);
    return value ? std::stoull(*value) : otherwise;
  }
  void ExpectAllTaken() const {
    if (!values_.empty()) throw std::invalid_argument("unknown " + values_.begin()->first + "=");
  }

  std::string verb;
  std::vector<std::string> words;

 private:
  std::map<std::string, std::string> values_;
};

InstanceName ParseName(const std::string& text) {
  const bool full = std::count(text.begin(), text.end(), '/') == 2;
  return InstanceName(full ? text : "default/" + text);
}

// "text@number"; the number is 0 where it is left out.
std::pair<std::string, uint64_t> ParseAt(const std::string& text) {
  const size_t at = text.find('@');
  if (at == std::string::npos) return {text, 0};
  return {text.substr(0, at), std::stoull(text.substr(at + 1))};
}

Target ParseTarget(const std::string& text) {
  const auto [name, incarnation] = ParseAt(text);
  return {ParseName(name), Revision(incarnation)};
}

std::vector<Target> ParseTargets(const std::vector<std::string>& words) {
  std::vector<Target> targets;
  for (const std::string& word : words) targets.push_back(ParseTarget(word));
  return targets;
}

std::vector<Label> ParseLabels(const std::string& text) {
  if (text.empty()) return {};
  const size_t colon = text.find(':');
  return {{text.substr(0, colon), text.substr(colon + 1)}};
}

std::vector<Endpoint> ParseEndpoints(const std::string& port) {
  return {{"default", "10.0.0.1", static_cast<uint16_t>(std::stoul(port)), ""}};
}

Register ParseRegister(Line& line) {
  InstanceSpec spec;
  spec.endpoints = ParseEndpoints(line.Take("port").value_or("80"));
  spec.weight = static_cast<uint32_t>(line.TakeNumber("weight", 1));
  spec.zone = line.Take("zone").value_or("");
  spec.version = line.Take("version").value_or("");
  spec.labels = ParseLabels(line.Take("label").value_or(""));
  if (const auto path = line.Take("check")) {
    spec.check = Boxed<CheckSpec>({CheckKind::kHttp, "", *path, 10'000, 2'000, 1, 3});
  }
  Register command;
  for (const std::string& word : line.words) {
    spec.name = ParseName(word);
    command.instances.push_back(spec);
  }
  if (const auto lease = line.Take("lease")) {
    command.lease =
        LeaseClaim{LeaseId(std::stoull(*lease)), static_cast<int64_t>(line.TakeNumber("ttl", 0)),
                   line.Take("owner").value_or("")};
  }
  return command;
}

Update ParseUpdate(Line& line) {
  Update command;
  command.target = ParseTarget(line.words.at(0));
  command.expected = Revision(line.TakeNumber("expected", 0));
  if (const auto port = line.Take("port")) command.endpoints = ParseEndpoints(*port);
  if (const auto weight = line.Take("weight")) {
    command.weight = static_cast<uint32_t>(std::stoul(*weight));
  }
  command.zone = line.Take("zone");
  command.version = line.Take("version");
  if (const auto label = line.Take("label")) command.labels = ParseLabels(*label);
  return command;
}

// "guard=1/3" or "guard=all" (the leader is deaf), "hold=MS".
std::optional<GuardRule> ParseGuard(Line& line) {
  const auto share = line.Take("guard");
  if (!share) return std::nullopt;
  GuardRule rule;
  rule.hold_all = *share == "all";
  if (!rule.hold_all) {
    rule.share_num = static_cast<uint32_t>(std::stoul(*share));
    rule.share_den = static_cast<uint32_t>(std::stoul(share->substr(share->find('/') + 1)));
  }
  rule.hold_ms = static_cast<int64_t>(line.TakeNumber("hold", 3'600'000));
  return rule;
}

std::string Joined(const std::string& name) { return "default/" + name; }

SetMaintenance ParseMaintenance(Line& line) {
  SetMaintenance command{Joined(line.words.at(0)), line.Take("owner").value_or(""),
                         line.Take("reason").value_or(""), 0, false};
  command.duration_ms = static_cast<int64_t>(line.TakeNumber("for", 0));
  command.force = line.TakeNumber("force", 0) != 0;
  return command;
}

ReportChecks ParseChecks(Line& line) {
  ReportChecks command{NodeId(line.TakeNumber("node", 1)), {}};
  const Revision epoch(line.TakeNumber("epoch", 1));
  const std::string message = line.Take("message").value_or("");
  const bool passed = line.verb == "passed";
  for (Target& target : ParseTargets(line.words)) {
    command.results.push_back({std::move(target), epoch, passed, message});
  }
  return command;
}

Deregister ParseDeregister(Line& line) {
  Deregister command{ParseTargets(line.words)};
  if (const auto exit = line.Take("exit")) {
    command.process_exit = true;
    command.reason = *exit;
  }
  if (const auto reason = line.Take("reason")) command.reason = *reason;
  command.force = line.TakeNumber("force", 0) != 0;
  return command;
}

SetHealth ParseHealth(Line& line) {
  const std::string& word = line.words.at(1);
  const Report report = word == "critical"   ? Report::kCritical
                        : word == "draining" ? Report::kDraining
                                             : Report::kPassing;
  SetHealth command{ParseTarget(line.words.at(0)), report, line.Take("message").value_or("")};
  command.force = line.TakeNumber("force", 0) != 0;
  return command;
}

Command ParseCommand(Line& line) {
  if (line.verb == "register") return ParseRegister(line);
  if (line.verb == "deregister") return ParseDeregister(line);
  if (line.verb == "update") return ParseUpdate(line);
  if (line.verb == "health") return ParseHealth(line);
  if (line.verb == "grant") {
    return GrantLease{{LeaseId(std::stoull(line.words.at(0))),
                       static_cast<int64_t>(line.TakeNumber("ttl", 0)),
                       line.Take("owner").value_or("")}};
  }
  if (line.verb == "revoke") {
    const auto [id, epoch] = ParseAt(line.words.at(0));
    return RevokeLease{LeaseId(std::stoull(id)), LeaseEpoch(epoch)};
  }
  if (line.verb == "expire") {
    ExpireLeases command{{}, Term(line.TakeNumber("proposed", 1)), ParseGuard(line)};
    for (const std::string& word : line.words) {
      const auto [id, epoch] = ParseAt(word);
      command.leases.push_back({LeaseId(std::stoull(id)), LeaseEpoch(epoch)});
    }
    return command;
  }
  if (line.verb == "trim") return TrimHistory{Revision(std::stoull(line.words.at(0)))};
  if (line.verb == "revive") {
    ReviveLeases command;
    for (const std::string& word : line.words) {
      const auto [id, epoch] = ParseAt(word);
      command.leases.push_back({LeaseId(std::stoull(id)), LeaseEpoch(epoch)});
    }
    return command;
  }
  if (line.verb == "release") {
    return ReleaseGuard{line.words.empty() ? "" : Joined(line.words.at(0))};
  }
  if (line.verb == "tend") return Tend{ParseGuard(line).value_or(GuardRule())};
  if (line.verb == "maintain") return ParseMaintenance(line);
  if (line.verb == "unmaintain") return EndMaintenance{Joined(line.words.at(0))};
  if (line.verb == "service") {
    return SetService{Joined(line.words.at(0)), static_cast<uint32_t>(line.TakeNumber("min", 0))};
  }
  if (line.verb == "checkers") {
    SetCheckers command;
    for (const std::string& word : line.words) command.nodes.push_back(NodeId(std::stoull(word)));
    return command;
  }
  if (line.verb == "passed" || line.verb == "failed") return ParseChecks(line);
  if (line.verb == "remove") return RemoveCritical{ParseTargets(line.words)};
  throw std::invalid_argument("unknown command " + line.verb);
}

Context ParseContext(Line& line, const Registry& registry) {
  Context context;
  context.time_ms = static_cast<int64_t>(
      line.TakeNumber("time", static_cast<uint64_t>(registry.counters().time_ms)));
  context.term = Term(line.TakeNumber("term", 1));
  if (const auto request = line.Take("request")) {
    const size_t colon = request->find(':');
    context.request = {std::stoull(*request), std::stoull(request->substr(colon + 1))};
  }
  return context;
}

std::string Show(const Lease& lease) {
  return Text("lease=", lease.id, " epoch=", lease.epoch, " ttl=", lease.ttl_ms,
              lease.owner.empty() ? "" : " owner=", lease.owner,
              lease.silent_since_ms == 0 ? "" : Text(" silent=", lease.silent_since_ms));
}

std::string Show(const Instance& instance) {
  const DerivedHealth derived = DeriveHealth(instance.facts);
  const std::string_view message = HealthMessage(instance.facts);
  const InstanceSpec& spec = instance.spec;
  std::string out = Text(instance.name().text(), " incarnation=", instance.incarnation,
                         " changed=", instance.changed, instance.lease ? " lease=" : "",
                         instance.lease ? Text(instance.lease) : "");
  for (const Endpoint& endpoint : spec.endpoints) {
    if (endpoint.port != 80) out += Text(" port=", endpoint.port);
  }
  if (spec.weight != 1) out += Text(" weight=", spec.weight);
  if (!spec.zone.empty()) out += " zone=" + std::string(spec.zone);
  if (!spec.version.empty()) out += " version=" + std::string(spec.version);
  for (const Label& label : spec.labels) out += Text(" label=", label.key, ":", label.value);
  out += Text(" ", ToString(derived.health), " ", ToString(derived.reason));
  if (!message.empty()) out += Text(" '", message, "'");
  return out + Text(" since=", instance.health_since_ms, " created=", instance.created_ms);
}

template <class Items, class ShowItem>
std::string Join(const Items& items, ShowItem show) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ",") + show(item);
  return out;
}

std::string Show(const Override& entry) {
  return Text(entry.target, entry.owner.empty() ? "" : " owner=", entry.owner,
              " since=", entry.since_ms,
              entry.until_ms == 0 ? "" : Text(" until=", entry.until_ms));
}

std::string Show(const Reply& reply) {
  if (!reply.status.ok()) {
    return Text(absl::StatusCodeToString(reply.status.code()), ": ",
                std::string(reply.status.message()));
  }
  std::string out = Text("revision=", reply.revision);
  if (const auto* registered = std::get_if<RegisterReply>(&reply.value)) {
    out += " incarnations=" +
           Join(registered->incarnations, [](Revision revision) { return Text(revision); });
    if (registered->lease) out += " " + Show(*registered->lease);
  } else if (const auto* left = std::get_if<DeregisterReply>(&reply.value)) {
    out += " removed=" + Join(left->removed, [](bool removed) { return Text(removed); });
  } else if (const auto* one = std::get_if<InstanceReply>(&reply.value)) {
    out += " " + Show(*one->instance);
  } else if (const auto* lease = std::get_if<LeaseReply>(&reply.value)) {
    out += " " + Show(lease->lease);
  } else if (const auto* maintenance = std::get_if<MaintenanceReply>(&reply.value)) {
    if (maintenance->override_) out += " " + Show(*maintenance->override_);
    out += Text(" count=", maintenance->count);
  } else if (const auto* service = std::get_if<ServiceReply>(&reply.value)) {
    out += Text(" min_healthy=", service->record->min_healthy);
  } else if (const auto* count = std::get_if<CountReply>(&reply.value)) {
    out += Text(" count=", count->count);
    if (count->left != 0) out += Text(" left=", count->left);
  }
  return out;
}

std::string ShowState(const Registry& registry) {
  std::set<std::string> instances;
  std::set<uint64_t> leases;
  registry.ForEachInstance([&](const InstancePtr& i) { instances.insert(i->name().text()); });
  registry.ForEachLease([&](const Lease& lease) { leases.insert(lease.id.value()); });
  return Text("= revision=", registry.counters().revision, " time=", registry.counters().time_ms,
              " instances=", Join(instances, [](const std::string& name) { return name; }),
              " leases=", Join(leases, [](uint64_t id) { return Text(id); }), "\n");
}

std::string Show(const Outcome& outcome) {
  std::string out = outcome.duplicate ? "again " : outcome.reply.status.ok() ? "ok " : "refused ";
  out += Show(outcome.reply) + "\n";
  for (const InstanceChange& change : outcome.instances) {
    out += !change.before ? "+ " : change.after ? "~ " : "- ";
    out += change.after ? Show(*change.after) : change.name().text();
    out += Text(" (", ToString(change.cause), change.evidence.empty() ? "" : ": ", change.evidence,
                ")\n");
  }
  for (const LeaseChange& change : outcome.leases) {
    out += change.after ? Show(*change.after) + "\n" : Text("lease=", change.id, " ended\n");
  }
  for (const Event& event : outcome.events) {
    out += Text("! ", event.scope.empty() ? "the registry" : event.scope, " ", ToString(event.kind),
                ": ", event.text, "\n");
  }
  if (outcome.request) out += Text("slot ", outcome.request->slot, "\n");
  return out;
}

std::string RunLine(const std::string& text, Registry* registry) {
  try {
    Line line(text);
    const Context context = ParseContext(line, *registry);
    const Command command = ParseCommand(line);
    line.ExpectAllTaken();
    const Outcome outcome = registry->Apply(context, command);
    return Show(outcome) + ShowState(*registry);
  } catch (const std::exception& error) {
    return Text("cannot read: ", std::string_view(error.what()), "\n");
  }
}

}  // namespace

std::string RunTranscript(const std::string& transcript) {
  Registry registry;
  std::istringstream in(transcript);
  std::string out;
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') out += line + "\n";
    if (line.rfind("> ", 0) == 0) out += line + "\n" + RunLine(line.substr(2), &registry);
  }
  return out;
}

}  // namespace registryd::testing
