// ServiceChannels: gRPC calls to the instances of a service, each to one that is picked for it.
//
//   registry::ServiceChannels web(*subscription);
//   EchoResponse response;
//   grpc::Status status = web.Call<Echo>(
//       [&](Echo::Stub& stub, grpc::ClientContext* context) {
//         return stub.Say(context, request, &response);
//       });
//
// There is one channel and one stub for each address, made by its first call and dropped when the
// instance has left the view. (gRPC 1.51 has no public C++ interface for resolvers of one's own; so
// the choice is made here, call by call, and not inside a channel.) Tries, retries, breakers and
// ejection are those of ResilientCaller (registry/resilient_call.h): the outcome of each try is
// reported.
//
// Threads: any. Call blocks for as long as the function does.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <typeinfo>

#include "absl/time/time.h"
#include "registry/resilient_call.h"
#include "registry/subscription.h"

namespace registry {

struct ServiceChannelsOptions {
  ResilientCallerOptions calls = {};
  // Of one try. A context whose deadline the function has set keeps that.
  absl::Duration timeout = absl::Seconds(5);
  std::string endpoint = {};                                   // by name; empty: the first one
  std::shared_ptr<grpc::ChannelCredentials> credentials = {};  // null: none (plaintext)
};

class ServiceChannels {
 public:
  // The subscription outlives it.
  explicit ServiceChannels(const Subscription& subscription,
                           const ServiceChannelsOptions& options = {});

  // The last try's status. UNAVAILABLE where there is no instance, RESOURCE_EXHAUSTED where the
  // bulkhead is full.
  template <class Service>
  grpc::Status Call(
      const std::function<grpc::Status(typename Service::Stub&, grpc::ClientContext*)>& function,
      const PickRequest& request = {}) {
    return CallStub(
        [](const std::shared_ptr<grpc::Channel>& channel) -> std::shared_ptr<void> {
          return std::shared_ptr<typename Service::Stub>(Service::NewStub(channel));
        },
        typeid(Service).name(),
        [&function](void* stub, grpc::ClientContext* context) {
          return function(*static_cast<typename Service::Stub*>(stub), context);
        },
        request);
  }

  Picker& picker() { return caller_.picker(); }
  size_t channels() const;

 private:
  using NewStub = std::function<std::shared_ptr<void>(const std::shared_ptr<grpc::Channel>&)>;
  struct Entry {
    std::shared_ptr<grpc::Channel> channel;
    std::map<std::string, std::shared_ptr<void>> stubs;  // by service
  };

  grpc::Status CallStub(const NewStub& new_stub, const char* service,
                        const std::function<grpc::Status(void*, grpc::ClientContext*)>& function,
                        const PickRequest& request);
  // Null: the instance has no endpoint of that name.
  std::shared_ptr<void> StubFor(const Instance& instance, const NewStub& new_stub,
                                const char* service);
  void DropAbsent();  // with mutex_ held

  const Subscription& subscription_;
  const ServiceChannelsOptions options_;
  ResilientCaller caller_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // by address
};

}  // namespace registry
