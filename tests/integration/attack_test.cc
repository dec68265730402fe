// One client takes what it can get, and the others go on: floods of calls, streams, subscriptions,
// connections and instances. Each is refused with the code that says so and counted, while another
// identity's lookups are answered; how fast is printed, not asserted.
//
// ATTACK_STREAMS=10000 build/dev/bin/integration --gtest_filter='AttackTest*' is the large size.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "registry/v1/discovery.grpc.pb.h"
#include "registry/v1/registration.grpc.pb.h"
#include "tests/support/flood.h"
#include "tests/support/secured_daemon.h"
#include "tests/support/stubs.h"

namespace registryd::testing {
namespace {

using grpc::StatusCode;
using namespace registry::v1;  // NOLINT: the messages under test
using SteadyClock = std::chrono::steady_clock;

size_t StreamsOfTheAttack() {
  const char* given = std::getenv("ATTACK_STREAMS");
  return given == nullptr ? 600 : static_cast<size_t>(std::atoi(given));
}

// Somebody who behaves: a lookup now and then, over a connection of its own, all the time.
class Bystander {
 public:
  explicit Bystander(std::shared_ptr<grpc::Channel> channel)
      : channel_(std::move(channel)), thread_([this] { Run(); }) {}
  ~Bystander() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int good() const { return good_; }
  // Waits for some more of its lookups; then says how they went.
  void ExpectGoesOn(const char* while_what) {
    const int before = good_;
    EXPECT_TRUE(WaitFor([&] { return good_ > before + 20; })) << while_what;
  }
  void ExpectUnharmed(const char* while_what) {
    stop_ = true;
    thread_.join();
    EXPECT_EQ(bad_, 0) << while_what << ": " << first_failure_;
    std::sort(took_ms_.begin(), took_ms_.end());
    if (took_ms_.empty()) return;
    std::printf("a bystander's lookups during %s: %zu, p50 %.1f ms, p99 %.1f ms\n", while_what,
                took_ms_.size(), took_ms_[took_ms_.size() / 2],
                took_ms_[took_ms_.size() * 99 / 100]);
  }

 private:
  void Run() {
    while (!stop_) {
      const auto begin = SteadyClock::now();
      const grpc::Status status = CallLookup(channel_, "shop", "db");
      took_ms_.push_back(
          std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count());
      if (status.ok()) {
        ++good_;
      } else if (bad_++ == 0) {
        first_failure_ = status.error_message();
      }
      poll(nullptr, 0, 5);
    }
  }

  const std::shared_ptr<grpc::Channel> channel_;
  std::atomic<bool> stop_{false};
  std::atomic<int> good_{0};
  std::atomic<int> bad_{0};
  std::string first_failure_;    // the thread's, until it has ended
  std::vector<double> took_ms_;  // as above
  std::thread thread_;
};

// A watch that is opened and then left alone.
class IdleWatch final : public grpc::ClientBidiReactor<WatchRequest, WatchResponse> {
 public:
  IdleWatch(Discovery::Stub* stub, std::atomic<size_t>* ended) : ended_(ended) {
    request_.mutable_subscribe()->set_subscription(1);
    request_.mutable_subscribe()->set_namespace_("shop");
    stub->async()->Watch(&context_, this);
    StartWrite(&request_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }
  void OnDone(const grpc::Status&) override { ++*ended_; }

 private:
  grpc::ClientContext context_;
  WatchRequest request_;
  std::atomic<size_t>* const ended_;
};

class AttackTest : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> limits) {
    secured_ = std::make_unique<SecuredDaemon>(std::move(limits));
    ASSERT_TRUE(secured_->Start()) << secured_->daemon().Log();
    EXPECT_CODE(OK, CallRegister(secured_->Channel("shop/db"), "shop", "db"));
  }
  // 0 where there is none.
  double Metric(const std::string& name) { return secured_->daemon().Metric(name).value_or(0); }

