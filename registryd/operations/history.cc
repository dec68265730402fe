#include "registryd/operations/history.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::operations {
namespace {

absl::Status NotKept(const storage::HistoryReader& past, std::string_view what) {
  return absl::OutOfRangeError(Text("changes ", what, " are no longer kept; those after revision ",
                                    past.floor(),
                                    " are (registryd's history-keep and history-size)"));
}

absl::StatusOr<Revision> Resolve(storage::HistoryReader& past, const replica::View& view,
                                 const Moment& moment) {
  if (moment.revision) {
    if (moment.revision > view.revision()) {
      return absl::OutOfRangeError(Text("revision ", moment.revision,
                                        " has not happened yet; this node is at ",
                                        view.revision()));
    }
    if (moment.revision < past.floor()) {
      return NotKept(past, Text("after revision ", moment.revision));
    }
    return moment.revision;
  }
  if (moment.time_ms == 0 || moment.time_ms >= view.counters.time_ms) return view.revision();
  ASSIGN_OR_RETURN(const Revision revision, past.At(moment.time_ms));
  // At the floor nobody knows any more when that was.
  if (revision == past.floor() && revision) return NotKept(past, "of that time");
  return std::min(revision, view.revision());
}

}  // namespace

absl::StatusOr<ChangesPage> History::List(const Caller& caller, const ChangesQuery& query) const {
  std::shared_ptr<const core::NameSet> visible;
  if (query.scope.prefix) {
    ASSIGN_OR_RETURN(visible, access_->Visible(caller, Verb::kHistory));
  } else {
    RETURN_IF_ERROR(access_->Authorize(caller, Verb::kHistory, query.scope.name));
  }
  ChangesPage page;
  page.view = reads_->Local();
  ASSIGN_OR_RETURN(const auto past, reads_->Past());
  page.floor = past->floor();
  Revision to = page.view->revision();
  if (query.before) to = std::min(to, query.before - 1);
  size_t changes = 0;
  size_t entries = 0;
  RETURN_IF_ERROR(past->Backward(query.scope, Revision(), to, [&](wire::HistoryEntry&& entry) {
    if (entry.time_ms < query.since_ms) return false;
    if (changes >= query.page || ++entries > kEntriesMax) {
      page.next_before = entry.revision + 1;
      return false;
    }
    std::erase_if(entry.changes, [&](const core::InstanceChange& change) {
      return (!query.id.empty() && change.name().id() != query.id) ||
             (visible != nullptr && !visible->Contains(change.name().service_name()));
    });
    changes += entry.changes.size();
    if (!entry.changes.empty()) page.entries.push_back(std::move(entry));
    return true;
  }));
  return page;
}

absl::StatusOr<PastService> History::At(const Caller& caller, const std::string& service_name,
                                        const Moment& moment) const {
  RETURN_IF_ERROR(access_->Authorize(caller, Verb::kHistory, service_name));
  PastService out;
  // Before the history, so that it has everything since.
  out.view = reads_->Local();
  ASSIGN_OR_RETURN(const auto past, reads_->Past());
  ASSIGN_OR_RETURN(out.revision, Resolve(*past, *out.view, moment));
  ASSIGN_OR_RETURN(out.revision_time_ms, past->TimeOf(out.revision));

  // What each instance was before the first change since then; null: it was not there.
  absl::flat_hash_map<std::string, core::InstancePtr> undone;
  size_t entries = 0;
  RETURN_IF_ERROR(past->Forward(
      {service_name, false}, out.revision, out.view->revision(), [&](wire::HistoryEntry&& entry) {
        for (core::InstanceChange& change : entry.changes) {
          undone.try_emplace(std::string(change.name().id()), std::move(change.before));
        }
        return ++entries <= kEntriesMax;
      }));
  if (entries > kEntriesMax) {
    return absl::ResourceExhaustedError(Text(service_name, " has changed more than ", kEntriesMax,
                                             " times since revision ", out.revision,
                                             "; ask for a later moment"));
  }
  auto service = std::make_shared<replica::ServiceView>();
  service->name = service_name;
  const auto put = [&service](const core::InstancePtr& instance) {
    ++service->by_health[static_cast<size_t>(instance->health())];
    service->changed = std::max(service->changed, instance->changed);
    service->instances.Put(instance);
  };
  if (const replica::ServiceView* now = out.view->Find(service_name)) {
    now->instances.ForEach([&](const core::InstancePtr& instance) {
      if (!undone.contains(std::string(instance->name().id()))) put(instance);
    });
  }
  for (const auto& [id, before] : undone) {
    if (before != nullptr) put(before);
  }
  out.service = std::move(service);
  return out;
}

absl::StatusOr<absl::flat_hash_map<std::string, wire::HistoryEntry>> History::ChangesOf(
    const std::string& service_name, const std::vector<core::InstancePtr>& instances) const {
  ASSIGN_OR_RETURN(const auto past, reads_->Past());
  // One command may have changed many of them: its entry is read once.
  std::set<Revision> revisions;
  absl::flat_hash_map<std::string_view, Revision> changed;
  for (const core::InstancePtr& instance : instances) {
    revisions.insert(instance->changed);
    changed[instance->name().id()] = instance->changed;
  }
  absl::flat_hash_map<std::string, wire::HistoryEntry> out;
  for (const Revision revision : revisions) {
    RETURN_IF_ERROR(past->Forward(
        {service_name, false}, revision - 1, revision, [&](wire::HistoryEntry&& entry) {
          for (core::InstanceChange& change : entry.changes) {
            const std::string id(change.name().id());
            const auto found = changed.find(id);
            if (found == changed.end() || found->second != revision) continue;
            out[id] = {entry.revision, entry.time_ms, entry.actor, entry.position, {change}};
          }
          return false;
        }));
  }
  return out;
}

absl::StatusOr<std::optional<wire::HistoryEntry>> History::LastChange(
    const core::InstanceName& name) const {
  ASSIGN_OR_RETURN(const auto past, reads_->Past());
  std::optional<wire::HistoryEntry> found;
  size_t entries = 0;
  RETURN_IF_ERROR(past->Backward({std::string(name.service_name()), false}, past->floor(),
                                 past->last(), [&](wire::HistoryEntry&& entry) {
                                   std::erase_if(entry.changes, [&](const auto& change) {
                                     return change.name() != name;
                                   });
                                   if (!entry.changes.empty()) found = std::move(entry);
                                   return !found && ++entries < kEntriesMax;
                                 }));
  return found;
}

}  // namespace registryd::operations
