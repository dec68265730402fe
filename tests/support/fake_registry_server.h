// A registry for tests of clients: registry.v1 over gRPC on 127.0.0.1, with a small state in memory
// that outlives Stop and Start, as the real one's outlives a restart. Leases do not run out by
// themselves: LoseLeases ends them.
//
//   FakeRegistryServer server;                                  // listens
//   server.FailNext("Register", grpc::StatusCode::ABORTED, 2, FakeRegistryServer::kAfterApplying);
//   ... use a client on server.address() ...
//   EXPECT_EQ(server.Seen([](const auto& seen) { return seen.applied["Register"]; }), 1);
//   ASSERT_TRUE(server.Await([](const auto& seen) { return seen.frames.size() >= 3; }));
//
// Method names are those of the protocol: "Register", "KeepAlive", ... Threads: any.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/server.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "registry/v1/cluster.grpc.pb.h"
#include "registry/v1/discovery.grpc.pb.h"
#include "registry/v1/lease.grpc.pb.h"
#include "registry/v1/registration.grpc.pb.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {

class FakeRegistryServer {
 public:
  enum When { kBeforeApplying, kAfterApplying };

  struct LeaseState {
    uint64_t epoch = 0;
    int64_t ttl_ms = 0;
    std::string owner;
  };

  // All that the server knows and has seen.
  struct State {
    uint64_t cluster_id = 77;
    uint64_t revision = 0;
    uint64_t next_epoch = 1;
    uint64_t history_from = 0;                                // a watch resumes from here on
    std::map<std::string, uint64_t> gone;                     // revision at which an instance left
    std::map<std::string, registry::v1::Instance> instances;  // by "namespace/service/id"
    std::map<uint64_t, LeaseState> leases;

    std::map<std::string, int> calls;    // by method; a stream is one call
    std::map<std::string, int> applied;  // writes that were not repetitions
    std::map<std::string, std::vector<registry::v1::RequestId>> request_ids;
    std::vector<registry::v1::KeepAliveRequest> frames;
    std::vector<registry::v1::RegisterRequest> registers;
    std::vector<registry::v1::LookupRequest> lookups;
    std::vector<registry::v1::UpdateRequest> updates;
    std::vector<registry::v1::ListServicesRequest> service_lists;
    std::vector<registry::v1::Hello> hellos;
    std::vector<registry::v1::Subscribe> subscribes;
    std::vector<registry::v1::Acknowledge> acknowledges;
    int unsubscribes = 0;
    int open_watches = 0;
    int ended_watches = 0;  // by the end of the client's side
    std::vector<registry::v1::SetHealthRequest> health_reports;
    std::string user_agent;  // of the last call
  };

  FakeRegistryServer();
  ~FakeRegistryServer();

  // Again on the same port.
  void Start();
  // Calls under way end with an error. The state stays.
  void Stop();

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The next calls of this method fail with this code.
  void FailNext(const std::string& method, grpc::StatusCode code, int times = 1,
                When when = kBeforeApplying);
  // While silent, every call is received and never answered.
  void SetSilent(bool silent);
  // While not accepting, renewals are answered with accepted = false.
  void SetAccepting(bool accepting);
  // Gone without a word, with their instances left behind CRITICAL.
  void LoseLeases();
  // Changes every answer of this method before it is sent; null: no more.
  void Tamper(const std::string& method, std::function<void(google::protobuf::Message*)> change);
  void SetNextInMs(int64_t next_in_ms);
  // Ends the open watches with this status.
  void EndWatches(const grpc::Status& status);
  // Changes the state as the registry would: watches are told of what is different.
  void Change(const std::function<void(State&)>& change);
  // One permanent instance, as if it had registered. Its revision.
  uint64_t Put(const std::string& service, const std::string& id, uint32_t weight = 1,
               const std::string& ns = "default");
  // Takes it out. Its revision.
  uint64_t Take(const std::string& service, const std::string& id,
                const std::string& ns = "default");

  template <class F>
  auto Seen(F look) {
    std::lock_guard lock(mutex_);
    return look(state_);
  }
  // False: it did not come true within kPatience.
  [[nodiscard]] bool Await(std::function<bool(State&)> condition);

 private:
  friend class FakeServices;
  friend class FakeWatch;
  struct Failure {
    grpc::StatusCode code;
    int times;
    When when;
  };

  // Runs one unary call: counts, silence, failures, repetition, tampering.
  grpc::Status Run(const std::string& method, grpc::ServerContext* context,
                   const registry::v1::RequestId* request_id, google::protobuf::Message* response,
                   const std::function<grpc::Status()>& apply);
  void WaitWhileSilent(grpc::ServerContext* context);
  bool TakeFailure(const std::string& method, When when, grpc::Status* status);
  void NoteGone();

  std::mutex mutex_;  // guards all below but the services and the server
  std::condition_variable changed_;
  State state_;
  std::map<std::string, Failure> failures_;
  std::map<std::string, std::function<void(google::protobuf::Message*)>> tampering_;
  std::map<std::pair<uint64_t, uint64_t>, std::string> answered_;  // request id -> answer
  std::set<std::string> known_;  // the instances' names, to see which are gone
  grpc::Status end_watches_;
  uint64_t watch_generation_ = 0;  // grows with EndWatches
  bool silent_ = false;
  bool accepting_ = true;
  bool stopping_ = false;
  int64_t next_in_ms_ = 20;

  std::unique_ptr<class FakeServices> services_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace registryd::testing
