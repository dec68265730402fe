// The real services over a test replica, on a port of the kernel's choice.
//
//   TestReplica node;
//   operations::OpenAccess access;
//   TestServices services(&node, &clock, &access);
//   services.Start();
//   auto registration = registry::v1::Registration::NewStub(services.channel());
//
// A test that needs more than these parts gives it to Start. Threads: the test's own.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "registryd/api/api_server.h"
#include "tests/support/test_replica.h"

namespace registryd::testing {

class TestServices {
 public:
  // All of them outlive this. `authenticator` absent: nobody is asked who they are.
  TestServices(TestReplica* node, const Clock* clock, operations::Access* access,
               operations::Authenticator* authenticator = nullptr)
      : node_(node),
        access_(access),
        authenticator_(authenticator),
        liveness_({.replica = &node->replica(),
                   .proposer = &node->proposer(),
                   .loop = &node->loop(),
                   .clock = clock},
                  {}),
        writes_(&node->proposer(), access),
        reads_({.replica = &node->replica(),
                .proposer = &node->proposer(),
                .access = access,
                .clock = clock}),
        renewals_(&liveness_, access, authenticator),
        watches_(&reads_, &node->hub(), access),
        history_(&reads_, access),
        audience_({.hub = &node->hub(), .clock = clock, .node = "a"}),
        drains_(&writes_, &audience_, clock) {
    node->replica().AddObserver(&liveness_);
    node->Start();
    node->Lead();
    worker_.Start();
  }
  ~TestServices() {
    drains_.Stop();
    if (server_ != nullptr) server_->Stop(0);
    worker_.Stop();
  }
  TestServices(const TestServices&) = delete;
  TestServices& operator=(const TestServices&) = delete;

  void Start(operations::Oversight* oversight = nullptr,
             operations::Administration* administration = nullptr) {
    auto server = api::ApiServer::Start(
        "127.0.0.1", 0,
        {.writes = &writes_,
         .reads = &reads_,
         .renewals = &renewals_,
         .watches = &watches_,
         .history = &history_,
         .audience = &audience_,
         .drains = &drains_,
         .oversight = oversight,
         .describe =
             [](registry::v1::StatusResponse* out, absl::AnyInvocable<void() &&> done) {
               out->set_node("a");
               std::move(done)();
             },
         .access = access_,
         .authenticator = authenticator_,
         .worker = &worker_,
         .administration = administration});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                                   grpc::InsecureChannelCredentials());
  }

  liveness::LivenessDriver& liveness() { return liveness_; }
  operations::Writes& writes() { return writes_; }
  operations::Reads& reads() { return reads_; }
  Loop& worker() { return worker_; }
  // After Start.
  api::ApiServer& server() { return *server_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  TestReplica* const node_;
  operations::Access* const access_;
  operations::Authenticator* const authenticator_;
  Loop worker_{"worker"};
  liveness::LivenessDriver liveness_;
  operations::Writes writes_;
  operations::Reads reads_;
  operations::Renewals renewals_;
  operations::Watches watches_;
  operations::History history_;
  operations::Audience audience_;
  operations::Drains drains_;
  std::unique_ptr<api::ApiServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace registryd::testing
