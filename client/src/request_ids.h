// Ids that a client makes itself, before the first try of a call. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>

#include "registry/v1/types.pb.h"

namespace registry {

class RequestIds {
 public:
  RequestIds();

  // For one call and all its tries.
  v1::RequestId Next();

  // Not 0; for leases.
  uint64_t Random();

  // "i-" and 16 hexadecimal digits.
  std::string InstanceId();

  // Of this process's client: 16 hexadecimal digits, always the same.
  std::string ClientId() const;

 private:
  std::mutex mutex_;  // guards random_
  std::mt19937_64 random_;
  uint64_t client_id_;
  std::atomic<uint64_t> sequence_{0};
};

}  // namespace registry
