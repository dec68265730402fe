#include "registryd/operations/watches.h"

#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::operations {
namespace {

// Why a client cannot go on from its cursor; empty: it can.
std::string WhyNot(const WatchCursor& cursor, const replica::View& view, const watch::Topic& topic,
                   const Reads& reads) {
  if (cursor.cluster != view.counters.cluster) {
    return "the cursor is of another cluster (it was restored or set up anew)";
  }
  if (topic.Reaches(cursor.revision)) return {};
  const auto past = reads.Past();
  if (!past.ok()) return std::string(past.status().message());
  if (cursor.revision < (*past)->floor()) {
    return Text("the changes after revision ", cursor.revision, " are no longer kept; those after ",
                (*past)->floor(), " are");
  }
  return {};
}

// Entries that are read for one page: with a filter or a prefix, many may be of no concern. A
// picture costs less than to look through more of them.
constexpr size_t kOlderEntriesMax = 20'000;

void SetLevel(const replica::View& view, watch::Topic& topic) {
  watch::Level level{view.revision(), 0, 0};
  ForEachMatching(view, topic, {}, {}, [&level](const core::InstancePtr& instance) {
    level.digest += core::InstanceDigest(*instance);
    ++level.count;
    return true;
  });
  topic.SetLevel(level);
}

}  // namespace

absl::StatusOr<watch::Scope> Watches::Permitted(const Caller& caller, watch::Scope scope) {
  if (!scope.prefix) {
    RETURN_IF_ERROR(access_->Authorize(caller, Verb::kWatch, scope.name));
    return scope;
  }
  ASSIGN_OR_RETURN(scope.visible, access_->Visible(caller, Verb::kWatch));
  if (scope.visible == nullptr) return scope;
  // Who may see all of it shares the topic of those who may see everything.
  if (scope.visible->CoversPrefix(scope.name)) {
    scope.visible = nullptr;
  } else if (!scope.visible->MeetsPrefix(scope.name)) {
    RETURN_IF_ERROR(access_->Authorize(caller, Verb::kWatch, scope.name));
  }
  return scope;
}

absl::StatusOr<std::shared_ptr<void>> Watches::TakeShare(const Caller& caller) {
  std::shared_ptr<void> share = shares_.Take(LimitedAs(caller));
  if (share != nullptr) return share;
  absl::Status refused = absl::ResourceExhaustedError(
      Text("\"", LimitedAs(caller), "\" watches ", shares_.most(),
           " scopes already, as many as one identity may; end some, or watch prefixes"));
  access_->Record(caller, Verb::kWatch, {}, Revision(), refused);
  return refused;
}

absl::StatusOr<StartedWatch> Watches::Start(const Caller& caller, const WatchQuery& query,
                                            const std::shared_ptr<watch::Waker>& waker) {
  ASSIGN_OR_RETURN(const watch::Scope scope, Permitted(caller, query.scope));
  StartedWatch started;
  bool created = false;
  started.topic = hub_->Attach(scope, query.filter, waker, &created);
  // Taken after Attach, so that nothing is between the two.
  const ViewPtr view = reads_->Local();
  if (!started.topic->levelled()) SetLevel(*view, *started.topic);
  if (query.resume) {
    started.resync = WhyNot(*query.resume, *view, *started.topic, *reads_);
    if (started.resync.empty()) {
      started.cursor = query.resume->revision;
      return started;
    }
  }
  started.cursor = view->revision();
  started.snapshot = view;
  return started;
}

Watches::Older Watches::NextOlder(watch::Topic& topic, Revision cursor, Revision visible,
                                  watch::Page* page) {
  // A snapshot from a leader took its level away.
  if (!topic.levelled()) SetLevel(*reads_->Local(), topic);
  if (!topic.FindOlder(cursor, page)) {
    const auto past = reads_->Past();
    if (!past.ok() || cursor < (*past)->floor()) return Older::kGone;
    const watch::Scope& scope = topic.scope();
    std::vector<watch::TopicChange> changes;
    size_t entries = 0;
    const absl::Status read = (*past)->Forward(
        {scope.name, scope.prefix}, cursor, visible, [&](wire::HistoryEntry&& entry) {
          if (changes.size() >= watch::kPageMax || ++entries > kOlderEntriesMax) return false;
          for (const core::InstanceChange& change : entry.changes) {
            if (!scope.Contains(change.name().service_name())) continue;
            auto shown = watch::Shown(topic.filter(), change, entry.revision, entry.time_ms);
            if (shown) changes.push_back(*std::move(shown));
          }
          return true;
        });
    if (!read.ok()) return Older::kGone;
    watch::OlderPage older{cursor, visible, {visible, nullptr}};
    if (!changes.empty()) {
      older.before = changes.front().revision;
      older.page = watch::EncodePage(cursor, changes.begin(), changes.end());
    } else if (entries > kOlderEntriesMax) {
      return Older::kGone;
    }
    topic.KeepOlder(older);
    *page = older.page;
  }
  return page->bytes == nullptr ? Older::kNothing : Older::kPage;
}

StartedWatch Watches::Restart(std::shared_ptr<watch::Topic> topic, std::string reason) {
  StartedWatch started;
  started.topic = std::move(topic);
  started.snapshot = reads_->Local();
  if (!started.topic->levelled()) SetLevel(*started.snapshot, *started.topic);
  started.cursor = started.snapshot->revision();
  started.resync = std::move(reason);
  return started;
}

void Watches::ObserveApplied(const watch::Scope& scope, int64_t took_ms) {
  metrics::Histogram* histogram = nullptr;
  std::string name = Text(scope.name, scope.prefix ? "*" : "");
  {
    MutexLock lock(applied_mutex_);
    if (applied_.size() >= kScopesMax && !applied_.contains(name)) name = "others";
    metrics::Histogram*& held = applied_[name];
    if (held == nullptr) {
      held = &metrics::GetHistogram(
          "registryd_watch_applied_seconds",
          "From the publication of a change on this node to a subscriber's acknowledgement.",
          {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
          {{"watches", name}});
    }
    histogram = held;
  }
  histogram->Observe(static_cast<double>(took_ms) / 1e3);
}

}  // namespace registryd::operations
