#include <cstdint>
#include <utility>

#include "registry/policy.h"

namespace registry {
namespace {

// Picks of our zone that could not be used, before the others are asked.
constexpr uint32_t kAttemptsAtHome = 2;

class Table : public PickTable {
 public:
  Table(const ZoneAwareOptions& options, const Policy& inner, const std::vector<Candidate>& all)
      : options_(options) {
    std::vector<Candidate> home;
    std::vector<Candidate> away;
    for (size_t i = 0; i < all.size(); ++i) {
      const bool ours = !options.zone.empty() && all[i].instance->spec.zone == options.zone;
      (ours ? home : away).push_back(all[i]);
      (ours ? home_ : away_).indices.push_back(i);
      (ours ? home_ : away_).loads.push_back(all[i].load);
    }
    if (!home.empty()) home_.table = inner.Build(home);
    if (!away.empty()) away_.table = inner.Build(away);
  }

  size_t Pick(const PickRequest& request, uint32_t attempt) const override {
    if (home_.table == nullptr) return away_.indices[away_.table->Pick(request, attempt)];
    const bool stay = away_.table == nullptr || attempt < kAttemptsAtHome;
    if (!stay) return away_.indices[away_.table->Pick(request, attempt - kAttemptsAtHome)];
    const size_t near = home_.table->Pick(request, attempt);
    const uint32_t calls = home_.loads[near]->in_flight();
    if (calls < options_.spill_in_flight || away_.table == nullptr) return home_.indices[near];
    const size_t far = away_.table->Pick(request, attempt);
    const uint32_t calls_there = away_.loads[far]->in_flight();
    return calls > options_.spill_ratio * calls_there ? away_.indices[far] : home_.indices[near];
  }

 private:
  struct Side {
    std::unique_ptr<const PickTable> table;
    std::vector<size_t> indices;
    std::vector<const TargetLoad*> loads;
  };

  const ZoneAwareOptions options_;
  Side home_;
  Side away_;
};

class Zones : public Policy {
 public:
  Zones(ZoneAwareOptions options, PolicyPtr inner)
      : options_(std::move(options)),
        inner_(inner != nullptr ? std::move(inner) : LeastRequests()) {}

  std::unique_ptr<const PickTable> Build(const std::vector<Candidate>& all) const override {
    return std::make_unique<Table>(options_, *inner_, all);
  }

 private:
  const ZoneAwareOptions options_;
  const PolicyPtr inner_;
};

}  // namespace

PolicyPtr ZoneAware(ZoneAwareOptions options, PolicyPtr inner) {
  return std::make_shared<Zones>(std::move(options), std::move(inner));
}

}  // namespace registry
