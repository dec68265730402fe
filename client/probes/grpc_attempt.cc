#include <grpcpp/grpcpp.h>

#include <utility>

#include "client/probes/attempt.h"
#include "client/probes/open_calls.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace registry::probes {
namespace {

namespace asio = boost::asio;
using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr int kMessageMax = 4 << 10;
constexpr int kMetadataMax = 8 << 10;

std::shared_ptr<grpc::Channel> Connect(const Probe& probe) {
  grpc::ChannelArguments arguments;
  // A probe asks whether one can connect now; it must not find another probe's connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMetadataMax);
  arguments.SetMaxReceiveMessageSize(kMessageMax);
  arguments.SetServiceConfigJSON("{}");  // none from the DNS either
  const bool v6 = probe.host.find(':') != std::string::npos;
  return grpc::CreateCustomChannel((v6 ? "ipv6:[" + probe.host + "]" : "dns:///" + probe.host) +
                                       ":" + std::to_string(probe.port),
                                   grpc::InsecureChannelCredentials(), arguments);
}

class GrpcAttempt final : public Attempt {
 public:
  GrpcAttempt(Probe probe, Ended ended, OpenCalls& calls)
      : Attempt(std::move(probe), std::move(ended)), calls_(calls) {}

  void Start() override {
    Stage("waiting for the answer");
    stub_ = Health::NewStub(Connect(probe()));
    request_.set_service(probe().grpc_service);
    context_.set_wait_for_ready(false);
    calls_.Begin();
    self_ = std::static_pointer_cast<GrpcAttempt>(shared_from_this());
    // The callback owns nothing: gRPC must not see the end of a channel on the thread that polls
    // for it, which is the one that calls back.
    stub_->async()->Check(&context_, &request_, &response_, [this](const grpc::Status& status) {
      calls_.End([self = std::move(self_), status] { self->Judge(status); });
    });
  }

  void Abort() override { context_.TryCancel(); }

 private:
  void Judge(const grpc::Status& status) {
    if (!status.ok()) {
      return End(ProbeOutcome::kFailed, "code " + std::to_string(status.error_code()) + ": " +
                                            Printable(status.error_message()));
    }
    if (response_.status() == HealthCheckResponse::SERVING) {
      return End(ProbeOutcome::kPassed, "SERVING");
    }
    End(ProbeOutcome::kFailed,
        HealthCheckResponse::ServingStatus_IsValid(response_.status())
            ? HealthCheckResponse::ServingStatus_Name(response_.status())
            : "unknown status " + std::to_string(static_cast<int>(response_.status())));
  }

  OpenCalls& calls_;
  std::shared_ptr<GrpcAttempt> self_;  // while gRPC has the call
  std::unique_ptr<Health::Stub> stub_;
  grpc::ClientContext context_;
  HealthCheckRequest request_;
  HealthCheckResponse response_;
};

}  // namespace

std::shared_ptr<Attempt> MakeGrpcAttempt(Probe probe, Attempt::Ended ended, OpenCalls& calls) {
  return std::make_shared<GrpcAttempt>(std::move(probe), std::move(ended), calls);
}

}  // namespace registry::probes
