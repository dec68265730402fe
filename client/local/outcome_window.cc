#include "registry/outcome_window.h"

#include <algorithm>

namespace registry {

OutcomeWindow::OutcomeWindow(absl::Duration length)
    : slice_ns_(
          std::max<int64_t>(1, absl::ToInt64Nanoseconds(length) / static_cast<int64_t>(kSlices))) {}

void OutcomeWindow::Add(int64_t now_ns, bool ok) {
  const int64_t number = now_ns / slice_ns_;
  Slice& slice = slices_[static_cast<size_t>(number) % kSlices];
  int64_t held = slice.number.load(std::memory_order_relaxed);
  if (held != number) {
    if (held > number) return;  // a thread that was away for a whole window
    if (slice.number.compare_exchange_strong(held, number, std::memory_order_relaxed)) {
      slice.ok.store(0, std::memory_order_relaxed);
      slice.failed.store(0, std::memory_order_relaxed);
    }
  }
  (ok ? slice.ok : slice.failed).fetch_add(1, std::memory_order_relaxed);
}

OutcomeWindow::Counts OutcomeWindow::Sum(int64_t now_ns) const {
  const int64_t number = now_ns / slice_ns_;
  Counts counts;
  for (const Slice& slice : slices_) {
    const int64_t held = slice.number.load(std::memory_order_relaxed);
    if (held < 0 || held <= number - static_cast<int64_t>(kSlices)) continue;
    counts.ok += slice.ok.load(std::memory_order_relaxed);
    counts.failed += slice.failed.load(std::memory_order_relaxed);
  }
  return counts;
}

void OutcomeWindow::Clear() {
  for (Slice& slice : slices_) {
    slice.ok.store(0, std::memory_order_relaxed);
    slice.failed.store(0, std::memory_order_relaxed);
  }
}

}  // namespace registry
