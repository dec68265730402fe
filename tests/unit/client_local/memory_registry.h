// A registry in memory, and the loop of a client that watches it: the client's parts without gRPC,
// with their real threads.
//
//   MemoryRegistry registry;
//   MemoryClient client(&registry);
//   auto web = client.Subscribe({.service = "web"});
//   registry.Put("web", "a");
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/local/callback_thread.h"
#include "client/local/convert.h"
#include "client/local/subscriptions.h"
#include "client/local/task_loop.h"
#include "client/local/watches.h"

namespace registry {

inline v1::Instance MessageOf(const std::string& service, const std::string& id, uint64_t revision,
                              uint32_t weight = 1) {
  v1::Instance instance;
  instance.mutable_spec()->set_namespace_("default");
  instance.mutable_spec()->set_service(service);
  instance.mutable_spec()->set_id(id);
  instance.mutable_spec()->set_weight(weight);
  instance.mutable_spec()->add_endpoints()->set_port(80);
  instance.set_incarnation(revision);
  instance.set_changed_revision(revision);
  instance.set_health(v1::HEALTH_PASSING);
  return instance;
}

// Threads: any.
class MemoryRegistry {
 public:
  uint64_t Put(const std::string& service, const std::string& id, uint32_t weight = 1) {
    std::lock_guard lock(mutex_);
    ++revision_;
    instances_[service + "/" + id] = MessageOf(service, id, revision_, weight);
    gone_.erase(service + "/" + id);
    return revision_;
  }
  uint64_t Take(const std::string& service, const std::string& id) {
    std::lock_guard lock(mutex_);
    instances_.erase(service + "/" + id);
    gone_[service + "/" + id] = ++revision_;
    return revision_;
  }
  // The streams that are open break.
  void Break() {
    std::lock_guard lock(mutex_);
    ++life_;
  }

 private:
  friend class MemoryNetwork;

  std::mutex mutex_;
  uint64_t revision_ = 0;
  uint64_t life_ = 0;
  std::map<std::string, v1::Instance> instances_;
  std::map<std::string, uint64_t> gone_;
};

// Loop thread only.
class MemoryNetwork : public WatchNetwork {
 public:
  explicit MemoryNetwork(MemoryRegistry* registry) : registry_(registry) {}

  std::unique_ptr<WatchStream> Open(size_t /*server*/, WatchStream::Listener* listener) override {
    std::lock_guard lock(registry_->mutex_);
    auto stream = std::make_unique<Stream>(this, listener, registry_->life_);
    open_ = stream.get();
    ++opened;
    return stream;
  }
  size_t servers() const override { return 1; }
  const std::string& name(size_t /*server*/) const override { return name_; }
  size_t preferred() const override { return 0; }
  TimePoint Now() const override { return now ? *now : Clock::now(); }

  // Hands over what the registry has to say.
  void Deliver() {
    std::vector<v1::WatchResponse> messages;
    bool broken = false;
    {
      std::lock_guard lock(registry_->mutex_);
      if (open_ == nullptr) return;
      broken = open_->life != registry_->life_;
      for (auto& [number, subscription] : open_->subscriptions) {
        Collect(number, &subscription, &messages);
      }
    }
    if (broken) return open_->listener->OnEnd(absl::UnavailableError("broken"));
    if (messages.empty() || open_ == nullptr) return;
    v1::WatchResponse batch = messages.front();
    for (size_t i = 1; i < messages.size(); ++i) *batch.add_also() = messages[i];
    open_->listener->OnMessage(batch);
  }

  std::map<std::string, uint64_t> acknowledged;  // by service
  size_t opened = 0;                             // streams
  std::optional<TimePoint> now;                  // a time of the test's own

 private:
  struct Subscription {
    v1::Subscribe query;
    bool snapshot = true;
    uint64_t cursor = 0;
  };

  struct Stream : WatchStream {
    Stream(MemoryNetwork* owner, WatchStream::Listener* told, uint64_t begun)
        : network(owner), listener(told), life(begun) {}
    ~Stream() override {
      if (network->open_ == this) network->open_ = nullptr;
    }
    void Send(v1::WatchRequest message) override {
      if (message.has_subscribe()) {
        Subscription& subscription = subscriptions[message.subscribe().subscription()];
        subscription.query = message.subscribe();
        subscription.snapshot = !message.subscribe().has_resume();
        subscription.cursor = message.subscribe().resume().revision();
      } else if (message.has_unsubscribe()) {
        subscriptions.erase(message.unsubscribe().subscription());
      } else if (message.has_acknowledge()) {
        const auto found = subscriptions.find(message.acknowledge().subscription());
        if (found != subscriptions.end()) {
          network->acknowledged[found->second.query.service()] = message.acknowledge().revision();
        }
      }
    }
    void End() override { subscriptions.clear(); }
    bool sending() const override { return false; }

