#include "client/src/server_set.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/local/backoff.h"
#include "client/src/grpc_deadline.h"
#include "registry/client.h"

namespace registry {
namespace {

// Answers about services with very many instances are long; beyond this something is wrong.
constexpr int kAnswerBytesMax = 256 << 20;
constexpr Millis kBackoffFirst(50);
constexpr Millis kBackoffMost(1'000);
// A try shorter than this says nothing about a server.
constexpr Millis kTryLeast(100);

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address, const std::string& user_agent,
                                          const std::shared_ptr<grpc::ChannelCredentials>& with) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix(user_agent);
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  // Retries are ours, with request ids and on other servers.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  // The registry is asked directly, whatever proxy the environment names for the web.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // gRPC's defaults (up to two minutes) would hide a restarted server for longer than a lease
  // lives; the shortest lease is 2 s.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   2'000);  // this one limits a connection attempt
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const bool many = address.rfind(kDnsScheme, 0) == 0;
  // A name of many nodes: each call goes to the next of them.
  if (many) arguments.SetLoadBalancingPolicyName("round_robin");
  // With the scheme said, a host named "unix" or "ipv4" is a host.
  return grpc::CreateCustomChannel(many ? address : absl::StrCat(kDnsScheme, address), with,
                                   arguments);
}

const char* Advice(absl::StatusCode code, bool outcome_unknown) {
  if (outcome_unknown) return "whether it was applied is unknown: look before you repeat it";
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "is registryd running there, and has it a leader?";
    case absl::StatusCode::kResourceExhausted:
      return "the registry is overloaded: repeat it later";
    default:
      return "repeat it, or give it a longer timeout";
  }
}

// Waits before the next try. gRPC works on a connection only while some call polls for it, and a
// call fails at once on a broken channel: without the poll in here a server that came up a moment
// later would never be reached.
void Pause(const Server& next, Clock::duration pause) {
  if (next.channel->GetState(false) == GRPC_CHANNEL_READY) {
    std::this_thread::sleep_for(pause);
  } else {
    next.channel->WaitForConnected(GrpcDeadline(pause));
  }
}

// What one call has seen so far.
struct Tries {
  const CallSpec& spec;
  std::vector<std::string> asked;  // in order, each once
  int count = 0;
  bool outcome_unknown = false;
  grpc::Status telling;  // the last failure that says more than "no answer in time"

  void Add(const Server& server, const grpc::Status& status) {
    ++count;
    if (std::find(asked.begin(), asked.end(), server.address) == asked.end()) {
      asked.push_back(server.address);
    }
    const bool silent = status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
    if (silent || status.error_code() == grpc::StatusCode::ABORTED) outcome_unknown = spec.write;
    if (telling.ok() || !silent) telling = status;
  }

  absl::Status GiveUp() const {
    const absl::Status status = ToStatus(telling);
    const auto timeout = std::chrono::ceil<Millis>(spec.timeout);
    return absl::Status(status.code(), absl::StrCat(spec.name, ": ", status.message(), " (asked ",
                                                    absl::StrJoin(asked, ", "), ", ", count,
                                                    count == 1 ? " try in " : " tries in ",
                                                    absl::FormatDuration(absl::FromChrono(timeout)),
                                                    "); ", Advice(status.code(), outcome_unknown)));
  }
};

}  // namespace

bool IsTransient(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kAborted ||
         code == absl::StatusCode::kResourceExhausted;
}

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

ServerSet::ServerSet(const std::vector<std::string>& addresses, const std::string& user_agent,
                     std::shared_ptr<grpc::ChannelCredentials> credentials) {
  for (const std::string& address : addresses) {
    auto server = std::make_unique<Server>();
    server->address = address;
    many_ |= addresses.size() > 1 || address.rfind(kDnsScheme, 0) == 0;
    server->channel = NewChannel(address, user_agent, credentials);
    server->discovery = v1::Discovery::NewStub(server->channel);
    server->registration = v1::Registration::NewStub(server->channel);
    server->lease = v1::Lease::NewStub(server->channel);
    servers_.push_back(std::move(server));
  }
}

absl::Status ForkedError() {
  return absl::FailedPreconditionError(
      "this client was made before fork(): create a new one in the child process");
}

absl::Status ServerSet::Call(
    const CallSpec& spec,
    absl::FunctionRef<grpc::Status(const Server&, grpc::ClientContext*)> attempt) {
  if (guard_.forked()) return ForkedError();
  const TimePoint begin = Clock::now();
  const absl::Status status = TryCalls(spec, attempt);
  if (metrics_ != nullptr) {
    metrics_->OnRequest(spec.name, status.code(), absl::FromChrono(Clock::now() - begin));
  }
  return status;
}

absl::Status ServerSet::TryCalls(
    const CallSpec& spec,
    absl::FunctionRef<grpc::Status(const Server&, grpc::ClientContext*)> attempt) {
  const TimePoint end = Clock::now() + spec.timeout;
  Backoff backoff(kBackoffFirst, kBackoffMost, std::random_device()());
  Tries tries{.spec = spec, .asked = {}, .telling = {}};
  size_t index = preferred();
  size_t round = 0;  // tries since the last pause
  while (true) {
    const Clock::duration left = end - Clock::now();
    // A silent server must leave time for another one.
    const Clock::duration budget =
        many_ ? std::max<Clock::duration>(left / 2, std::min<Clock::duration>(left, kTryLeast))
              : left;
    grpc::ClientContext context;
    context.set_deadline(GrpcDeadline(budget));
    const Server& server = at(index);
    const grpc::Status status = attempt(server, &context);
    if (status.ok()) {
      Prefer(index);
      return absl::OkStatus();
    }
    tries.Add(server, status);
    const absl::Status failure = ToStatus(status);
    const bool silent = failure.code() == absl::StatusCode::kDeadlineExceeded;
    if (!silent && !IsTransient(failure.code())) {
      // The registry's own words come first: they begin with the field that is wrong.
      return absl::Status(failure.code(),
                          absl::StrCat(failure.message(), " [", server.address, "]"));
    }
    index = After(index);
    Prefer(index);
    Clock::duration pause{0};
    if (++round >= size() || failure.code() == absl::StatusCode::kResourceExhausted) {
      round = 0;
      pause = backoff.Next();
    }
    if (Clock::now() + pause >= end) return tries.GiveUp();
    Pause(at(index), pause);
  }
}

}  // namespace registry
