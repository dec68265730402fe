#include "registryd/watch/hub.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "registryd/base/text.h"

namespace registryd::watch {

Hub::Hub(size_t threads) {
  {
    MutexLock lock(beating_mutex_);
    beating_.resize(kBeatSlices);
  }
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "fan-out");
      Fan();
    });
  }
}

Hub::~Hub() { Stop(); }

void Hub::Stop() {
  {
    MutexLock lock(fan_mutex_);
    stopping_ = true;
  }
  fan_filled_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Hub::Publish(const core::Outcome& outcome) {
  if (outcome.instances.empty()) return;
  const Revision revision = outcome.reply.revision;
  MutexLock lock(topics_mutex_);
  publishing_ = revision;
  const int64_t now_ms = clock_.MonotonicMs();
  for (const core::InstanceChange& change : outcome.instances) {
    const std::string_view service = change.name().service_name();
    const absl::string_view key(service.data(), service.size());
    const auto offer = [&](const std::weak_ptr<Topic>& held) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      std::shared_ptr<Topic> topic = held.lock();
      if (topic == nullptr || !topic->Publish(change, revision, outcome.time_ms, now_ms)) return;
      if (changed_.empty() || changed_.back() != topic) changed_.push_back(std::move(topic));
    };
    if (auto found = services_.find(key); found != services_.end()) {
      for (const auto& topic : found->second) offer(topic);
    }
    for (const auto& held : prefixes_) {
      if (auto topic = held.lock(); topic != nullptr && topic->scope().Contains(service)) {
        offer(held);
      }
    }
  }
}

void Hub::Flush(Revision revision) {
  published_.store(revision.value(), std::memory_order_release);
  if (changed_.empty()) return;
  std::sort(changed_.begin(), changed_.end());
  changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
  std::vector<int64_t> due;
  due.reserve(changed_.size());
  for (const auto& topic : changed_) due.push_back(topic->DueAt());
  {
    MutexLock lock(fan_mutex_);
    for (size_t i = 0; i < changed_.size(); ++i) {
      // A topic that waits to be woken is woken once for all that came meanwhile.
      if (waiting_.insert(changed_[i].get()).second) to_wake_.emplace(due[i], changed_[i]);
    }
  }
  changed_.clear();
  fan_filled_.NotifyOne();
}

void Hub::Restart(Revision revision) {
  {
    MutexLock lock(topics_mutex_);
    publishing_ = revision;
    for (const auto& [key, held] : by_key_) {
      std::shared_ptr<Topic> topic = held.lock();
      if (topic == nullptr) continue;
      topic->Restart(revision);
      changed_.push_back(std::move(topic));
    }
  }
  Flush(revision);
}

std::shared_ptr<Topic> Hub::Attach(const Scope& scope, const core::InstanceFilter& filter,
                                   const std::shared_ptr<Waker>& waker, bool* created) {
  const std::string key = Text(scope.Key(), "|", filter.Canonical());
  std::shared_ptr<Topic> topic;
  *created = false;
  {
    MutexLock lock(topics_mutex_);
    if (by_key_.size() >= sweep_at_) {
      absl::erase_if(by_key_, [](const auto& entry) { return entry.second.expired(); });
      for (auto& [name, topics] : services_) {
        std::erase_if(topics, [](const auto& held) { return held.expired(); });
      }
      absl::erase_if(services_, [](const auto& entry) { return entry.second.empty(); });
      std::erase_if(prefixes_, [](const auto& held) { return held.expired(); });
      sweep_at_ = std::max<size_t>(64, by_key_.size() * 2);
    }
    std::weak_ptr<Topic>& held = by_key_[key];
    topic = held.lock();
    if (topic == nullptr) {
      *created = true;
      // The loop publishes under this lock, so everything after `publishing_` will reach the topic.
      topic = std::make_shared<Topic>(scope, filter, std::max(publishing_, published()));
      held = topic;
      (scope.prefix ? prefixes_ : services_[scope.name]).push_back(topic);
    }
  }
  topic->Attach(waker);
  return topic;
}

void Hub::AddBeating(const std::shared_ptr<Beating>& stream) {
  MutexLock lock(beating_mutex_);
  beating_[next_slice_++ % beating_.size()].push_back(stream);
}

void Hub::BeatSlice(size_t slice) {
  std::vector<std::weak_ptr<Beating>> streams;
  {
    MutexLock lock(beating_mutex_);
    auto& held = beating_[slice % beating_.size()];
    std::erase_if(held, [](const auto& stream) { return stream.expired(); });
    streams = held;
  }
  for (const auto& held : streams) {
    if (auto stream = held.lock()) stream->Beat();
  }
}

void Hub::Fan() {
  for (;;) {
    std::vector<std::shared_ptr<Topic>> topics;
    bool beat = false;
    size_t slice = 0;
    {
      MutexLock lock(fan_mutex_);
      for (;;) {
        if (stopping_) return;
        const int64_t now = clock_.MonotonicMs();
        const int64_t next =
            to_wake_.empty() ? next_beat_ms_ : std::min(next_beat_ms_, to_wake_.begin()->first);
        if (now >= next) break;
        fan_filled_.WaitFor(fan_mutex_, next - now);
      }
      const auto end = to_wake_.upper_bound(clock_.MonotonicMs());
      for (auto it = to_wake_.begin(); it != end; ++it) {
        waiting_.erase(it->second.get());
        topics.push_back(std::move(it->second));
      }
      to_wake_.erase(to_wake_.begin(), end);
      if (const int64_t now = clock_.MonotonicMs(); now >= next_beat_ms_) {
        next_beat_ms_ = now + kBeatMs / kBeatSlices;
        beat = true;
        slice = beat_slice_++;
      }
    }
    for (const auto& topic : topics) topic->Wake(clock_.MonotonicMs());
    if (beat) BeatSlice(slice);
  }
}

}  // namespace registryd::watch
