#include "registryd/consensus/peer_transport.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/clock.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_history.h"
#include "registryd/consensus/peer_channel.h"
#include "registryd/consensus/peer_sender.h"
#include "registryd/consensus/peer_service.h"
#include "registryd/internal/v1/peer.grpc.pb.h"

namespace registryd::consensus {
namespace {

using internal::v1::CallReply;
using internal::v1::CallRequest;

constexpr int kPingIntervalMinMs = 300;
constexpr int kHandlerGraceMs = 500;
constexpr int64_t kConnectPollMs = 5;

absl::Status Stopping() { return absl::UnavailableError("this node stops"); }

}  // namespace

// The connection for requests to one peer.
struct PeerTransport::Line {
  std::string address;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<internal::v1::Peer::Stub> stub;
  std::atomic<size_t> calls{0};
  std::atomic<size_t> bytes{0};
};

struct PeerTransport::Outgoing {
  std::shared_ptr<Line> line;
  size_t bytes = 0;
  int64_t deadline_ms = 0;
  grpc::ClientContext context;
  CallRequest request;
  CallReply reply;
  PeerReply done;
};

PeerTransport::PeerTransport(PeerSecurity security) : security_(std::move(security)) {}

PeerTransport::~PeerTransport() { Stop(); }

absl::StatusOr<std::unique_ptr<PeerTransport>> PeerTransport::Listen(const std::string& host,
                                                                     int port,
                                                                     PeerSecurity security) {
  std::unique_ptr<PeerTransport> peers(new PeerTransport(std::move(security)));
  peers->service_ = std::make_unique<PeerService>(PeerIdentity{}, peers->security_);
  ASSIGN_OR_RETURN(
      peers->gate_,
      ConnectionGate::Listen(
          {.host = host, .port = port, .flag = "--peer-listen", .callers = "peers"}, kConnections));
  grpc::ServerBuilder builder;
  peers->acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      peers->security_.server != nullptr ? peers->security_.server
                                         : grpc::InsecureServerCredentials());
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMaxMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPeerKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPeerKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kPingIntervalMinMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.SetMaxReceiveMessageSize(kPeerMessageMax);
  builder.SetMaxSendMessageSize(kPeerMessageMax);
  builder.RegisterService(peers->service_.get());
  peers->server_ = builder.BuildAndStart();
  if (peers->server_ == nullptr) {
    return absl::InternalError(Text("the gRPC server for peers on ", host, " port ", port,
                                    " does not start; its log lines before this one say why"));
  }
  peers->gate_->Open([acceptor = peers->acceptor_.get()](int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    acceptor->HandleNewConnection(&connection);
  });
  peers->connector_ = std::thread([raw = peers.get()] { raw->RunConnector(); });
  return peers;
}

void PeerTransport::Serve(Parts parts) {
  parts_ = std::move(parts);
  service_->SetSelf(parts_.self);
  service_->Serve({parts_.on_message, parts_.on_lost, [this](const PeerIdentity& peer) {
                     if (parts_.admit) RETURN_IF_ERROR(parts_.admit(peer));
                     Calls(peer.node);
                     return absl::OkStatus();
                   }});
  MutexLock lock(mutex_);
  serving_ = true;
}

void PeerTransport::Stop() {
  if (server_ == nullptr) return;
  gate_->Close();
  std::map<NodeId, std::shared_ptr<PeerSender>> senders;
  std::vector<std::unique_ptr<Outgoing>> waiting;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    senders.swap(senders_);
    waiting.swap(waiting_);
    for (const auto& [call, owner] : started_) call->context.TryCancel();
  }
  changed_.NotifyAll();
  connector_.join();
  {
    MutexLock lock(mutex_);
    for (auto& call : waiting_) waiting.push_back(std::move(call));
    waiting_.clear();
  }
  for (auto& call : waiting) Finish(call.get(), Stopping());
  senders.clear();
  service_->CloseStreams();
  {
    MutexLock lock(mutex_);
    while (!started_.empty()) changed_.Wait(mutex_);
  }
  server_->Shutdown(DeadlineIn(kHandlerGraceMs));
  server_ = nullptr;
}

