// The servers of one client: a channel to each, which of them to ask next, and calls with retries.
//
//   v1::LookupResponse response;
//   absl::Status status = servers.Call({.name = "Lookup", .timeout = Millis(5000)},
//       [&](const Server& server, grpc::ClientContext* context) {
//         return server.discovery->Lookup(context, request, &response);
//       });
//
// All calls prefer the same server, the one that answered last, and move on together when it fails.
// The attempt is run once for each try, with the same request; so a write needs a request id in it.
// Thread-safe.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "client/local/clock.h"
#include "client/local/fork_guard.h"
#include "registry/metrics.h"
#include "registry/v1/discovery.grpc.pb.h"
#include "registry/v1/lease.grpc.pb.h"
#include "registry/v1/registration.grpc.pb.h"

namespace registry {

struct Server {
  std::string address;  // "host:port"
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Discovery::Stub> discovery;
  std::unique_ptr<v1::Registration::Stub> registration;
  std::unique_ptr<v1::Lease::Stub> lease;
};

struct CallSpec {
  const char* name = "";  // for messages
  Clock::duration timeout;
  bool write = false;  // a failure without answer leaves open whether it was applied
};

class ServerSet {
 public:
  ServerSet(
      const std::vector<std::string>& addresses, const std::string& user_agent,
      std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials());

  // OK, or the status of the last telling try with the servers' names in its message.
  absl::Status Call(const CallSpec& spec,
                    absl::FunctionRef<grpc::Status(const Server&, grpc::ClientContext*)> attempt);

  // Null: nobody counts. Before the first call.
  void SetMetrics(ClientMetrics* metrics) { metrics_ = metrics; }

  size_t size() const { return servers_.size(); }
  const Server& at(size_t index) const { return *servers_[index]; }

  // The server that answered last.
  size_t preferred() const { return preferred_.load(std::memory_order_relaxed); }
  void Prefer(size_t index) { preferred_.store(index, std::memory_order_relaxed); }
  size_t After(size_t index) const { return (index + 1) % servers_.size(); }

 private:
  absl::Status TryCalls(
      const CallSpec& spec,
      absl::FunctionRef<grpc::Status(const Server&, grpc::ClientContext*)> attempt);

  const ForkGuard guard_;
  ClientMetrics* metrics_ = nullptr;
  bool many_ = false;  // a try may reach another node than the one before
  std::vector<std::unique_ptr<Server>> servers_;
  std::atomic<size_t> preferred_{0};
};

// Whether another try, perhaps of another server, may succeed.
bool IsTransient(absl::StatusCode code);

absl::Status ToStatus(const grpc::Status& status);

// FAILED_PRECONDITION: a client of before fork() is used in the child.
absl::Status ForkedError();

}  // namespace registry
