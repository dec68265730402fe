// OutlierEjection: takes single instances that fail out of the choice for a while, compared with
// the others of their service.
//
//   registry::OutlierEjection ejection;
//   registry::OutlierEjection::Host host(ejection);          // one for each instance
//   ejection.SetHosts(instances.size());
//   if (!ejection.Ejected(host)) ejection.Report(host, Call().ok());
//
// An instance is ejected after so many failures in a row, or when its rate of failures in the
// window reaches the threshold. It comes back after `base_time`, longer each time it is ejected
// again soon. Never more than `max_share` of the instances are ejected at once (but one may always
// be), and never the only one.
//
// Threads: any, lock-free. Cost: a few nanoseconds; the clock is asked only for an ejected host and
// by Report. Memory: about 180 bytes a host.
//
// Parameters and defaults are Envoy's outlier detection
// (envoy.config.cluster.v3.OutlierDetection) and gRPC's proposal A50.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "registry/outcome_window.h"
#include "registry/time_source.h"

namespace registry {

struct OutlierEjectionOptions {
  uint32_t consecutive_failures = 5;             // consecutive_5xx: 5. 0: does not count
  double failure_rate = 0.85;                    // failure_percentage_threshold: 85
  uint32_t minimum_calls = 50;                   // failure_percentage_request_volume: 50
  size_t minimum_hosts = 5;                      // failure_percentage_minimum_hosts: 5
  absl::Duration interval = absl::Seconds(10);   // interval: 10 s
  absl::Duration base_time = absl::Seconds(30);  // base_ejection_time: 30 s
  absl::Duration max_time = absl::Seconds(300);  // max_ejection_time: 300 s
  double max_share = 0.1;                        // max_ejection_percent: 10
};

class OutlierEjection {
 public:
  class Host {
   public:
    explicit Host(const OutlierEjection& ejection) : window_(ejection.options_.interval) {}

   private:
    friend class OutlierEjection;
    std::atomic<int64_t> until_ns_{0};  // 0: not ejected
    std::atomic<uint32_t> in_a_row_{0};
    std::atomic<uint32_t> times_{0};       // ejected lately
    std::atomic<int64_t> returned_ns_{0};  // end of the last ejection
    OutcomeWindow window_;
  };

  explicit OutlierEjection(const OutlierEjectionOptions& options = {},
                           const TimeSource* time = TimeSource::Steady());

  // How many instances there are.
  void SetHosts(size_t hosts) { hosts_.store(hosts, std::memory_order_relaxed); }

  // A call's outcome. True: this one ejected the host.
  bool Report(Host& host, bool ok) { return ReportAt(time_->NowNanos(), host, ok); }
  // The same for who has just asked that clock.
  bool ReportAt(int64_t now_ns, Host& host, bool ok);

  // An ejection that has lasted its time ends here.
  bool Ejected(Host& host);

  // The host leaves.
  void Forget(Host& host);

  size_t ejected() const { return ejected_.load(std::memory_order_relaxed); }

 private:
  bool Eject(Host& host, int64_t now);
  bool Reserve();

  const OutlierEjectionOptions options_;
  const TimeSource* const time_;
  std::atomic<size_t> hosts_{0};
  std::atomic<size_t> ejected_{0};
};

}  // namespace registry
