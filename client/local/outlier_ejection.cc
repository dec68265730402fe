#include "registry/outlier_ejection.h"

#include <algorithm>

namespace registry {

OutlierEjection::OutlierEjection(const OutlierEjectionOptions& options, const TimeSource* time)
    : options_(options), time_(time) {}

bool OutlierEjection::ReportAt(int64_t now, Host& host, bool ok) {
  host.window_.Add(now, ok);
  if (ok) {
    if (host.in_a_row_.load(std::memory_order_relaxed) != 0) {
      host.in_a_row_.store(0, std::memory_order_relaxed);
    }
    return false;
  }
  const uint32_t in_a_row = host.in_a_row_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (options_.consecutive_failures != 0 && in_a_row >= options_.consecutive_failures) {
    return Eject(host, now);
  }
  if (hosts_.load(std::memory_order_relaxed) < options_.minimum_hosts) return false;
  const OutcomeWindow::Counts counts = host.window_.Sum(now);
  if (counts.total() < options_.minimum_calls || counts.failure_rate() < options_.failure_rate) {
    return false;
  }
  return Eject(host, now);
}

bool OutlierEjection::Eject(Host& host, int64_t now) {
  if (host.until_ns_.load(std::memory_order_relaxed) != 0 || !Reserve()) return false;
  // It is forgiven one of its ejections for each interval that it has behaved since.
  const int64_t interval = std::max<int64_t>(1, absl::ToInt64Nanoseconds(options_.interval));
  const int64_t good = (now - host.returned_ns_.load(std::memory_order_relaxed)) / interval;
  const uint32_t before = host.times_.load(std::memory_order_relaxed);
  const uint32_t times = 1 + (good >= before ? 0 : before - static_cast<uint32_t>(good));
  const absl::Duration time = std::min(options_.base_time * times, options_.max_time);
  int64_t none = 0;
  if (!host.until_ns_.compare_exchange_strong(none, now + absl::ToInt64Nanoseconds(time))) {
    ejected_.fetch_sub(1, std::memory_order_relaxed);  // another thread was first
    return false;
  }
  host.times_.store(times, std::memory_order_relaxed);
  host.in_a_row_.store(0, std::memory_order_relaxed);
  host.window_.Clear();
  return true;
}

bool OutlierEjection::Reserve() {
  const size_t hosts = hosts_.load(std::memory_order_relaxed);
  if (hosts < 2) return false;
  const auto most =
      std::max<size_t>(1, static_cast<size_t>(options_.max_share * static_cast<double>(hosts)));
  size_t now = ejected_.load(std::memory_order_relaxed);
  while (now < std::min(most, hosts - 1)) {
    if (ejected_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

bool OutlierEjection::Ejected(Host& host) {
  int64_t until = host.until_ns_.load(std::memory_order_relaxed);
  if (until == 0) return false;
  if (time_->NowNanos() < until) return true;
  if (host.until_ns_.compare_exchange_strong(until, 0)) {
    host.returned_ns_.store(until, std::memory_order_relaxed);
    ejected_.fetch_sub(1, std::memory_order_relaxed);
  }
  return false;
}

void OutlierEjection::Forget(Host& host) {
  if (host.until_ns_.exchange(0) != 0) ejected_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace registry
