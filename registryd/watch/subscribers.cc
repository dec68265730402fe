#include "registryd/watch/subscribers.h"

#include <algorithm>
#include <utility>

#include "registryd/base/text.h"

namespace registryd::watch {

int64_t SubscriptionProgress::Acknowledge(Revision revision, int64_t now_ms) {
  uint64_t before = applied_.load(std::memory_order_relaxed);
  do {
    if (revision.value() <= before) return -1;
  } while (!applied_.compare_exchange_weak(before, revision.value(), std::memory_order_relaxed));
  const int64_t published_ms = topic_->PublishedAt(Revision(before), revision);
  if (published_ms == 0 || published_ms < began_ms_) return -1;
  const int64_t took_ms = std::max<int64_t>(0, now_ms - published_ms);
  last_ms_.store(took_ms, std::memory_order_relaxed);
  max_ms_.store(std::max(took_ms, max_ms()), std::memory_order_relaxed);
  return took_ms;
}

bool SubscriptionProgress::HasApplied(Revision revision) const {
  const Revision applied = this->applied();
  // What it acknowledged last may be all that there was for it.
  return applied >= revision || (applied && !topic_->ChangedIn(applied, revision));
}

void Subscriber::Hello(std::string client_id, std::string client_name) {
  MutexLock lock(mutex_);
  client_id_ = std::move(client_id);
  client_name_ = std::move(client_name);
}

std::shared_ptr<SubscriptionProgress> Subscriber::Add(uint64_t subscription,
                                                      std::shared_ptr<const Topic> topic,
                                                      Revision applied, int64_t now_ms) {
  auto progress = std::make_shared<SubscriptionProgress>(std::move(topic), applied, now_ms);
  MutexLock lock(mutex_);
  subscriptions_[subscription] = progress;
  return progress;
}

void Subscriber::Remove(uint64_t subscription) {
  MutexLock lock(mutex_);
  subscriptions_.erase(subscription);
}

void Subscriber::Goodbye() { owner_->Forget(this); }

void Subscriber::Broke(int64_t now_ms) {
  bool watches = false;
  {
    MutexLock lock(mutex_);
    watches = !subscriptions_.empty();
  }
  if (!watches) return owner_->Forget(this);
  owner_->Broken(this, now_ms);
}

std::shared_ptr<Subscriber> Subscribers::Connect(std::string address) {
  auto subscriber = std::make_shared<Subscriber>(this, std::move(address));
  MutexLock lock(mutex_);
  all_[subscriber.get()] = subscriber;
  return subscriber;
}

void Subscribers::Forget(const Subscriber* subscriber) {
  std::shared_ptr<Subscriber> last;  // released without the lock
  MutexLock lock(mutex_);
  if (auto found = all_.find(subscriber); found != all_.end()) {
    last = std::move(found->second);
    all_.erase(found);
  }
}

void Subscribers::Broken(const Subscriber* subscriber, int64_t now_ms) {
  std::vector<std::shared_ptr<Subscriber>> gone;  // released without the lock
  MutexLock lock(mutex_);
  const auto found = all_.find(subscriber);
  if (found == all_.end() || found->second->broken_ms_ != 0) return;  // it has said goodbye
  found->second->broken_ms_ = now_ms;
  broken_.push_back(found->second);
  while (!broken_.empty() &&
         (broken_.front()->broken_ms_ + kGraceMs <= now_ms || broken_.size() > kBrokenMax)) {
    all_.erase(broken_.front().get());
    gone.push_back(std::move(broken_.front()));
    broken_.pop_front();
  }
}

std::vector<SubscriberInfo> Subscribers::List(std::string_view service, Revision waiting_for,
                                              int64_t now_ms) const {
  std::vector<std::shared_ptr<Subscriber>> all;
  {
    MutexLock lock(mutex_);
    all.reserve(all_.size());
    for (const auto& [key, subscriber] : all_) all.push_back(subscriber);
  }
  struct Held {
    std::shared_ptr<SubscriptionProgress> progress;
    SubscriberInfo info;
  };
  std::vector<Held> held;
  for (const auto& subscriber : all) {
    const int64_t broken_ms = subscriber->broken_ms_;
    if (broken_ms != 0 && broken_ms + kGraceMs <= now_ms) continue;
    MutexLock lock(subscriber->mutex_);
    for (const auto& [id, progress] : subscriber->subscriptions_) {
      const Scope& scope = progress->topic().scope();
      if (!service.empty() && !scope.Contains(service)) continue;
      held.push_back({progress,
                      {subscriber->client_id_, subscriber->client_name_, subscriber->address_,
                       scope, broken_ms == 0, Revision(), -1, -1}});
    }
  }
  const auto key = [](const SubscriberInfo& info) {
    return Text(info.client_id, "|", info.scope.Key());
  };
  absl::flat_hash_set<std::string> back;  // what is watched on open streams, by client
  for (const Held& one : held) {
    if (one.info.connected) back.insert(key(one.info));
  }
  std::vector<SubscriberInfo> out;
  for (Held& one : held) {
    if (!one.info.connected && back.contains(key(one.info))) continue;
    if (waiting_for && one.progress->HasApplied(waiting_for)) continue;
    one.info.applied = one.progress->applied();
    one.info.last_ms = one.progress->last_ms();
    one.info.max_ms = one.progress->max_ms();
    out.push_back(std::move(one.info));
  }
  return out;
}

}  // namespace registryd::watch
