#include "registryd/watch/topic.h"

#include <algorithm>
#include <utility>

namespace registryd::watch {

bool Topic::Publish(const core::InstanceChange& change, Revision revision, int64_t time_ms,
                    int64_t now_ms) {
  std::optional<TopicChange> shown = Shown(filter_, change, revision, time_ms);
  if (!shown) return false;
  shown->published_ms = now_ms;
  MutexLock lock(mutex_);
  if (levelled_ && revision > level_.revision) {
    level_.digest += shown->digest_delta;
    level_.count += static_cast<uint64_t>(static_cast<int64_t>(shown->count_delta));
  }
  ring_.push_back(*std::move(shown));
  // A revision leaves the ring whole, so that no page misses a part of one.
  while (ring_.size() > kRingMax) {
    floor_ = ring_.front().revision;
    while (!ring_.empty() && ring_.front().revision == floor_) ring_.pop_front();
  }
  return true;
}

int64_t Topic::DueAt() const {
  MutexLock lock(mutex_);
  return pace_.Due();
}

void Topic::Wake(int64_t now_ms) {
  std::vector<std::weak_ptr<Waker>> wakers;
  {
    MutexLock lock(mutex_);
    wakers = wakers_;
    pace_.Told(now_ms, wakers_.size());
  }
  for (const auto& held : wakers) {
    if (auto waker = held.lock()) waker->Wake();
  }
}

void Topic::Restart(Revision floor) {
  MutexLock lock(mutex_);
  ring_.clear();
  page_ = {};
  older_.clear();
  floor_ = floor;
  levelled_ = false;
}

bool Topic::levelled() const {
  MutexLock lock(mutex_);
  return levelled_;
}

void Topic::SetLevel(const Level& level) {
  MutexLock lock(mutex_);
  if (levelled_) return;
  levelled_ = true;
  level_ = level;
  for (const TopicChange& entry : ring_) {
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

bool Topic::LevelAt(Revision cursor, Level* level) const {
  MutexLock lock(mutex_);
  if (!levelled_ || cursor < floor_) return false;
  *level = level_;
  for (size_t i = After(cursor); i < ring_.size(); ++i) {
    level->digest -= ring_[i].digest_delta;
    level->count -= static_cast<uint64_t>(static_cast<int64_t>(ring_[i].count_delta));
  }
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
  return static_cast<size_t>(std::partition_point(ring_.begin(), ring_.end(),
                                                  [revision](const TopicChange& entry) {
                                                    return entry.revision <= revision;
                                                  }) -
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
    page_ = EncodePage(from, ring_.begin() + static_cast<ptrdiff_t>(first),
                       ring_.begin() + static_cast<ptrdiff_t>(end));
    page_from_ = from;
    page_end_ = last;
  }
  *page = page_;
  return Fetch::kPage;
}

bool Topic::FindOlder(Revision cursor, Page* page) const {
  MutexLock lock(mutex_);
  for (const OlderPage& older : older_) {
    if (cursor < older.from || cursor >= older.before) continue;
    *page = older.page;
    return true;
  }
  return false;
}

void Topic::KeepOlder(const OlderPage& older) {
  MutexLock lock(mutex_);
  if (older_.size() == kOlderMax) older_.pop_front();
  older_.push_back(older);
}

int64_t Topic::PublishedAt(Revision after, Revision to) const {
  MutexLock lock(mutex_);
  const size_t end = After(to);
  return end == 0 || ring_[end - 1].revision <= after ? 0 : ring_[end - 1].published_ms;
}

bool Topic::ChangedIn(Revision after, Revision to) const {
  if (after >= to) return false;
  MutexLock lock(mutex_);
  return after < floor_ || After(after) < After(to);
}

}  // namespace registryd::watch
