#include "registryd/core/silence_window.h"

#include <algorithm>

namespace registryd::core {
namespace {

int64_t SlotAt(const SilenceWindow::Ring& ring, int64_t now) {
  return now / (ring.ttl_ms / static_cast<int64_t>(SilenceWindow::kSlots - 1));
}

int64_t Rounded(int64_t ttl_ms) {
  int64_t rounded = 1'000;
  while (rounded < ttl_ms && rounded < 4'096'000) rounded *= 2;
  return rounded;
}

uint64_t CountOf(const SilenceWindow::Ring& ring, int64_t now) {
  const int64_t passed = SlotAt(ring, now) - ring.slot;
  uint64_t count = 0;
  for (int64_t i = 0; i + passed < static_cast<int64_t>(SilenceWindow::kSlots); ++i) {
    count += ring.counts[static_cast<size_t>(i)];
  }
  return count;
}

}  // namespace

void SilenceWindow::Add(int64_t ttl_ms, uint32_t count, int64_t now) {
  if (count == 0) return;
  const int64_t rounded = Rounded(ttl_ms);
  auto at = std::lower_bound(rings_.begin(), rings_.end(), rounded,
                             [](const Ring& ring, int64_t ttl) { return ring.ttl_ms < ttl; });
  if (at == rings_.end() || at->ttl_ms != rounded) {
    at = rings_.insert(at, Ring{rounded});
    at->slot = SlotAt(*at, now);
  }
  const auto passed =
      static_cast<size_t>(std::clamp<int64_t>(SlotAt(*at, now) - at->slot, 0, kSlots));
  if (passed > 0) {
    std::move_backward(at->counts.begin(), at->counts.end() - static_cast<ptrdiff_t>(passed),
                       at->counts.end());
    std::fill_n(at->counts.begin(), passed, 0u);
    at->slot = SlotAt(*at, now);
  }
  at->counts[0] += count;
}

uint64_t SilenceWindow::Count(int64_t now) const {
  uint64_t count = 0;
  for (const Ring& ring : rings_) count += CountOf(ring, now);
  return count;
}

void SilenceWindow::Prune(int64_t now) {
  std::erase_if(rings_, [now](const Ring& ring) { return CountOf(ring, now) == 0; });
}

}  // namespace registryd::core
