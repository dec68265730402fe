// registry.v1.Discovery.Watch: one stream, many subscriptions.
//
// Next takes the subscriptions that have something to say in turn, one event each, so that a busy
// one does not starve the others; a client that takes batches gets as many as are ready, up to some
// 64 KiB, in one message. Nothing is queued for a client: a subscription is a cursor. A
// client that leaves a write unread for 60 s is cut. Threads: as api/stream_machine.h says.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "registry/v1/discovery.pb.h"
#include "registryd/api/stream_machine.h"
#include "registryd/base/clock.h"
#include "registryd/operations/watches.h"

namespace registryd::api {

using WatchReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

class WatchCall final : public StreamMachine<WatchReactor, grpc::ByteBuffer>,
                        public watch::Beating {
 public:
  static constexpr size_t kSubscriptionsMax = 10'000;
  static constexpr int64_t kUnreadMaxMs = 60'000;

  WatchCall(operations::Watches* watches, operations::Caller caller,
            grpc::CallbackServerContext* context)
      : watches_(watches),
        caller_(std::move(caller)),
        context_(context),
        clock_(watches->clock()),
        epoch_(watches->access_epoch()),
        subscriber_(watches->hub().subscribers().Connect(caller_.peer)) {}

  void Beat() override;

 private:
  class Subscription;

  void OnStart() override { StartRead(&request_); }
  void OnReadDone(bool ok) override;
  bool Next(grpc::ByteBuffer* out) override;
  // Of the next subscription that has something to say, with what goes before it; null: none has.
  std::shared_ptr<const std::string> NextEvent(std::string* header);
  void OnEnd() override;

  void Handle(const registry::v1::WatchRequest& request);
  void Acknowledge(const registry::v1::Acknowledge& request);
  void Greet(const registry::v1::Hello& hello);
  void Subscribe(const registry::v1::Subscribe& request);
  void Refuse(uint64_t subscription, const absl::Status& status);
  void Ready(std::shared_ptr<Subscription> subscription);

  operations::Watches* const watches_;
  const operations::Caller caller_;
  grpc::CallbackServerContext* const context_;
  const Clock& clock_;
  uint64_t epoch_;  // of what is allowed; Beat's
  const std::shared_ptr<watch::Subscriber> subscriber_;
  grpc::ByteBuffer request_;                  // gRPC's between StartRead and OnReadDone
  std::atomic<int64_t> writing_since_ms_{0};  // 0: no write is under way
  std::atomic<bool> ended_{false};
  std::atomic<bool> batches_{false};  // the client takes several events in a message

  Mutex mutex_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Subscription>> subscriptions_
      ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<Subscription>> ready_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace registryd::api
