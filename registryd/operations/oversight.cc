#include "registryd/operations/oversight.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::operations {

absl::StatusOr<Oversight::Overrides> Oversight::ListOverrides(const Caller& caller,
                                                              std::string_view ns,
                                                              std::string_view service,
                                                              const std::string& after,
                                                              size_t most) {
  ASSIGN_OR_RETURN(auto seen, parts_.access->Visible(caller, Verb::kLookup));
  Overrides out;
  out.view = parts_.reads->Local();
  const std::string begin = ns.empty() ? std::string() : Text(ns, "/", service);
  out.view->records.ForEachFrom(begin, [&](const core::ServiceRecordPtr& record) {
    const std::string_view name = record->name;
    const std::string_view its_ns = name.substr(0, name.find('/'));
    if (!ns.empty() && its_ns != ns) return false;
    if (!service.empty() && name.substr(its_ns.size() + 1) != service) return ns.empty();
    if (seen != nullptr && !seen->Contains(name)) return true;
    const auto add = [&](const core::OverridePtr& entry) {
      if (entry && entry->target > after) out.entries.push_back(entry);
    };
    add(record->maintenance);
    for (const core::OverridePtr& entry : record->of_instances) add(entry);
    return true;
  });
  // Names hold '-' and '.', which sort before '/': the records' order is not that of the targets.
  std::sort(
      out.entries.begin(), out.entries.end(),
      [](const core::OverridePtr& a, const core::OverridePtr& b) { return a->target < b->target; });
  out.more = out.entries.size() > most;
  if (out.more) out.entries.resize(most);
  return out;
}

absl::StatusOr<Oversight::Settings> Oversight::Service(const Caller& caller,
                                                       const std::string& service_name) {
  RETURN_IF_ERROR(parts_.access->Authorize(caller, Verb::kLookup, service_name));
  Settings out;
  out.view = parts_.reads->Local();
  const core::ServiceRecordPtr* found = out.view->records.Find(service_name);
  if (found != nullptr) {
    out.record = *found;
  } else {
    auto none = std::make_shared<core::ServiceRecord>();
    none->name = service_name;
    out.record = std::move(none);
  }
  return out;
}

absl::StatusOr<Oversight::Held> Oversight::ListHeld(const Caller& caller) {
  ASSIGN_OR_RETURN(auto seen, parts_.access->Visible(caller, Verb::kLookup));
  Held out;
  out.view = parts_.reads->Local();
  out.intake = parts_.liveness->intake();
  out.view->services.ForEachFrom("", [&](const replica::ServicePtr& service) {
    if (service->Count(core::Health::kSuspect) == 0) return true;
    if (seen != nullptr && !seen->Contains(service->name)) return true;
    HeldService held;
    held.name = service->name;
    held.suspect = service->Count(core::Health::kSuspect);
    held.passing = service->Count(core::Health::kPassing);
    service->instances.ForEachFrom("", [&](const core::InstancePtr& instance) {
      if (instance->health() != core::Health::kSuspect) return true;
      const int64_t since_ms = instance->health_since_ms;
      held.since_ms = held.since_ms == 0 ? since_ms : std::min(held.since_ms, since_ms);
      return true;
    });
    if (const core::ServiceRecordPtr* record = out.view->records.Find(service->name)) {
      held.left = (*record)->left.Count(out.view->counters.time_ms);
    }
    out.services.push_back(std::move(held));
    return out.services.size() < kHeldMax;
  });
  return out;
}

void Oversight::Release(const Caller& caller, const core::RequestId& request, std::string service,
                        Writes::Done done) {
  // The commands after the first are its continuation and have no id of their own: repeating the
  // whole call releases what is still held.
  struct Rest {
    Writes* writes;
    Caller caller;
    std::string service;
    Writes::Done done;
    uint64_t released = 0;
    static void Next(std::unique_ptr<Rest> rest, const core::RequestId& id) {
      Writes* const writes = rest->writes;
      const Caller asking = rest->caller;
      core::Command command = core::ReleaseGuard{rest->service};
      writes->Submit(asking, id, std::move(command),
                     [rest = std::move(rest)](absl::StatusOr<core::Reply> reply) mutable {
                       if (!reply.ok()) return std::move(rest->done)(std::move(reply));
                       auto& count = std::get<core::CountReply>(reply->value);
                       rest->released += count.count;
                       if (count.left > 0) return Next(std::move(rest), {});
                       count.count = rest->released;
                       std::move(rest->done)(std::move(reply));
                     });
    }
  };
  Rest::Next(
      std::make_unique<Rest>(Rest{parts_.writes, caller, std::move(service), std::move(done)}),
      request);
}

}  // namespace registryd::operations
