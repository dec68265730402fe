#include <algorithm>
#include <cmath>
#include <utility>

#include "client/local/fast_random.h"
#include "registry/policy.h"

namespace registry {
namespace {

constexpr double kDecayNs = 10e9;  // Finagle's default decay time, 10 s
// Whoever has never answered is tried, but by one call at a time.
constexpr double kUnknown = 1e18;

class Table : public PickTable {
 public:
  explicit Table(const std::vector<Candidate>& all) {
    for (const Candidate& one : all) {
      targets_.push_back(
          {.load = one.load,
           .weight = static_cast<float>(std::max<uint32_t>(one.instance->spec.weight, 1))});
    }
  }

  size_t Pick(const PickRequest&, uint32_t /*attempt*/) const override {
    if (targets_.size() == 1) return 0;
    const auto [a, b] = Two(FastRandom());
    const bool first = Cost(targets_[a]) <= Cost(targets_[b]);
    // Other cores write to what is read here. What this thread will look at next is on its way
    // meanwhile.
    const auto [next_a, next_b] = Two(FastRandomAhead());
    __builtin_prefetch(targets_[next_a].load);
    __builtin_prefetch(targets_[next_b].load);
    return first ? a : b;
  }

 private:
  struct Target {
    const TargetLoad* load;
    float weight;
  };

  // Different ones.
  std::pair<size_t, size_t> Two(uint64_t random) const {
    const size_t count = targets_.size();
    const size_t a = Below(count, static_cast<uint32_t>(random >> 32));
    const size_t b = Below(count - 1, static_cast<uint32_t>(random));
    return {a, b + (b >= a)};
  }

  static double Cost(const Target& target) {
    const double calls = target.load->in_flight();
    const double latency = target.load->latency_ns();
    if (latency <= 0) return calls == 0 ? 0 : kUnknown + calls;
    return latency * (calls + 1) / target.weight;
  }

  std::vector<Target> targets_;
};

class Least : public Policy {
 public:
  std::unique_ptr<const PickTable> Build(const std::vector<Candidate>& all) const override {
    return std::make_unique<Table>(all);
  }
};

}  // namespace

PolicyPtr LeastRequests() { return std::make_shared<Least>(); }

// Two reports at the same moment may leave the one; an average does not mind.
void TargetLoad::Report(int64_t now_ns, bool ok, absl::Duration latency) {
  const auto sample = static_cast<float>(absl::ToDoubleNanoseconds(latency));
  const float before = latency_ns_.load(std::memory_order_relaxed);
  // What fails quickly is not fast.
  if (!ok && sample < before) return;
  float after = std::max(sample, 1.0F);
  if (after < before) {
    const double passed =
        static_cast<double>(now_ns - reported_ns_.load(std::memory_order_relaxed));
    const double keep = std::exp(-std::max(passed, 0.0) / kDecayNs);
    after = static_cast<float>(before * keep + after * (1 - keep));
  }
  latency_ns_.store(after, std::memory_order_relaxed);
  reported_ns_.store(now_ns, std::memory_order_relaxed);
}

}  // namespace registry
