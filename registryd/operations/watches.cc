#include "registryd/operations/watches.h"

#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::operations {
namespace {

// Why a client cannot go on from its cursor; empty: it can.
std::string WhyNot(const WatchCursor& cursor, const replica::View& view,
                   const watch::Topic& topic) {
  if (cursor.cluster != view.counters.cluster) {
    return "the cursor is of another cluster (it was restored or set up anew)";
  }
  if (cursor.revision > view.revision()) {
    return Text("the cursor's revision ", cursor.revision,
                " has not happened here; this node is at ", view.revision());
  }
  if (!topic.Reaches(cursor.revision)) {
    return Text("the changes after revision ", cursor.revision, " are no longer kept");
  }
  return {};
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

absl::StatusOr<StartedWatch> Watches::Start(const Caller& caller, const WatchQuery& query,
                                            const std::shared_ptr<watch::Waker>& waker) {
  ASSIGN_OR_RETURN(const watch::Scope scope, Permitted(caller, query.scope));
  StartedWatch started;
  bool created = false;
  started.topic = hub_->Attach(scope, query.filter, waker, &created);
  // Taken after Attach, so that nothing is between the two.
  const ViewPtr view = reads_->Local();
  if (created) {
    watch::Level level{view->revision(), 0, 0};
    ForEachMatching(*view, *started.topic, {}, {}, [&level](const core::InstancePtr& instance) {
      level.digest += core::InstanceDigest(*instance);
      ++level.count;
      return true;
    });
    started.topic->SetLevel(level);
  }
  if (query.resume) {
    started.resync = WhyNot(*query.resume, *view, *started.topic);
    if (started.resync.empty()) {
      started.cursor = query.resume->revision;
      return started;
    }
  }
  started.cursor = view->revision();
  started.snapshot = view;
  return started;
}

StartedWatch Watches::Restart(std::shared_ptr<watch::Topic> topic, std::string reason) {
  StartedWatch started;
  started.topic = std::move(topic);
  started.snapshot = reads_->Local();
  started.cursor = started.snapshot->revision();
  started.resync = std::move(reason);
  return started;
}

}  // namespace registryd::operations
