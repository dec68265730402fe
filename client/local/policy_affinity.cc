#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "client/local/fast_random.h"
#include "registry/policy.h"

namespace registry {
namespace {

constexpr uint32_t kEntriesEach = 100;  // Maglev's advice: much larger than the number of backends
constexpr uint32_t kEntriesLeast = 1'024;
constexpr uint32_t kEntriesMost = 1U << 18;
constexpr uint32_t kFree = UINT32_MAX;

uint32_t PrimeFrom(uint32_t number) {
  for (number |= 1;; number += 2) {
    bool prime = true;
    for (uint32_t d = 3; d * d <= number; d += 2) {
      if (number % d == 0) {
        prime = false;
        break;
      }
    }
    if (prime) return number;
  }
}

// The instances fill the table in turns, each by its own permutation of the places; one with half
// the weight waits every second turn (as in Envoy).
std::vector<uint32_t> Fill(const std::vector<Candidate>& all) {
  struct Filler {
    uint32_t place;
    uint32_t step;
    double weight;
    double due;
  };
  // In powers of two, so that an instance more or less does not make another table of it.
  const auto wanted =
      std::clamp<uint64_t>(uint64_t{kEntriesEach} * all.size(), kEntriesLeast, kEntriesMost);
  const uint32_t size = PrimeFrom(std::bit_ceil(static_cast<uint32_t>(wanted)));
  std::vector<Filler> fillers;
  double heaviest = 1;
  for (const Candidate& one : all) {
    const InstanceSpec& spec = one.instance->spec;
    const std::string name = absl::StrCat(spec.ns, "/", spec.service, "/", spec.id);
    const double weight = std::max<uint32_t>(spec.weight, 1);
    heaviest = std::max(heaviest, weight);
    fillers.push_back(
        {.place = static_cast<uint32_t>(XXH64(name.data(), name.size(), 1) % size),
         .step = static_cast<uint32_t>(XXH64(name.data(), name.size(), 2) % (size - 1)) + 1,
         .weight = weight,
         .due = 0});
  }
  std::vector<uint32_t> table(size, kFree);
  uint32_t filled = 0;
  for (uint64_t turn = 1; filled < size; ++turn) {
    for (size_t i = 0; i < fillers.size() && filled < size; ++i) {
      Filler& filler = fillers[i];
      if (static_cast<double>(turn) * filler.weight < filler.due) continue;
      filler.due += heaviest;
      while (table[filler.place] != kFree) filler.place = (filler.place + filler.step) % size;
      table[filler.place] = static_cast<uint32_t>(i);
      ++filled;
    }
  }
  return table;
}

class Table : public PickTable {
 public:
  explicit Table(const std::vector<Candidate>& all) : table_(Fill(all)) {}

  size_t Pick(const PickRequest& request, uint32_t attempt) const override {
    const uint64_t hash =
        request.key.empty() ? FastRandom() : XXH64(request.key.data(), request.key.size(), attempt);
    return table_[((hash >> 32) * table_.size()) >> 32];
  }

 private:
  const std::vector<uint32_t> table_;
};

class Maglev : public Policy {
 public:
  std::unique_ptr<const PickTable> Build(const std::vector<Candidate>& all) const override {
    return std::make_unique<Table>(all);
  }
};

}  // namespace

PolicyPtr Affinity() { return std::make_shared<Maglev>(); }

}  // namespace registry
