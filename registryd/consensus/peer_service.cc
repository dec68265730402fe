#include "registryd/consensus/peer_service.h"

#include <grpcpp/alarm.h>

#include <memory>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/text.h"
#include "registryd/consensus/peer_channel.h"
#include "registryd/consensus/peer_codec.h"

namespace registryd::consensus {
namespace {

using internal::v1::CallReply;
using internal::v1::CallRequest;
using internal::v1::PeerFrame;
using internal::v1::PeerHello;

// The same refusal is logged once in this time.
constexpr int64_t kRefusalLogMs = 10'000;

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

}  // namespace

// One incoming stream. Owner: itself until OnDone, and the service's map while it is the peer's
// stream.
class PeerService::Stream final : public grpc::ServerBidiReactor<PeerFrame, PeerHello>,
                                  public std::enable_shared_from_this<Stream> {
 public:
  Stream(PeerService* service, grpc::CallbackServerContext* context)
      : service_(service), context_(context) {}

  void Start() {
    self_ = shared_from_this();
    hello_due_.Set(DeadlineIn(kHelloMaxMs), [stream = weak_from_this()](bool due) {
      const auto late = due ? stream.lock() : nullptr;
      if (late != nullptr) {
        late->End(absl::DeadlineExceededError("whoever opens a stream says at once who it is"));
      }
    });
    StartRead(&frame_);
  }
  // Any thread. The first one wins.
  void End(const absl::Status& status) {
    if (!finished_.exchange(true)) Finish(ToGrpc(status));
  }
  // It was replaced by a newer stream of the same peer, or this node stops: nobody was lost.
  void Replace() {
    replaced_ = true;
    End(absl::UnavailableError("this stream was closed; make a new one"));
  }
  bool replaced() const { return replaced_; }

  void OnReadDone(bool ok) override {
    if (!ok) return End(absl::OkStatus());
    if (!from_) {
      hello_due_.Cancel();
      absl::Status status = service_->Check(*context_, frame_.hello(), /*strangers=*/false);
      const PeerIdentity peer = IdentityOf(frame_.hello());
      if (status.ok() && service_->parts_.admit) status = service_->parts_.admit(peer);
      if (status.ok()) status = service_->Open(peer.node, shared_from_this());
      if (!status.ok()) {
        service_->LogRefusal(status);
        return End(status);
      }
      from_ = peer.node;
      from_address_ = peer.address;
      hello_ = MakeHello(service_->self_, peer.node);
      StartWrite(&hello_);
    }
    for (auto& message : *frame_.mutable_messages()) {
      absl::StatusOr<PeerMessage> decoded = FromProto(std::move(message), from_, from_address_);
      if (!decoded.ok()) return End(decoded.status());
      service_->parts_.on_message(*std::move(decoded));
    }
    StartRead(&frame_);
  }

  void OnDone() override {
    if (from_) service_->Ended(from_, this);
    const std::shared_ptr<Stream> last = std::move(self_);
  }

 private:
  PeerService* const service_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<Stream> self_;
  PeerFrame frame_;
  PeerHello hello_;
  grpc::Alarm hello_due_;
  NodeId from_;  // 0: no Hello yet
  std::string from_address_;
  std::atomic<bool> finished_{false};
  std::atomic<bool> replaced_{false};
};

PeerService::~PeerService() = default;

void PeerService::Handle(const std::string& method, PeerCalls::Handler handler, bool strangers) {
  methods_[method] = {std::move(handler), strangers};
}

void PeerService::Serve(Parts parts) {
  parts_ = std::move(parts);
  serving_ = true;
}

void PeerService::CloseStreams() {
  serving_ = false;
  std::map<NodeId, std::shared_ptr<Stream>> streams;
  {
    MutexLock lock(mutex_);
    streams = streams_;
  }
  for (const auto& [from, stream] : streams) stream->Replace();
}

grpc::ServerBidiReactor<PeerFrame, PeerHello>* PeerService::Messages(
    grpc::CallbackServerContext* context) {
  auto stream = std::make_shared<Stream>(this, context);
  Stream* reactor = stream.get();
  reactor->Start();
  return reactor;
}

absl::Status PeerService::Check(const grpc::CallbackServerContext& context, const PeerHello& hello,
                                bool strangers) {
  if (!serving_) return absl::UnavailableError("this node is starting or stopping");
  RETURN_IF_ERROR(CheckHello(self_, hello, strangers));
  if (!security_.verify) return absl::OkStatus();
  return security_.verify(VerifiedNames(context.auth_context().get()), hello.name());
}

absl::Status PeerService::Open(NodeId from, const std::shared_ptr<Stream>& stream) {
  std::shared_ptr<Stream> former;
  {
    MutexLock lock(mutex_);
    const auto [found, added] = streams_.emplace(from, stream);
    if (added) return absl::OkStatus();
    former = found->second;
  }
  former->Replace();
  return absl::UnavailableError("the former stream of this node has not ended yet");
}

void PeerService::Ended(NodeId from, const Stream* stream) {
  {
    MutexLock lock(mutex_);
    const auto found = streams_.find(from);
    if (found == streams_.end() || found->second.get() != stream) return;
    streams_.erase(found);
  }
  if (stream->replaced()) return;
  log::Info("the stream from a peer ended", {{"peer", from}});
  parts_.on_lost(from);
}

void PeerService::LogRefusal(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kUnavailable) return;  // passes by itself
  const std::string text(status.message());
  const int64_t now = clock_.MonotonicMs();
  {
    MutexLock lock(mutex_);
    if (text == refusal_ && now - refused_ms_ < kRefusalLogMs) return;
    refusal_ = text;
    refused_ms_ = now;
  }
  log::Warning("a peer was refused", {{"why", text}});
}

void PeerService::Run(const std::string& method, PeerRequest request, PeerReply reply) {
  const auto found = methods_.find(method);
  if (found == methods_.end()) {
    return std::move(reply)(absl::UnimplementedError(Text(
        "node \"", self_.name, "\" knows no request \"", method, "\"; is it an older build?")));
  }
  found->second.handler(std::move(request), std::move(reply));
}

grpc::ServerUnaryReactor* PeerService::Call(grpc::CallbackServerContext* context,
                                            const CallRequest* request, CallReply* reply) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  PeerReply done = [reactor, reply](absl::StatusOr<std::string> answer) {
    reply->set_code(static_cast<uint32_t>(answer.status().code()));
    if (answer.ok()) {
      reply->set_body(*std::move(answer));
    } else {
      reply->set_message(std::string(answer.status().message()));
    }
    reactor->Finish(grpc::Status::OK);
  };
  const auto found = methods_.find(request->method());
  const bool strangers = found != methods_.end() && found->second.strangers;
  if (absl::Status status = Check(*context, request->hello(), strangers); !status.ok()) {
    LogRefusal(status);
    std::move(done)(std::move(status));
    return reactor;
  }
  Run(request->method(),
      {NodeId(request->hello().node_id()), request->hello().name(), request->body()},
      std::move(done));
  return reactor;
}

}  // namespace registryd::consensus
