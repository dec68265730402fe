// Watches: keeps the pictures of all subscriptions of a client, over one stream to one server.
//
// Loop thread only. The loop calls Tick after every event and by NextTimer. A stream begins with
// Hello and a Subscribe for each subscription, with its cursor where it has one. Each (re-)
// subscription has a number of its own on the wire, so what still comes for an earlier one is told
// apart. Acknowledgements wait while something is being sent: only the newest of each counts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "client/local/backoff.h"
#include "client/local/clock.h"
#include "client/local/mirror.h"
#include "client/local/subscription_state.h"
#include "client/local/watch_network.h"
#include "registry/metrics.h"

namespace registry {

class Watches : private WatchStream::Listener {
 public:
  using StatePtr = std::shared_ptr<SubscriptionState>;

  // `hello` says who watches. `on_published` gets each subscription whose view has changed; where
  // that has a callback, Applied has to follow.
  Watches(WatchNetwork* network, v1::Hello hello, std::function<void(const StatePtr&)> on_published,
          ClientMetrics* metrics = nullptr);
  ~Watches() override;

  void Add(StatePtr state);
  void Remove(const StatePtr& state);
  // The application has applied everything up to `revision`.
  void Applied(const StatePtr& state, uint64_t revision);

  void Tick(TimePoint now);
  TimePoint NextTimer() const;  // TimePoint::max(): none

  // Drops the stream; nothing is sent afterwards.
  void Stop();
  // The registry has been told that nobody watches any more, or need not be.
  bool closed() const { return stream_ == nullptr; }

 private:
  struct Watch;

  void OnMessage(const v1::WatchResponse& message) override;
  void OnEnd(const absl::Status& status) override;
  void OnSent() override;

  void OnEvent(const v1::WatchResponse& message);
  void Connect(TimePoint now);
  void Close();
  void Subscribe(Watch* watch);
  void Unsubscribe(Watch* watch);
  void Resubscribe(Watch* watch, const absl::Status& why);
  void Refused(Watch* watch, const v1::Ended& ended, TimePoint now);
  void Acknowledge(Watch* watch, uint64_t revision);
  void SendAcknowledgements();
  void Fail(const absl::Status& why, TimePoint now);

  WatchNetwork* const network_;
  const v1::Hello hello_;
  const std::function<void(const StatePtr&)> on_published_;
  ClientMetrics* const metrics_;
  absl::flat_hash_map<SubscriptionState*, std::unique_ptr<Watch>> watches_;
  absl::flat_hash_map<uint64_t, Watch*> by_number_;
  std::vector<Watch*> to_acknowledge_;
  uint64_t numbers_ = 0;

  size_t server_;
  std::unique_ptr<WatchStream> stream_;
  std::unique_ptr<WatchStream> ended_;  // until the listener's call has returned
  bool worked_ = false;                 // this stream has had a message that made sense
  TimePoint connected_at_{};
  TimePoint heard_at_{};
  TimePoint connect_at_{};                 // while there is no stream
  TimePoint close_by_ = TimePoint::max();  // nobody watches any more: the registry is being told
  TimePoint retry_at_ = TimePoint::max();  // of the first refused subscription
  Backoff reconnect_;
};

}  // namespace registry
