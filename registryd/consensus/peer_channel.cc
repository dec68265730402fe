#include "registryd/consensus/peer_channel.h"

namespace registryd::consensus {

std::shared_ptr<grpc::Channel> MakePeerChannel(const std::string& address,
                                               const PeerSecurity& security) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPeerKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPeerKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A second try within gRPC; its shortest pause is 100 ms. The first one bounds how long a try may
  // take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kPeerBackoffMaxMs);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  // Members talk to each other directly, whatever proxy the environment names.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kPeerMessageMax);
  arguments.SetMaxSendMessageSize(kPeerMessageMax);
  return grpc::CreateCustomChannel(
      address, security.client != nullptr ? security.client : grpc::InsecureChannelCredentials(),
      arguments);
}

Connection StateOf(grpc::Channel& channel) {
  switch (channel.GetState(/*try_to_connect=*/true)) {
    case GRPC_CHANNEL_READY:
      return Connection::kReady;
    case GRPC_CHANNEL_TRANSIENT_FAILURE:
    case GRPC_CHANNEL_SHUTDOWN:
      return Connection::kFailed;
    case GRPC_CHANNEL_IDLE:
    case GRPC_CHANNEL_CONNECTING:
      break;
  }
  return Connection::kUnderWay;
}

gpr_timespec DeadlineIn(int64_t ms) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

std::vector<std::string> VerifiedNames(const grpc::AuthContext* context) {
  std::vector<std::string> names;
  if (context == nullptr) return names;
  for (const grpc::string_ref& name : context->GetPeerIdentity()) {
    names.emplace_back(name.data(), name.size());
  }
  return names;
}

}  // namespace registryd::consensus
