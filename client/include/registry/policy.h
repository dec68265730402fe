// Policy: how a Picker chooses among the instances that can be used. Four are built in; others are
// written by implementing two small classes.
//
//   class First : public registry::Policy {                   // an example: always the first one
//     class Table : public registry::PickTable {
//       size_t Pick(const registry::PickRequest&, uint32_t attempt) const override {
//         return attempt % size_;
//       }
//      public: explicit Table(size_t size) : size_(size) {}
//       size_t size_;
//     };
//     std::unique_ptr<const registry::PickTable> Build(
//         const std::vector<registry::Candidate>& all) const override {
//       return std::make_unique<Table>(all.size());
//     }
//   };
//
// Build is called when the instances change, on the thread that brings the change, and may take its
// time. Pick is called for each call, by any number of threads at once: it must not lock, allocate
// or block.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "registry/types.h"

namespace registry {

struct PickRequest {
  // Of what shall come to the same instance again (a user, a shard), for Affinity.
  std::string_view key = {};
};

// What this process knows of an instance's load by its own calls.
class TargetLoad {
 public:
  // Picked and not done yet.
  uint32_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  // A moving average that rises at once and falls slowly; 0: nothing is known yet.
  double latency_ns() const { return latency_ns_.load(std::memory_order_relaxed); }

  // The Picker's.
  void Begin() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
  void End() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }
  void Report(int64_t now_ns, bool ok, absl::Duration latency);

 private:
  std::atomic<uint32_t> in_flight_{0};
  std::atomic<float> latency_ns_{0};
  std::atomic<int64_t> reported_ns_{0};
};

struct Candidate {
  const Instance* instance;  // valid during Build
  const TargetLoad* load;    // valid as long as the table
};

// Made for one set of instances, and dropped with it.
class PickTable {
 public:
  virtual ~PickTable() = default;
  // The index of a candidate. `attempt` counts from 0: the ones before were ejected or closed.
  virtual size_t Pick(const PickRequest& request, uint32_t attempt) const = 0;
};

class Policy {
 public:
  virtual ~Policy() = default;
  // There is at least one candidate; they are sorted by name.
  virtual std::unique_ptr<const PickTable> Build(const std::vector<Candidate>& all) const = 0;
};

using PolicyPtr = std::shared_ptr<const Policy>;

// Each instance in turn, as often as its weight says, its turns spread evenly (as nginx's smooth
// weighted round robin, from a table made ahead). Threads go round by themselves, from different
// beginnings. Memory: up to 8 turns (32 bytes) an instance beyond the first 4,096; weights are
// rounded to that.
PolicyPtr WeightedRoundRobin();

// The better of two random ones, by latency x (calls under way + 1) / weight: power of two choices
// with a peak-sensitive moving average of the latency over 10 s (Finagle, "Aperture and P2C
// PeakEWMA"). The default.
PolicyPtr LeastRequests();

// The same instance for the same key, with few moves when instances come and go: Google's Maglev
// hashing (Eisenbud et al., NSDI 2016), weighted as in Envoy. About 100 entries of 4 bytes an
// instance, 1 MiB at most. Without a key it is random.
PolicyPtr Affinity();

struct ZoneAwareOptions {
  std::string zone = {};  // ours
  // An instance of our zone is passed over for one elsewhere when it has at least so many calls
  // under way, and more than `spill_ratio` times as many as that one. Ours: no source has this
  // rule; Envoy and gRPC spill by the health of the zone, which a client's own calls know better.
  uint32_t spill_in_flight = 8;
  double spill_ratio = 2;
};

// Our zone first, by the inner policy; others where our zone has no instance that can be used, or
// is much busier.
PolicyPtr ZoneAware(ZoneAwareOptions options, PolicyPtr inner);

}  // namespace registry
