// A client that does not read what it watches holds its stream no longer than WatchCall says.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "registry/v1/discovery.grpc.pb.h"
#include "registryd/api/watch_call.h"
#include "registryd/base/text.h"
#include "tests/support/test_services.h"
#include "tests/support/wait_for.h"

namespace registryd::api {
namespace {

using registryd::testing::WaitFor;

class UnreadWatchTest : public ::testing::Test {
 protected:
  UnreadWatchTest() { services_.Start(); }

  // A snapshot of a megabyte: more than a transport keeps for a client that does not read.
  void FillService() {
    core::Register command;
    for (int i = 0; i < 1'000; ++i) {
      core::InstanceSpec spec = testing::Spec("web", Text("i-", i));
      for (const char* key : {"a", "b", "c", "d"})
        spec.labels.push_back({key, std::string(250, 'x')});
      command.instances.push_back(std::move(spec));
    }
    ASSERT_TRUE(node_.Apply(command).revision);
  }
  bool Watched() {
    const auto all =
        node_.hub().subscribers().List("default/web", Revision(), clock_.MonotonicMs());
    return std::any_of(all.begin(), all.end(), [](const auto& one) { return one.connected; });
  }

  FakeClock clock_;
  testing::TestReplica node_;
  operations::OpenAccess access_;
  testing::TestServices services_{&node_, &clock_, &access_};
};

TEST_F(UnreadWatchTest, IsEnded) {
  FillService();
  // The transport of a client would take more and more unread bytes where it measures that they come
  // fast.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto channel = grpc::CreateCustomChannel(Text("127.0.0.1:", services_.server().port()),
                                                 grpc::InsecureChannelCredentials(), arguments);
  grpc::ClientContext context;
  auto stream = registry::v1::Discovery::NewStub(channel)->Watch(&context);
  registry::v1::WatchRequest request;
  request.mutable_subscribe()->set_subscription(1);
  request.mutable_subscribe()->set_service("web");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(WaitFor([&] { return Watched(); }));
  // Again and again: the write that stays may have begun after the time was last moved.
  ASSERT_TRUE(WaitFor([&] {
    clock_.Advance(WatchCall::kUnreadMaxMs + 1);
    return !Watched();
  }));
  registry::v1::WatchResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace registryd::api
