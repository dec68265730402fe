#include "client/local/callback_thread.h"

#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace registry {

CallbackThread::~CallbackThread() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void CallbackThread::Schedule(const void* owner, int kind, TimePoint at,
                              std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    const Key key(owner, kind);
    const auto waiting = jobs_.find(key);
    if (waiting != jobs_.end()) {
      if (waiting->second.at <= at) return;
      const auto [first, last] = due_.equal_range(waiting->second.at);
      due_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == key; }));
    }
    jobs_[key] = {.at = at, .run = std::move(job)};
    due_.emplace(at, key);
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  }
  changed_.notify_all();
}

void CallbackThread::Remove(const void* owner) {
  std::unique_lock lock(mutex_);
  if (running_ == owner && std::this_thread::get_id() == thread_.get_id()) {
    std::fprintf(stderr, "registry: a callback must not end what it is called by\n");
    std::abort();  // it would wait for itself
  }
  const auto remove = [&] {
    for (auto it = jobs_.lower_bound({owner, 0}); it != jobs_.end() && it->first.first == owner;) {
      const auto [first, last] = due_.equal_range(it->second.at);
      due_.erase(
          std::find_if(first, last, [&](const auto& entry) { return entry.second == it->first; }));
      it = jobs_.erase(it);
    }
  };
  remove();
  changed_.wait(lock, [&] { return running_ != owner; });
  remove();  // what the running job may have scheduled
}

void CallbackThread::Run() {
  pthread_setname_np(pthread_self(), "registry-call");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (due_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = due_.begin();
    if (first->first > Clock::now()) {
      const TimePoint at = first->first;  // the entry may go while we wait
      changed_.wait_until(lock, at);
      continue;
    }
    const Key key = first->second;
    due_.erase(first);
    std::function<void()> job = std::move(jobs_[key].run);
    jobs_.erase(key);
    running_ = key.first;
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
    running_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace registry
