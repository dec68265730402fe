#include "client/src/grpc_watch_network.h"

#include <utility>

#include "client/src/bidi_stream.h"

namespace registry {

using WatchBidi = BidiStream<v1::WatchRequest, v1::WatchResponse>;

// Keeps the listener of a WatchStream away from a call that has lost its owner.
class GrpcWatchNetwork::Call : public WatchBidi::Listener {
 public:
  Call(const Server& server, grpc::CompletionQueue* queue, WatchStream::Listener* listener)
      : listener_(listener),
        stream_([&](grpc::ClientContext* context,
                    void* tag) { return server.discovery->AsyncWatch(context, queue, tag); },
                this) {}

  WatchBidi& stream() { return stream_; }

 private:
  void OnAnswer(const v1::WatchResponse& answer) override { listener_->OnMessage(answer); }
  void OnSent() override { listener_->OnSent(); }
  void OnEnd(const absl::Status& status) override { listener_->OnEnd(status); }

  WatchStream::Listener* const listener_;
  WatchBidi stream_;
};

class GrpcWatchNetwork::Stream : public WatchStream {
 public:
  Stream(GrpcWatchNetwork* network, std::unique_ptr<Call> call)
      : network_(network), call_(std::move(call)) {}
  ~Stream() override {
    if (call_->stream().done()) return;
    call_->stream().Abandon();
    network_->abandoned_.push_back(std::move(call_));
  }

  void Send(v1::WatchRequest message) override { call_->stream().Send(std::move(message)); }
  void End() override { call_->stream().End(); }
  bool sending() const override { return call_->stream().sending(); }

 private:
  GrpcWatchNetwork* const network_;
  std::unique_ptr<Call> call_;
};

GrpcWatchNetwork::GrpcWatchNetwork(ServerSet* servers, grpc::CompletionQueue* queue)
    : servers_(servers), queue_(queue) {}

GrpcWatchNetwork::~GrpcWatchNetwork() = default;

std::unique_ptr<WatchStream> GrpcWatchNetwork::Open(size_t server,
                                                    WatchStream::Listener* listener) {
  return std::make_unique<Stream>(this,
                                  std::make_unique<Call>(servers_->at(server), queue_, listener));
}

void GrpcWatchNetwork::Tick() {
  std::erase_if(abandoned_, [](const auto& call) { return call->stream().done(); });
}

}  // namespace registry
