// One Discovery.Watch stream of a FakeRegistryServer: snapshot, changes, beats ten times a second,
// and what the test makes of it (silence, tampering, an end).
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "registry/v1/discovery.grpc.pb.h"
#include "tests/support/fake_registry_server.h"

namespace registryd::testing {

class FakeWatch final
    : public grpc::ServerBidiReactor<registry::v1::WatchRequest, registry::v1::WatchResponse> {
 public:
  explicit FakeWatch(FakeRegistryServer* owner);

 private:
  struct Subscription {
    registry::v1::Subscribe query;
    uint64_t cursor = 0;
    bool snapshot = true;
    std::string resync;
    std::string refused;
  };

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Serve();  // until one of the two sides ends it
  void Write(const registry::v1::WatchResponse& message);
  void Take(const registry::v1::WatchRequest& request);
  bool Matches(const Subscription& subscription, const registry::v1::Instance& instance) const;
  // With the owner's mutex held.
  void Collect(bool beat, std::vector<registry::v1::WatchResponse>* out);
  void CollectChanges(Subscription& subscription, registry::v1::WatchResponse* out);
  void FillProgress(const Subscription& subscription, registry::v1::Progress* progress);

  FakeRegistryServer* owner_;
  registry::v1::WatchRequest request_;
  std::map<uint64_t, Subscription> subscriptions_;  // guarded by the owner's mutex, as is the next
  bool over_ = false;

  std::mutex write_mutex_;
  std::condition_variable written_;
  bool writing_ = false;

  std::thread thread_;
};

}  // namespace registryd::testing