    MemoryNetwork* network;
    WatchStream::Listener* listener;
    uint64_t life;
    std::map<uint64_t, Subscription> subscriptions;
  };

  void Collect(uint64_t number, Subscription* subscription,
               std::vector<v1::WatchResponse>* out) const {
    const std::string prefix = subscription->query.service() + "/";
    v1::WatchResponse message;
    message.set_subscription(number);
    if (subscription->snapshot) {
      v1::Snapshot* snapshot = message.mutable_snapshot();
      snapshot->set_first(true);
      snapshot->set_last(true);
      snapshot->mutable_cursor()->set_cluster_id(7);
      snapshot->mutable_cursor()->set_revision(registry_->revision_);
      for (const auto& [key, instance] : registry_->instances_) {
        if (key.rfind(prefix, 0) == 0) *snapshot->add_instances() = instance;
      }
    } else {
      v1::Changes* changes = message.mutable_changes();
      changes->set_from_revision(subscription->cursor);
      changes->set_revision(registry_->revision_);
      for (const auto& [key, instance] : registry_->instances_) {
        if (key.rfind(prefix, 0) == 0 && instance.changed_revision() > subscription->cursor) {
          *changes->add_changed() = instance;
        }
      }
      for (const auto& [key, revision] : registry_->gone_) {
        if (key.rfind(prefix, 0) != 0 || revision <= subscription->cursor) continue;
        v1::InstanceRef* ref = changes->add_gone();
        ref->set_service(subscription->query.service());
        ref->set_id(key.substr(prefix.size()));
      }
      if (changes->changed_size() + changes->gone_size() == 0) {
        uint64_t digest = 0;
        uint64_t count = 0;
        for (const auto& [key, instance] : registry_->instances_) {
          if (key.rfind(prefix, 0) != 0) continue;
          digest += InstanceDigest(ToInstance(instance));
          ++count;
        }
        message.mutable_progress()->set_revision(registry_->revision_);
        message.mutable_progress()->set_digest(digest);
        message.mutable_progress()->set_count(count);
      }
    }
    subscription->snapshot = false;
    subscription->cursor = registry_->revision_;
    out->push_back(message);
  }

  MemoryRegistry* const registry_;
  const std::string name_ = "memory";
  Stream* open_ = nullptr;
};

class MemoryClient : public TaskLoop {
 public:
  explicit MemoryClient(MemoryRegistry* registry)
      : network_(registry),
        subscriptions_(std::make_shared<Subscriptions>(&callbacks_, [] { return int64_t{0}; })),
        watches_(&network_, {},
                 [this](const Watches::StatePtr& state) { subscriptions_->Published(state); }) {
    subscriptions_->Start(this, &watches_);
    thread_ = std::thread([this] { Run(); });
  }
  ~MemoryClient() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::unique_ptr<Subscription> Subscribe(const WatchQuery& query,
                                          const SubscriptionOptions& options = {}) {
    return std::make_unique<Subscription>(subscriptions_, subscriptions_->Add(query, options));
  }

  uint64_t Acknowledged(const std::string& service) {
    uint64_t revision = 0;
    RunAndWait([&] { revision = network_.acknowledged[service]; });
    return revision;
  }

  void Post(std::function<void()> task) override {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    ++given_;
    changed_.notify_all();
  }
  void RunAndWait(std::function<void()> task) override {
    std::unique_lock lock(mutex_);
    tasks_.push_back(std::move(task));
    const uint64_t mine = ++given_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return executed_ >= mine; });
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      std::vector<std::function<void()>> tasks;
      tasks.swap(tasks_);
      lock.unlock();
      for (auto& task : tasks) std::exchange(task, nullptr)();
      watches_.Tick(Clock::now());
      network_.Deliver();
      lock.lock();
      executed_ += tasks.size();
      if (!tasks.empty()) changed_.notify_all();
      if (tasks_.empty()) changed_.wait_for(lock, Millis(1));
    }
    lock.unlock();
    watches_.Stop();
  }

  CallbackThread callbacks_;
  MemoryNetwork network_;
  std::shared_ptr<Subscriptions> subscriptions_;
  Watches watches_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void()>> tasks_;
  uint64_t given_ = 0;
  uint64_t executed_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace registry
