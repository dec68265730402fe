#include "registryd/api/call_metrics.h"

#include <utility>
#include <vector>

namespace registryd::api {
namespace {

constexpr const char* kCodes[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// From a lookup in memory to a write that waits for its deadline.
const std::vector<double>& Buckets() {
  static const auto* buckets =
      new std::vector<double>{10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3,
                              10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1,    2.5,    10};
  return *buckets;
}

}  // namespace

MethodMetrics::MethodMetrics(std::string method) : method_(std::move(method)) {}

void MethodMetrics::Ended(grpc::StatusCode code) {
  static_assert(std::size(kCodes) == grpc::StatusCode::UNAUTHENTICATED + 1);
  const auto at = static_cast<size_t>(code);
  if (at >= ended_.size()) return;
  metrics::Counter* counter = ended_[at].load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &metrics::GetCounter("registryd_rpcs_total", "Calls that have ended.",
                                   {{"method", method_}, {"code", kCodes[at]}});
    ended_[at].store(counter, std::memory_order_release);
  }
  counter->Add();
}

void MethodMetrics::Took(std::chrono::steady_clock::duration duration) {
  metrics::Histogram* seconds = seconds_.load(std::memory_order_acquire);
  if (seconds == nullptr) {
    seconds = &metrics::GetHistogram("registryd_rpc_seconds",
                                     "Time of unary calls, from the handler's start to its answer.",
                                     Buckets(), {{"method", method_}});
    seconds_.store(seconds, std::memory_order_release);
  }
  seconds->Observe(std::chrono::duration<double>(duration).count());
}

metrics::Gauge& MethodMetrics::Streams() {
  return metrics::GetGauge("registryd_streams", "Streams that are open.", {{"method", method_}});
}

}  // namespace registryd::api
