#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "client/local/fast_random.h"
#include "client/local/published.h"
#include "registry/policy.h"

namespace registry {
namespace {

constexpr uint64_t kTurnsFree = 4'096;
constexpr uint64_t kTurnsEach = 8;

// How many turns each has in one round: its weight, over the greatest common divisor of all, scaled
// down where a round would be too long. Nobody has none.
std::vector<uint32_t> Turns(const std::vector<Candidate>& all) {
  uint64_t sum = 0;
  uint32_t divisor = 0;
  for (const Candidate& one : all) {
    const uint32_t weight = std::max<uint32_t>(one.instance->spec.weight, 1);
    sum += weight;
    divisor = std::gcd(divisor, weight);
  }
  sum /= divisor;
  const uint64_t most = std::max(kTurnsFree, kTurnsEach * all.size());
  const double scale = sum <= most ? 1 : static_cast<double>(most) / static_cast<double>(sum);
  std::vector<uint32_t> turns;
  turns.reserve(all.size());
  for (const Candidate& one : all) {
    const double exact =
        static_cast<double>(std::max<uint32_t>(one.instance->spec.weight, 1)) / divisor * scale;
    turns.push_back(std::max<uint32_t>(1, static_cast<uint32_t>(std::lround(exact))));
  }
  return turns;
}

// Each one's turns spread evenly over the round: sorted by the time of the turn, by counting.
std::vector<uint32_t> Schedule(const std::vector<uint32_t>& turns) {
  const size_t round = std::accumulate(turns.begin(), turns.end(), size_t{0});
  const auto bucket = [round](size_t turn, uint32_t of) {
    return (2 * turn + 1) * round / (2 * static_cast<size_t>(of));
  };
  std::vector<uint32_t> begin(round + 1, 0);
  for (const uint32_t of : turns) {
    for (size_t turn = 0; turn < of; ++turn) ++begin[bucket(turn, of) + 1];
  }
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<uint32_t> schedule(round);
  for (size_t i = 0; i < turns.size(); ++i) {
    for (size_t turn = 0; turn < turns[i]; ++turn) {
      schedule[begin[bucket(turn, turns[i])]++] = static_cast<uint32_t>(i);
    }
  }
  return schedule;
}

class Table : public PickTable {
 public:
  explicit Table(const std::vector<Candidate>& all) : schedule_(Schedule(Turns(all))) {
    for (Turn& turn : turns_) turn.next = FastRandom();
  }

  size_t Pick(const PickRequest&, uint32_t /*attempt*/) const override {
    Turn& turn = turns_[ThreadNumber() % kTurns];
    return schedule_[turn.next.fetch_add(1, std::memory_order_relaxed) % schedule_.size()];
  }

 private:
  // Threads go round by themselves, so that they do not wait for each other; and neither they nor
  // the processes of a service begin with the same instance.
  static constexpr size_t kTurns = 16;
  struct alignas(64) Turn {
    std::atomic<uint64_t> next;
  };

  const std::vector<uint32_t> schedule_;
  mutable std::array<Turn, kTurns> turns_;
};

class RoundRobin : public Policy {
 public:
  std::unique_ptr<const PickTable> Build(const std::vector<Candidate>& all) const override {
    return std::make_unique<Table>(all);
  }
};

}  // namespace

PolicyPtr WeightedRoundRobin() { return std::make_shared<RoundRobin>(); }

}  // namespace registry