  std::unique_ptr<SecuredDaemon> secured_;
};

TEST_F(AttackTest, AFloodOfCalls) {
  Start({"--limit-calls", "200"});
  Bystander bystander(secured_->Channel("shop/db"));
  bystander.ExpectGoesOn("nothing");
  std::atomic<bool> stop{false};
  std::atomic<int> refused{0};
  std::atomic<int> other{0};
  std::vector<std::thread> flood;
  for (int i = 0; i < 4; ++i) {
    flood.emplace_back([&, channel = secured_->Channel("shop/web")] {
      while (!stop) {
        const grpc::Status status = CallLookup(channel, "shop", "web");
        if (status.error_code() == StatusCode::RESOURCE_EXHAUSTED) ++refused;
        if (!status.ok() && status.error_code() != StatusCode::RESOURCE_EXHAUSTED) ++other;
      }
    });
  }
  EXPECT_TRUE(WaitFor([&] { return refused > 500; }));
  bystander.ExpectGoesOn("a flood of calls");
  stop = true;
  for (std::thread& thread : flood) thread.join();
  bystander.ExpectUnharmed("a flood of calls");
  EXPECT_EQ(other, 0);
  EXPECT_GE(Metric("registryd_refused_total{why=\"limit\"}"), refused);
}

// More streams than a connection may have, on one; those beyond wait in the client.
TEST_F(AttackTest, AFloodOfStreams) {
  Start({"--limit-streams", "100", "--limit-subscriptions", "50"});
  Bystander bystander(secured_->Channel("shop/db"));
  const auto channel = secured_->Channel("shop/web");
  auto stub = Discovery::NewStub(channel);
  std::atomic<size_t> ended{0};
  std::vector<std::unique_ptr<IdleWatch>> streams;
  for (size_t i = 0; i < StreamsOfTheAttack(); ++i) {
    streams.push_back(std::make_unique<IdleWatch>(stub.get(), &ended));
  }
  EXPECT_TRUE(WaitFor([&] { return Metric("registryd_refused_total{why=\"limit\"}") >= 50; }));
  bystander.ExpectGoesOn("a flood of streams");
  EXPECT_CODE(DEADLINE_EXCEEDED, CallLookup(channel, "shop", "web", "", 2));
  for (auto& stream : streams) stream->Cancel();
  EXPECT_TRUE(WaitFor([&] { return ended == streams.size(); }));
  bystander.ExpectUnharmed("a flood of streams");
  // What it held is given back.
  EXPECT_TRUE(WaitFor([&] { return CallLookup(channel, "shop", "web").ok(); }));
}

// One stream, many subscriptions: the identity has so many, over all its streams.
TEST_F(AttackTest, AFloodOfSubscriptions) {
  Start({"--limit-subscriptions", "3"});
  const auto web = secured_->Channel("shop/web");
  auto stub = Discovery::NewStub(web);
  CallContext call("", 120);
  auto stream = stub->Watch(&call.context);
  WatchRequest request;
  request.mutable_subscribe()->set_namespace_("shop");
  WatchResponse response;
  for (uint64_t id = 1; id <= 3; ++id) {
    request.mutable_subscribe()->set_subscription(id);
    ASSERT_TRUE(stream->Write(request));
    do {
      ASSERT_TRUE(stream->Read(&response));
    } while (response.subscription() != id || !response.has_snapshot());
  }
  request.mutable_subscribe()->set_subscription(4);
  ASSERT_TRUE(stream->Write(request));
  do {
    ASSERT_TRUE(stream->Read(&response));
  } while (!response.has_ended());
  EXPECT_EQ(response.subscription(), 4u);
  EXPECT_EQ(response.ended().code(), static_cast<uint32_t>(StatusCode::RESOURCE_EXHAUSTED));
  // Another identity has its own, and what is ended counts no more.
  CallContext others("", 120);
  auto theirs = Discovery::NewStub(secured_->Channel("shop/db"))->Watch(&others.context);
  ASSERT_TRUE(theirs->Write(request));
  ASSERT_TRUE(theirs->Read(&response));
  EXPECT_TRUE(response.has_snapshot());
  others.context.TryCancel();
  WatchRequest end;
  end.mutable_unsubscribe()->set_subscription(1);
  ASSERT_TRUE(stream->Write(end));
  request.mutable_subscribe()->set_subscription(5);
  ASSERT_TRUE(stream->Write(request));
  do {
    ASSERT_TRUE(stream->Read(&response));
  } while (response.subscription() != 5);
  EXPECT_TRUE(response.has_snapshot());
  call.context.TryCancel();
}

TEST_F(AttackTest, AFloodOfConnections) {
  Start({"--limit-connections", "40"});
  Bystander bystander(secured_->Channel("shop/db"));
  bystander.ExpectGoesOn("nothing");
  auto flood = std::make_unique<Flood>(secured_->address(), "127.0.0.1", 200);
  EXPECT_TRUE(WaitFor(
      [&] { return Metric("registryd_connections_refused_total{of=\"clients\"}") >= 150; }));
  bystander.ExpectGoesOn("a flood of connections");
  bystander.ExpectUnharmed("a flood of connections");
  flood = nullptr;
  // There is room again.
  EXPECT_TRUE(
      WaitFor([&] { return CallLookup(secured_->Channel("shop/web"), "shop", "web").ok(); }));
}

TEST_F(AttackTest, AFloodOfInstances) {
  Start({"--limit-identity-instances", "2"});
  const auto web = secured_->Channel("shop/web");
  EXPECT_CODE(OK, CallRegister(web, "shop", "web", "", 11, "i-1"));
  EXPECT_CODE(OK, CallRegister(web, "shop", "web", "", 12, "i-2"));
  EXPECT_CODE(RESOURCE_EXHAUSTED, CallRegister(web, "shop", "web", "", 12, "i-3"));
  // What is there already may be said again, and others have their own.
  EXPECT_CODE(OK, CallRegister(web, "shop", "web", "", 12, "i-2"));
  EXPECT_CODE(OK, CallRegister(secured_->Channel("shop/db"), "shop", "db", "", 13, "i-4"));
  CallContext call;
  DeregisterRequest request;
  request.add_instances()->set_namespace_("shop");
  request.mutable_instances(0)->set_service("web");
  request.mutable_instances(0)->set_id("i-1");
  DeregisterResponse response;
  EXPECT_CODE(OK, Registration::NewStub(web)->Deregister(&call.context, request, &response));
  EXPECT_TRUE(WaitFor([&] { return CallRegister(web, "shop", "web", "", 12, "i-3").ok(); }));
}

TEST_F(AttackTest, AMessageOfAHundredMebibytes) {
  Start({});
  Bystander bystander(secured_->Channel("shop/db"));
  const auto web = secured_->Channel("shop/web");
  CallContext call;
  RegisterRequest request;
  *request.add_instances() = Spec("web", "i-1");
  request.mutable_instances(0)->set_version(std::string(100 << 20, '1'));
  RegisterResponse response;
  EXPECT_CODE(RESOURCE_EXHAUSTED,
              Registration::NewStub(web)->Register(&call.context, request, &response));
  bystander.ExpectGoesOn("a message of 100 MiB");
  bystander.ExpectUnharmed("a message of 100 MiB");
}

}  // namespace
}  // namespace registryd::testing
