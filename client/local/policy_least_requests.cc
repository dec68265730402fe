#include <algorithm>
#include <cmath>

#include "client/local/fast_random.h"
#include "registry/policy.h"

namespace registry {
namespace {

constexpr double kDecayNs = 10e9;  // Finagle's default decay time, 10 s
// Whoever has never answered is tried, but by one call at a time.
constexpr double kUnknown = 1e18;

double Cost(const TargetLoad& load, float weight) {
  const double calls = load.in_flight();
  const double latency = load.latency_ns();
  if (latency <= 0) return calls == 0 ? 0 : kUnknown + calls;
  return latency * (calls + 1) / weight;
}

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
    const size_t count = targets_.size();
    const size_t a = FastRandomBelow(count);
    if (count == 1) return a;
    size_t b = FastRandomBelow(count - 1);
    if (b >= a) ++b;
    return Cost(*targets_[a].load, targets_[a].weight) <=
                   Cost(*targets_[b].load, targets_[b].weight)
               ? a
               : b;
  }

 private:
  struct Target {
    const TargetLoad* load;
    float weight;
  };
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
