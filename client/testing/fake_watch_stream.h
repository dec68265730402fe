// One Discovery.Watch stream of a FakeRegistry: snapshots, changes, beats, resumption.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/testing/fake_state.h"
#include "registry/v1/discovery.pb.h"

namespace registry {

absl::StatusOr<registryd::core::InstanceFilter> FakeFilter(
    const google::protobuf::RepeatedField<int>& health, const std::string& selector,
    const std::string& version_range, uint8_t health_if_empty);

// Deletes itself when gRPC is done with it.
class FakeWatchStream final : public grpc::ServerBidiReactor<v1::WatchRequest, v1::WatchResponse> {
 public:
  explicit FakeWatchStream(FakeState* state);

 private:
  struct Subscription {
    std::string prefix;  // of the instances' names
    registryd::core::InstanceFilter filter;
    uint64_t cursor = 0;
    bool snapshot = true;
    std::string resync;
    absl::Status refused;
  };

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override { End(); }
  void OnDone() override;

  void Serve();
  void End();
  void Write(const v1::WatchResponse& message);
  void Subscribe(const v1::Subscribe& request);
  // What the subscription has to say; false: it is over.
  bool Collect(Subscription* subscription, v1::WatchResponse message,
               std::vector<v1::WatchResponse>* out) const;

  FakeState* const state_;
  v1::WatchRequest request_;
  v1::Hello hello_;
  bool over_ = false;  // guarded by the state's mutex

  std::mutex mutex_;  // guards the next three
  std::condition_variable written_;
  std::map<uint64_t, Subscription> subscriptions_;
  bool writing_ = false;

  std::thread thread_;
};

}  // namespace registry