void PeerTransport::Send(NodeId to, const std::string& address, const PeerMessage& message) {
  std::shared_ptr<PeerSender> moved;  // to another address; ends outside of the lock
  std::shared_ptr<PeerSender> sender;
  {
    MutexLock lock(mutex_);
    if (stopping_ || !serving_) return;
    sender = SenderTo(to, address, &moved);
  }
  sender->Send(message);
}

void PeerTransport::KeepConnected(const Configuration& members) {
  std::vector<std::shared_ptr<PeerSender>> moved;
  MutexLock lock(mutex_);
  if (stopping_ || !serving_) return;
  for (const auto& [to, sender] : senders_) {
    if (FindServer(members, to) == nullptr) sender->Keep(false);
  }
  for (const Server& member : members) {
    if (member.id == parts_.self.node) continue;
    SenderTo(member.id, member.address, &moved.emplace_back())->Keep(true);
  }
}

// A member that was restarted calls the others: they need not find out by trying.
void PeerTransport::Calls(NodeId peer) {
  MutexLock lock(mutex_);
  if (const auto found = senders_.find(peer); found != senders_.end()) found->second->TryNow();
}

bool PeerTransport::connected(NodeId to) const {
  MutexLock lock(mutex_);
  const auto found = senders_.find(to);
  return found != senders_.end() && found->second != nullptr && found->second->connected();
}

std::shared_ptr<PeerSender>& PeerTransport::SenderTo(NodeId to, const std::string& address,
                                                     std::shared_ptr<PeerSender>* moved) {
  std::shared_ptr<PeerSender>& known = senders_[to];
  if (known != nullptr && known->address() != address) *moved = std::move(known);
  if (known == nullptr) {
    known = std::make_shared<PeerSender>(
        PeerSender::Parts{to, address, parts_.self, security_, parts_.admit});
  }
  return known;
}

void PeerTransport::Handle(const std::string& method, Handler handler) {
  service_->Handle(method, std::move(handler), /*strangers=*/false);
}

void PeerTransport::HandleStrangers(const std::string& method, Handler handler) {
  service_->Handle(method, std::move(handler), /*strangers=*/true);
}

std::shared_ptr<PeerTransport::Line> PeerTransport::LineTo(NodeId to, const std::string& address) {
  MutexLock lock(mutex_);
  std::shared_ptr<Line>& line = lines_[to];
  if (line == nullptr || line->address != address) {
    line = std::make_shared<Line>();
    line->address = address;
    line->channel = MakePeerChannel(address, security_);
    line->stub = internal::v1::Peer::NewStub(line->channel);
  }
  return line;
}

void PeerTransport::Call(NodeId to, const std::string& method, std::string body, int64_t timeout_ms,
                         PeerReply done) {
  {
    MutexLock lock(mutex_);
    if (!serving_ || stopping_) {
      // Answered below, without the lock.
      to = NodeId();
    }
  }
  if (!to) return std::move(done)(Stopping());
  if (to == parts_.self.node) {
    return service_->Run(method, {to, parts_.self.name, std::move(body)}, std::move(done));
  }
  const std::optional<std::string> address = parts_.address_of(to);
  if (!address) {
    return std::move(done)(
        absl::UnavailableError(Text("node ", to, " is not a member of this cluster")));
  }
  auto call = std::make_unique<Outgoing>();
  call->line = LineTo(to, *address);
  call->bytes = body.size();
  call->done = std::move(done);
  call->deadline_ms = SystemClock().MonotonicMs() + timeout_ms;
  *call->request.mutable_hello() = MakeHello(parts_.self, to);
  call->request.set_method(method);
  call->request.set_body(std::move(body));
  Submit(std::move(call));
}

