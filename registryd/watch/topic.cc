#include "registryd/watch/topic.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "registryd/watch/page_codec.h"

namespace registryd::watch {

bool Topic::Publish(const core::InstanceChange& change, Revision revision) {
  const bool was = change.before != nullptr && filter_.Matches(*change.before);
  const bool is = change.after != nullptr && filter_.Matches(*change.after);
  if (!was && !is) return false;
  Entry entry{.revision = revision,
              .instance = is ? change.after : change.before,
              .gone = !is,
              .digest_delta = (is ? core::InstanceDigest(*change.after) : 0) -
                              (was ? core::InstanceDigest(*change.before) : 0),
              .count_delta = static_cast<int8_t>(static_cast<int>(is) - static_cast<int>(was))};
  MutexLock lock(mutex_);
  if (levelled_ && revision > level_.revision) {
    level_.digest += entry.digest_delta;
    level_.count += static_cast<uint64_t>(static_cast<int64_t>(entry.count_delta));
  }
  ring_.push_back(std::move(entry));
  // A revision leaves the ring whole, so that no page misses a part of one.
  while (ring_.size() > kRingMax) {
    floor_ = ring_.front().revision;
    while (!ring_.empty() && ring_.front().revision == floor_) ring_.pop_front();
  }
  return true;
}

void Topic::Wake() {
  std::vector<std::weak_ptr<Waker>> wakers;
  {
    MutexLock lock(mutex_);
    wakers = wakers_;
  }
  for (const auto& held : wakers) {
    if (auto waker = held.lock()) waker->Wake();
  }
}

void Topic::SetLevel(const Level& level) {
  MutexLock lock(mutex_);
  if (levelled_) return;
  levelled_ = true;
  level_ = level;
  for (const Entry& entry : ring_) {
    if (entry.revision <= level.revision) continue;
    level_.digest += entry.digest_delta;
    level_.count += static_cast<uint64_t>(static_cast<int64_t>(entry.count_delta));
  }
}

bool Topic::Quiet(Revision cursor, Level* level) const {
  MutexLock lock(mutex_);
  if (!levelled_ || cursor < floor_) return false;
  if (!ring_.empty() && ring_.back().revision > cursor) return false;
  *level = level_;
  return true;
}

void Topic::Attach(const std::shared_ptr<Waker>& waker) {
  MutexLock lock(mutex_);
  if (wakers_.size() >= sweep_at_) {
    std::erase_if(wakers_, [](const auto& held) { return held.expired(); });
    sweep_at_ = std::max<size_t>(16, wakers_.size() * 2);
  }
  wakers_.push_back(waker);
}

size_t Topic::subscribers() const {
  MutexLock lock(mutex_);
  return static_cast<size_t>(std::count_if(wakers_.begin(), wakers_.end(),
                                           [](const auto& held) { return !held.expired(); }));
}

bool Topic::Reaches(Revision cursor) const {
  MutexLock lock(mutex_);
  return cursor >= floor_;
}

size_t Topic::After(Revision revision) const {
  return static_cast<size_t>(
      std::partition_point(ring_.begin(), ring_.end(),
                           [revision](const Entry& entry) { return entry.revision <= revision; }) -
      ring_.begin());
}

Topic::Fetch Topic::Next(Revision cursor, Revision visible, Page* page) {
  MutexLock lock(mutex_);
  if (cursor < floor_) return Fetch::kBehind;
  const size_t first = After(cursor);
  const size_t end = After(visible);
  if (first >= end) return Fetch::kNothing;
  // Every cursor from which the same entries follow gets the same page.
  const Revision from = first == 0 ? floor_ : ring_[first - 1].revision;
  const Revision last = ring_[end - 1].revision;
  const bool cached = page_.bytes != nullptr && page_from_ == from && page_end_ == last;
  if (!cached) {
    page_ = Encode(from, first, end);
    page_from_ = from;
    page_end_ = last;
  }
  *page = page_;
  return Fetch::kPage;
}

Page Topic::Encode(Revision from, size_t first, size_t end) const {
  size_t stop = first;
  while (stop < end && stop - first < kPageMax) {
    const Revision revision = ring_[stop].revision;
    while (stop < end && ring_[stop].revision == revision) ++stop;
  }
  // The last entry of an instance is its final state.
  absl::flat_hash_set<std::string_view> seen;
  ChangesEncoder encoder;
  for (size_t i = stop; i-- > first;) {
    const Entry& entry = ring_[i];
    if (!seen.insert(entry.instance->name().text()).second) continue;
    if (entry.gone) {
      encoder.AddGone(*entry.instance);
    } else {
      encoder.AddChanged(*entry.instance);
    }
  }
  const Revision to = ring_[stop - 1].revision;
  return {to, std::make_shared<const std::string>(encoder.Finish(from, to))};
}

}  // namespace registryd::watch
