// The load generators: asynchronous, closed loop, the same for every server.
//
//   Load load(address, 4);                                        // channels
//   Measured m = load.Unary({.method = "/registry.v1.Discovery/Lookup", .request = ...,
//   .outstanding = 64}, 2.0);
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

namespace registryd::bench {

using Bytes = grpc::ByteBuffer;
using Stub = grpc::TemplatedGenericStub<Bytes, Bytes>;

struct Measured {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  uint64_t errors = 0;
  std::string first_error;
};

struct UnaryLoad {
  std::string method;
  std::function<std::string(uint64_t)> request;  // bytes of the n-th call; any thread
  size_t outstanding = 1;
};

struct FrameLoad {
  std::string method;
  std::string frame;
  size_t streams = 1;  // one frame under way on each
};

struct WatchLoad {
  std::string subscribe;  // first message of each stream
  size_t streams = 1;
  std::string change_method;  // a unary call that makes one event for every stream
  std::function<std::string(uint64_t)> change;
};

class Load {
 public:
  Load(const std::string& address, size_t channels);
  Measured Unary(const UnaryLoad& load, double seconds);
  Measured Frames(const FrameLoad& load, double seconds);
  // Per second: changes that have reached every stream. Latency: from the call to the last stream.
  Measured Watch(const WatchLoad& load, double seconds);
  // One call; aborts the bench when it fails.
  std::string Call(const std::string& method, const std::string& request);

 private:
  std::vector<std::unique_ptr<Stub>> stubs_;
};

Bytes ToBytes(const std::string& text);
std::string ToText(const Bytes& bytes);

}  // namespace registryd::bench
