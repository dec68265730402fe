// gRPC servers that register themselves, and calls that find them: gRPC's own health service is
// called.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "grpc/health/v1/health.grpc.pb.h"
#include "registry/grpc/registered_server.h"
#include "registry/grpc/service_channels.h"
#include "registry/testing/fake_registry.h"
#include "tests/support/wait_for.h"

namespace registry {
namespace {

using ::registryd::testing::WaitFor;
using HealthService = grpc::health::v1::Health;

constexpr absl::Duration kPatience = absl::Seconds(30);

// Any service would do.
class ServingHealth final : public HealthService::Service {
  grpc::Status Check(grpc::ServerContext*, const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override {
    if (!request->service().empty()) return {grpc::StatusCode::NOT_FOUND, "unknown service"};
    response->set_status(grpc::health::v1::HealthCheckResponse::SERVING);
    return grpc::Status::OK;
  }
};

class GrpcTest : public ::testing::Test {
 protected:
  std::unique_ptr<RegisteredServer> Serve(const std::string& id) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    RegisteredServerOptions options;
    options.spec.service = "health";
    options.spec.id = id;
    options.listen = "127.0.0.1:0";
    options.drain = absl::Seconds(30);
    auto server = RegisteredServer::Start(*client_, builder, options);
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }

  grpc::Status Check(ServiceChannels& channels, std::string* peer = nullptr) {
    return channels.Call<HealthService>(
        [&](HealthService::Stub& stub, grpc::ClientContext* context) {
          grpc::health::v1::HealthCheckResponse response;
          const grpc::Status status = stub.Check(context, {}, &response);
          if (peer != nullptr) *peer = context->peer();
          return status;
        });
  }

  std::unique_ptr<Subscription> Subscribe() {
    auto subscription = client_->Subscribe({.service = "health"});
    EXPECT_TRUE(subscription.ok());
    EXPECT_TRUE((*subscription)->WaitReady(kPatience).ok());
    return *std::move(subscription);
  }

  ServingHealth service_;
  FakeRegistry fake_;
  std::unique_ptr<Client> client_ = *Client::Create(fake_.options());
};

TEST_F(GrpcTest, CallsGoToAllServersAndOnlyToThoseThatServe) {
  auto a = Serve("a");
  auto b = Serve("b");
  ASSERT_TRUE(a != nullptr && b != nullptr);
  const auto subscription = Subscribe();
  ServiceChannelsOptions options;
  options.calls.picker.policy = WeightedRoundRobin();
  ServiceChannels channels(*subscription, options);
  std::set<std::string> peers;
  for (int i = 0; i < 10; ++i) {
    std::string peer;
    const grpc::Status status = Check(channels, &peer);
    ASSERT_TRUE(status.ok()) << status.error_message();
    peers.insert(peer);
  }
  EXPECT_EQ(peers.size(), 2u);
  EXPECT_EQ(channels.channels(), 2u);
  EXPECT_TRUE(b->Shutdown().ok());
  EXPECT_TRUE(WaitFor([&] { return channels.picker().size() == 1; }));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Check(channels).ok());
}

TEST_F(GrpcTest, NoCallFailsWhileAServerIsShutDown) {
  auto a = Serve("a");
  auto b = Serve("b");
  ASSERT_TRUE(a != nullptr && b != nullptr);
  const auto subscription = Subscribe();
  ServiceChannels channels(*subscription);
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  std::atomic<int> failures{0};
  std::thread caller([&] {
    while (!stop) {
      ++calls;
      if (!Check(channels).ok()) ++failures;
    }
  });
  EXPECT_TRUE(WaitFor([&] { return calls > 20; }));
  EXPECT_TRUE(a->Shutdown().ok());
  const int before = calls;
  EXPECT_TRUE(WaitFor([&] { return calls > before + 20; }));
  stop = true;
  caller.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(fake_.instances().size(), 1u);
}

TEST_F(GrpcTest, AServerThatIsGoneIsPassedOver) {
  auto a = Serve("a");
  fake_.Put("health", "ghost", "127.0.0.1", 1);  // nobody listens there
  const auto subscription = Subscribe();
  ServiceChannelsOptions options;
  options.calls.picker.policy = WeightedRoundRobin();
  ServiceChannels channels(*subscription, options);
  for (int i = 0; i < 12; ++i) EXPECT_TRUE(Check(channels).ok());
  EXPECT_EQ(channels.picker().ejected(), 1u);
}

TEST_F(GrpcTest, TheServersOwnStatusComesBack) {
  auto a = Serve("a");
  ASSERT_NE(a, nullptr);
  const auto subscription = Subscribe();
  ServiceChannels channels(*subscription);
  const grpc::Status unknown =
      channels.Call<HealthService>([](HealthService::Stub& stub, grpc::ClientContext* context) {
        grpc::health::v1::HealthCheckRequest request;
        request.set_service("no such service");
        grpc::health::v1::HealthCheckResponse response;
        return stub.Check(context, request, &response);
      });
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(a->Shutdown().ok());
  EXPECT_TRUE(WaitFor([&] { return channels.picker().size() == 0; }));
  EXPECT_EQ(Check(channels).error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace registry
