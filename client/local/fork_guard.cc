#include "client/local/fork_guard.h"

#include <pthread.h>

#include <atomic>

namespace registry {
namespace {

std::atomic<uint64_t> generation{0};

void InChild() { generation.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

uint64_t ForkGeneration() {
  static const int kRegistered = pthread_atfork(nullptr, nullptr, InChild);
  static_cast<void>(kRegistered);
  return generation.load(std::memory_order_relaxed);
}

}  // namespace registry
