#include "tests/support/watch_checker.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace registryd::testing {
namespace {

// A broken run repeats itself; the first errors are the ones to read.
constexpr size_t kErrorsMax = 20;

void AppendLittleEndian(uint64_t value, std::string* out) {
  for (int i = 0; i < 8; ++i) out->push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

std::string Number(uint64_t value) { return std::to_string(value); }

}  // namespace

std::string NameOf(const registry::v1::Instance& instance) {
  const auto& spec = instance.spec();
  return spec.namespace_() + "/" + spec.service() + "/" + spec.id();
}

std::string NameOf(const registry::v1::InstanceRef& ref) {
  return ref.namespace_() + "/" + ref.service() + "/" + ref.id();
}

uint64_t DigestOf(const registry::v1::Instance& instance) {
  std::string bytes = NameOf(instance);
  bytes.push_back('\0');
  AppendLittleEndian(instance.incarnation(), &bytes);
  AppendLittleEndian(instance.changed_revision(), &bytes);
  bytes.push_back(static_cast<char>(instance.health()));
  return XXH64(bytes.data(), bytes.size(), 0);
}

void WatchChecker::Begin(const std::optional<registry::v1::Cursor>& resume) {
  ended_ = false;
  in_snapshot_ = false;
  may_snapshot_ = !resume.has_value();
  whole_ = resume.has_value();
  if (resume && (resume->cluster_id() != cluster_ || resume->revision() != cursor_)) {
    // A cursor that is not ours: the test wants to see what happens.
    cluster_ = resume->cluster_id();
    cursor_ = resume->revision();
  }
}

registry::v1::Cursor WatchChecker::cursor() const {
  registry::v1::Cursor cursor;
  cursor.set_cluster_id(cluster_);
  cursor.set_revision(cursor_);
  return cursor;
}

void WatchChecker::Take(const registry::v1::WatchResponse& response) {
  if (ended_) return Fail("a message after the end of the subscription");
  switch (response.event_case()) {
    case registry::v1::WatchResponse::kSnapshot:
      return Take(response.snapshot());
    case registry::v1::WatchResponse::kChanges:
      return Take(response.changes());
    case registry::v1::WatchResponse::kProgress:
      return Take(response.progress());
    case registry::v1::WatchResponse::kResync:
      if (in_snapshot_) Fail("a resync inside of a snapshot");
      ++counts_.resyncs;
      last_resync_ = response.resync().reason();
      if (last_resync_.empty()) Fail("a resync without a reason");
      whole_ = false;
      may_snapshot_ = true;
      return;
    case registry::v1::WatchResponse::kEnded:
      ended_ = true;
      return;
    case registry::v1::WatchResponse::EVENT_NOT_SET:
      return Fail("a message without an event");
  }
}

void WatchChecker::Take(const registry::v1::Snapshot& snapshot) {
  const registry::v1::Cursor& cursor = snapshot.cursor();
  if (snapshot.first()) {
    if (in_snapshot_) Fail("a snapshot inside of a snapshot");
    if (!may_snapshot_) Fail("a snapshot that nobody asked for, and no resync before it");
    if (cluster_ != 0 && cursor.cluster_id() != cluster_) last_resync_ += " (another cluster)";
    picture_.clear();
    digest_ = 0;
    cluster_ = cursor.cluster_id();
    cursor_ = cursor.revision();
    if (cluster_ == 0) Fail("a snapshot without a cluster id");
    in_snapshot_ = true;
    whole_ = false;
    ++counts_.snapshots;
  } else if (!in_snapshot_) {
    Fail("a part of a snapshot without its first part");
  }
  if (cursor.cluster_id() != cluster_ || cursor.revision() != cursor_) {
    Fail("parts of one snapshot have different cursors");
  }
  for (const auto& instance : snapshot.instances()) {
    if (picture_.count(NameOf(instance)) != 0) Fail(NameOf(instance) + " is in a snapshot twice");
    if (instance.changed_revision() > cursor_) {
      Fail(NameOf(instance) + " in a snapshot of " + Number(cursor_) + " is of revision " +
           Number(instance.changed_revision()));
    }
    Put(instance);
  }
  if (snapshot.last()) {
    in_snapshot_ = false;
    may_snapshot_ = false;
    whole_ = true;
  }
}

void WatchChecker::Take(const registry::v1::Changes& changes) {
  if (!whole_) return Fail("changes before there is a picture to change");
  if (changes.from_revision() > cursor_) {
    Fail("a gap: at " + Number(cursor_) + ", and the next page begins after " +
         Number(changes.from_revision()));
  }
  if (changes.revision() <= cursor_) {
    return Fail("a repetition: at " + Number(cursor_) + ", and the page ends at " +
                Number(changes.revision()));
  }
  if (changes.changed_size() + changes.gone_size() == 0) Fail("an empty page");
  Covered covered{cursor_, changes.revision(), {}};
  uint64_t newest = 0;
  for (const auto& instance : changes.changed()) {
    const std::string name = NameOf(instance);
    const uint64_t changed = instance.changed_revision();
    if (!covered.names.insert(name).second) Fail(name + " is in a page twice");
    if (changed <= cursor_ || changed > changes.revision()) {
      Fail(name + " of revision " + Number(changed) + " in a page of (" + Number(cursor_) + ", " +
           Number(changes.revision()) + "]");
    }
    newest = std::max(newest, changed);
    Put(instance);
  }
  for (const auto& ref : changes.gone()) {
    const std::string name = NameOf(ref);
    if (!covered.names.insert(name).second) Fail(name + " is in a page twice");
    Drop(name);
  }
  if (changes.gone_size() == 0 && newest != changes.revision()) {
    Fail("a page to " + Number(changes.revision()) + " whose newest change is of " +
         Number(newest));
  }
  ++counts_.pages;
  counts_.instances += changes.changed_size() + changes.gone_size();
  counts_.gone += changes.gone_size();
  cursor_ = changes.revision();
  covered_.push_back(std::move(covered));
}

void WatchChecker::Take(const registry::v1::Progress& progress) {
  if (!whole_) return Fail("progress before there is a picture");
  if (progress.revision() < cursor_) {
    return Fail("progress to " + Number(progress.revision()) + ", behind " + Number(cursor_));
  }
  if (progress.revision() > cursor_) covered_.push_back({cursor_, progress.revision(), {}});
  cursor_ = progress.revision();
  ++counts_.beats;
  if (progress.count() != picture_.size()) {
    Fail("at " + Number(cursor_) + " the picture has " + Number(picture_.size()) +
         " instances, and progress says " + Number(progress.count()));
  }
  if (progress.digest() != digest_) Fail("another digest at " + Number(cursor_));
}

void WatchChecker::CheckAgainst(const WatchTruth& truth,
                                const std::function<bool(const std::string&)>& in_scope) {
  for (const Covered& covered : covered_) {
    for (auto at = truth.upper_bound(covered.after); at != truth.end() && at->first <= covered.to;
         ++at) {
      for (const std::string& name : at->second) {
        if (!in_scope(name) || covered.names.count(name) != 0) continue;
        Fail("the change of " + name + " at " + Number(at->first) + " was not told in (" +
             Number(covered.after) + ", " + Number(covered.to) + "]");
      }
    }
  }
}

void WatchChecker::Put(const registry::v1::Instance& instance) {
  registry::v1::Instance& held = picture_[NameOf(instance)];
  if (held.changed_revision() >= instance.changed_revision()) {
    Fail(NameOf(instance) + " goes back from " + Number(held.changed_revision()) + " to " +
         Number(instance.changed_revision()));
  }
  if (held.changed_revision() != 0) digest_ -= DigestOf(held);
  digest_ += DigestOf(instance);
  held = instance;
}

void WatchChecker::Drop(const std::string& name) {
  const auto found = picture_.find(name);
  if (found == picture_.end()) return;  // allowed: one that we never had
  digest_ -= DigestOf(found->second);
  picture_.erase(found);
}

void WatchChecker::Fail(const std::string& what) {
  if (errors_.size() < kErrorsMax) errors_.push_back(name_ + ": " + what);
}

}  // namespace registryd::testing
