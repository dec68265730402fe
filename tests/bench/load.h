// The load generators for gRPC servers: asynchronous, the same for every server.
//
//   Load load(address, 4);                                        // channels
//   Measured m = load.Unary({.method = "/registry.v1.Discovery/Lookup", .request = ...,
//                            .shape = {.outstanding = 64}}, 2.0);
//
// Messages are raw bytes, so the client pays the same for each server. Threads: gRPC's own; one
// Load is used by one thread.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/drive.h"

namespace registryd::bench {

using Bytes = grpc::ByteBuffer;
using Stub = grpc::TemplatedGenericStub<Bytes, Bytes>;

struct UnaryLoad {
  std::string method;
  std::function<std::string(uint64_t)> request;  // bytes of the n-th call; any thread
  Shape shape;
};

struct FrameLoad {
  std::string method;
  // Of each stream: one frame under way, sent again and again.
  std::function<std::string(size_t stream)> frame;
  size_t streams = 1;
};

struct WatchLoad {
  std::string method = "/registry.v1.Discovery/Watch";
  std::string hello = {};              // the first message of each stream; empty: none
  std::vector<std::string> subscribe;  // then these, one a subscription
  size_t streams = 1;
  // How many of what subscriptions wait for is in a message: of the answers to `subscribe`, then of
  // the change.
  std::function<size_t(std::string_view message)> counts;
  std::string change_method;  // a unary call that makes one event for every stream
  std::function<std::string(uint64_t)> change;
};

class Load {
 public:
  // Without credentials: plain text.
  Load(const std::string& address, size_t channels,
       std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr);
  Measured Unary(const UnaryLoad& load, double seconds);
  Measured Frames(const FrameLoad& load, double seconds);
  // Per second: changes that have reached every subscription. Latency: from the call to the last.
  Measured Watch(const WatchLoad& load, double seconds);
  Stub* stub(size_t n) { return stubs_[n % stubs_.size()].get(); }
  // One call; aborts the bench when it fails.
  std::string Call(const std::string& method, const std::string& request);
  // One call; empty where it fails.
  bool TryCall(const std::string& method, const std::string& request, std::string* response);

 private:
  std::vector<std::unique_ptr<Stub>> stubs_;
};

Bytes ToBytes(const std::string& text);
std::string ToText(const Bytes& bytes);

}  // namespace registryd::bench
