// The network of a watch by gRPC: streams of Discovery.Watch on the loop's completion queue.
//
// Loop thread only. A stream that its owner has destroyed lives on in here, cancelled, until gRPC
// is done with it.
#pragma once

#include <grpcpp/completion_queue.h>

#include <memory>
#include <string>
#include <vector>

#include "client/local/watch_network.h"
#include "client/src/server_set.h"

namespace registry {

class GrpcWatchNetwork : public WatchNetwork {
 public:
  GrpcWatchNetwork(ServerSet* servers, grpc::CompletionQueue* queue);
  ~GrpcWatchNetwork() override;

  std::unique_ptr<WatchStream> Open(size_t server, WatchStream::Listener* listener) override;
  size_t servers() const override { return servers_->size(); }
  const std::string& name(size_t server) const override { return servers_->at(server).address; }
  size_t preferred() const override { return servers_->preferred(); }

  // Frees the streams that gRPC is done with.
  void Tick();
  bool idle() const { return abandoned_.empty(); }

 private:
  class Stream;
  class Call;

  ServerSet* const servers_;
  grpc::CompletionQueue* const queue_;
  std::vector<std::unique_ptr<Call>> abandoned_;
};

}  // namespace registry
