#include "client/local/mirror.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/local/convert.h"

namespace registry {
namespace {

bool Before(const InstancePtr& a, const InstancePtr& b) { return NameLess(a->spec, b->spec); }

bool Same(const InstancePtr& a, const InstancePtr& b) { return SameName(a->spec, b->spec); }

absl::Status Lost(const std::string& what) { return absl::DataLossError(what); }

// Sorted; of an instance that stands twice the later one counts.
std::vector<InstancePtr> Changed(const v1::Changes& page) {
  std::vector<InstancePtr> changed;
  changed.reserve(static_cast<size_t>(page.changed_size()));
  for (auto it = page.changed().rbegin(); it != page.changed().rend(); ++it) {
    changed.push_back(std::make_shared<const Instance>(ToInstance(*it)));
  }
  std::stable_sort(changed.begin(), changed.end(), Before);
  changed.erase(std::unique(changed.begin(), changed.end(), Same), changed.end());
  return changed;
}

// Those of the view, sorted.
std::vector<InstancePtr> Gone(const v1::Changes& page, const View& view) {
  std::vector<InstancePtr> gone;
  for (const v1::InstanceRef& ref : page.gone()) {
    const std::string ns = ref.namespace_().empty() ? "default" : ref.namespace_();
    if (InstancePtr known = view.Find(ns, ref.service(), ref.id())) {
      gone.push_back(std::move(known));
    }
  }
  std::sort(gone.begin(), gone.end(), Before);
  gone.erase(std::unique(gone.begin(), gone.end(), Same), gone.end());
  return gone;
}

}  // namespace

uint64_t InstanceDigest(const Instance& instance) {
  std::array<unsigned char, 18> tail;
  tail[0] = 0;
  for (size_t i = 0; i < 8; ++i) {
    tail[1 + i] = static_cast<unsigned char>(instance.incarnation >> (8 * i));
    tail[9 + i] = static_cast<unsigned char>(instance.changed_revision >> (8 * i));
  }
  tail[17] = static_cast<unsigned char>(instance.health);
  XXH64_state_t state;
  XXH64_reset(&state, 0);
  const InstanceSpec& spec = instance.spec;
  XXH64_update(&state, spec.ns.data(), spec.ns.size());
  XXH64_update(&state, "/", 1);
  XXH64_update(&state, spec.service.data(), spec.service.size());
  XXH64_update(&state, "/", 1);
  XXH64_update(&state, spec.id.data(), spec.id.size());
  XXH64_update(&state, tail.data(), tail.size());
  return XXH64_digest(&state);
}

void Mirror::Restore(ViewPtr view) {
  view_ = std::move(view);
  digest_ = 0;
  for (const InstancePtr& instance : view_->instances) digest_ += InstanceDigest(*instance);
  cluster_id_ = view_->cluster_id;
  revision_ = view_->revision;
  resumable_ = revision_ != 0;
}

v1::Cursor Mirror::cursor() const {
  v1::Cursor cursor;
  cursor.set_cluster_id(cluster_id_);
  cursor.set_revision(revision_);
  return cursor;
}

void Mirror::Forget() {
  resumable_ = false;
  parts_.reset();
}

absl::StatusOr<std::optional<Mirror::Step>> Mirror::Take(const v1::WatchResponse& message) {
  switch (message.event_case()) {
    case v1::WatchResponse::kSnapshot:
      return TakeSnapshot(message.snapshot());
    case v1::WatchResponse::kChanges:
      return TakeChanges(message.changes());
    case v1::WatchResponse::kProgress: {
      const absl::Status same = Check(message.progress());
      if (!same.ok()) return same;
      return std::optional<Step>();
    }
    default:  // also events of a newer registry, which does not need us to know them
      return std::optional<Step>();
  }
}

absl::StatusOr<std::optional<Mirror::Step>> Mirror::TakeSnapshot(const v1::Snapshot& part) {
  if (part.first()) {
    parts_.emplace();
    parts_->cluster_id = part.cursor().cluster_id();
    parts_->revision = part.cursor().revision();
  }
  if (!parts_ || parts_->revision != part.cursor().revision()) {
    return MalformedAnswer("a part of a snapshot that has not begun");
  }
  parts_->instances.reserve(parts_->instances.size() + static_cast<size_t>(part.instances_size()));
  for (const v1::Instance& instance : part.instances()) {
    parts_->instances.push_back(std::make_shared<const Instance>(ToInstance(instance)));
  }
  if (!part.last()) return std::optional<Step>();

  Parts whole = *std::move(parts_);
  parts_.reset();
  std::sort(whole.instances.begin(), whole.instances.end(), Before);
  if (std::adjacent_find(whole.instances.begin(), whole.instances.end(), Same) !=
      whole.instances.end()) {
    return MalformedAnswer("an instance stands twice in a snapshot");
  }
  digest_ = 0;
  for (const InstancePtr& instance : whole.instances) digest_ += InstanceDigest(*instance);
  resumable_ = true;
  cluster_id_ = whole.cluster_id;
  revision_ = whole.revision;
  holding_ = whole.instances.empty() && !view_->instances.empty() && !Believe(whole);
  if (!holding_) {
    // What did not change stays the same object, so that pickers and callbacks see it as such.
    for (InstancePtr& instance : whole.instances) {
      const InstanceSpec& spec = instance->spec;
      InstancePtr before = view_->Find(spec.ns, spec.service, spec.id);
      if (before != nullptr && *before == *instance) instance = std::move(before);
    }
    view_ = std::make_shared<const View>(View{.cluster_id = whole.cluster_id,
                                              .revision = whole.revision,
                                              .instances = std::move(whole.instances)});
  }
  return std::optional<Step>(Step{.view = view_, .snapshot = true, .touched = {}});
}

bool Mirror::Believe(const Parts& picture) const {
  switch (empty_) {
    case EmptyPolicy::kBelieve:
      return true;
    case EmptyPolicy::kKeep:
      return false;
    case EmptyPolicy::kWhenMeant:
      return picture.cluster_id == view_->cluster_id && picture.revision >= view_->revision;
  }
  return true;
}

absl::StatusOr<std::optional<Mirror::Step>> Mirror::TakeChanges(const v1::Changes& page) {
  if (!resumable_) return MalformedAnswer("changes before the first snapshot");
  if (page.revision() <= revision_) return std::optional<Step>();  // seen
  if (page.from_revision() > revision_) {
    return Lost(absl::StrCat("changes after revision ", page.from_revision(),
                             " came while the picture is at ", revision_));
  }
  const std::vector<InstancePtr> changed = Changed(page);
  const std::vector<InstancePtr> gone = Gone(page, *view_);
  revision_ = page.revision();

  // While an empty picture is not believed, the first instances that come replace what was held.
  const bool replaces = holding_ && !changed.empty();
  static const std::vector<InstancePtr> kNone;
  const std::vector<InstancePtr>& base = replaces ? kNone : view_->instances;
  std::vector<InstancePtr> merged;
  merged.reserve(base.size() + changed.size());
  auto arrives = changed.begin();
  auto leaves = gone.begin();
  for (const InstancePtr& old : base) {
    while (arrives != changed.end() && Before(*arrives, old)) merged.push_back(*arrives++);
    while (leaves != gone.end() && Before(*leaves, old)) ++leaves;
    if (arrives != changed.end() && Same(*arrives, old)) {
      merged.push_back(*arrives++);
    } else if (leaves == gone.end() || !Same(*leaves, old)) {
      merged.push_back(old);
      continue;
    }
    if (!holding_) digest_ -= InstanceDigest(*old);
  }
  merged.insert(merged.end(), arrives, changed.end());
  for (const InstancePtr& instance : changed) digest_ += InstanceDigest(*instance);

  if (merged.empty() && !view_->instances.empty() && empty_ == EmptyPolicy::kKeep) {
    holding_ = true;
    return std::optional<Step>();
  }
  if (replaces || merged.empty()) holding_ = false;
  Step step{.view = nullptr, .snapshot = replaces, .touched = changed};
  step.touched.insert(step.touched.end(), gone.begin(), gone.end());
  view_ = std::make_shared<const View>(
      View{.cluster_id = cluster_id_, .revision = revision_, .instances = std::move(merged)});
  step.view = view_;
  return std::optional<Step>(std::move(step));
}

absl::Status Mirror::Check(const v1::Progress& beat) {
  if (!resumable_ || parts_) return absl::OkStatus();        // the picture is on its way
  if (beat.revision() < revision_) return absl::OkStatus();  // of before our last page
  const uint64_t count = holding_ ? 0 : view_->instances.size();
  if (beat.digest() != digest_ || beat.count() != count) {
    return Lost(absl::StrCat("the picture at revision ", revision_, " has ", count,
                             " instances and another digest than the registry's, which has ",
                             beat.count()));
  }
  revision_ = beat.revision();
  return absl::OkStatus();
}

}  // namespace registry