void PeerTransport::CallAddress(const std::string& address, const PeerIdentity& self,
                                const std::string& method, std::string body, int64_t timeout_ms,
                                PeerReply done) {
  auto call = std::make_unique<Outgoing>();
  call->line = LineTo(NodeId(), address);
  call->bytes = body.size();
  call->done = std::move(done);
  call->deadline_ms = SystemClock().MonotonicMs() + timeout_ms;
  *call->request.mutable_hello() = MakeHello(self, NodeId());
  call->request.set_method(method);
  call->request.set_body(std::move(body));
  Submit(std::move(call));
}

void PeerTransport::Submit(std::unique_ptr<Outgoing> call) {
  Line& line = *call->line;
  const size_t calls = line.calls.fetch_add(1) + 1;
  const size_t bytes = line.bytes.fetch_add(call->bytes) + call->bytes;
  if (call->bytes > PeerLimits::kBodyMax) {
    return Finish(call.get(), absl::ResourceExhaustedError(Text("a request of ", call->bytes,
                                                                " bytes is too large for a peer")));
  }
  if (calls > PeerLimits::kCallsMax || bytes > PeerLimits::kCallBytesMax) {
    return Finish(call.get(), absl::ResourceExhaustedError(
                                  Text("too much is under way to the peer at ", line.address)));
  }
  switch (StateOf(*line.channel)) {
    case Connection::kReady:
      return Start(std::move(call));
    case Connection::kFailed:
      return Finish(call.get(), absl::UnavailableError(
                                    Text("the peer at ", line.address, " cannot be reached")));
    case Connection::kUnderWay:
      break;
  }
  {
    MutexLock lock(mutex_);
    if (!stopping_) {
      waiting_.push_back(std::move(call));
      changed_.NotifyAll();
      return;
    }
  }
  Finish(call.get(), Stopping());
}

void PeerTransport::Start(std::unique_ptr<Outgoing> owner) {
  Outgoing* const call = owner.get();
  call->context.set_deadline(
      DeadlineIn(std::max<int64_t>(1, call->deadline_ms - SystemClock().MonotonicMs())));
  {
    MutexLock lock(mutex_);
    if (!stopping_) started_.emplace(call, std::move(owner));
  }
  if (owner != nullptr) return Finish(owner.get(), Stopping());
  call->line->stub->async()->Call(
      &call->context, &call->request, &call->reply, [this, call](grpc::Status status) {
        absl::StatusOr<std::string> answer;
        if (!status.ok()) {
          answer = absl::AbortedError(Text("the peer at ", call->line->address, " did not answer (",
                                           status.error_message(),
                                           "); what was asked may have been done"));
        } else if (call->reply.code() == 0) {
          answer = std::move(*call->reply.mutable_body());
        } else {
          answer = absl::Status(static_cast<absl::StatusCode>(call->reply.code()),
                                call->reply.message());
        }
        Finish(call, std::move(answer));
        // Last: Stop waits for it, and this object may go then.
        MutexLock lock(mutex_);
        started_.erase(call);
        changed_.NotifyAll();
      });
}

void PeerTransport::Finish(Outgoing* call, absl::StatusOr<std::string> answer) {
  call->line->calls.fetch_sub(1);
  call->line->bytes.fetch_sub(call->bytes);
  std::move(call->done)(std::move(answer));
}

void PeerTransport::RunConnector() {
  const SystemClock clock;
  for (;;) {
    std::vector<std::unique_ptr<Outgoing>> calls;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
      calls.swap(waiting_);
    }
    std::vector<std::unique_ptr<Outgoing>> still;
    for (auto& call : calls) {
      const Connection state = StateOf(*call->line->channel);
      if (state == Connection::kReady) {
        Start(std::move(call));
      } else if (state == Connection::kFailed || clock.MonotonicMs() >= call->deadline_ms) {
        Finish(call.get(), absl::UnavailableError(
                               Text("the peer at ", call->line->address, " cannot be reached")));
      } else {
        still.push_back(std::move(call));
      }
    }
    if (still.empty()) continue;
    MutexLock lock(mutex_);
    for (auto& call : still) waiting_.push_back(std::move(call));
    // Stop may have looked already.
    if (!stopping_) changed_.WaitFor(mutex_, kConnectPollMs);
  }
}

}  // namespace registryd::consensus
