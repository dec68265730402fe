#include "registryd/liveness/intake_watch.h"

#include <algorithm>
#include <bit>

namespace registryd::liveness {
namespace {

constexpr int kFirstBits = 11;  // of 1,024 ms

}  // namespace

size_t IntakeWatch::ClassOf(int64_t ttl_ms) {
  const auto ttl = static_cast<uint64_t>(std::max<int64_t>(ttl_ms, 1 << (kFirstBits - 1)));
  const int bits = static_cast<int>(std::bit_width(ttl));
  const auto quarter = static_cast<size_t>((ttl >> (bits - 3)) & 3);
  return std::min(kClasses - 1, 4 * static_cast<size_t>(bits - kFirstBits) + quarter);
}

int64_t IntakeWatch::SlotMs(size_t which) {
  const int64_t smallest = static_cast<int64_t>(4 + which % 4) << (which / 4 + kFirstBits - 3);
  return smallest / 20;
}

void IntakeWatch::Count(size_t which, int64_t now) {
  Class& c = classes_[which];
  const int64_t slot = now / SlotMs(which);
  if (slot > c.newest) {
    for (int64_t s = std::max(c.newest + 1, slot - kSlots + 1); s <= slot; ++s) {
      c.counts[static_cast<size_t>(s % kSlots)] = 0;
    }
    c.newest = slot;
  }
  ++c.counts[static_cast<size_t>(slot % kSlots)];
}

void IntakeWatch::Forget(size_t which, int64_t last) {
  Class& c = classes_[which];
  const int64_t slot = last / SlotMs(which);
  if (slot <= c.newest - kSlots || slot > c.newest) return;
  uint64_t& count = c.counts[static_cast<size_t>(slot % kSlots)];
  if (count > 0) --count;
}

void IntakeWatch::Add(int64_t ttl_ms, int64_t now) {
  const size_t which = ClassOf(ttl_ms);
  ++classes_[which].leases;
  Count(which, now);
}

void IntakeWatch::Remove(int64_t ttl_ms, int64_t last) {
  const size_t which = ClassOf(ttl_ms);
  --classes_[which].leases;
  Forget(which, last);
}

void IntakeWatch::Renewed(int64_t ttl_ms, int64_t last, int64_t now) {
  const size_t which = ClassOf(ttl_ms);
  Forget(which, last);
  Count(which, now);
}

IntakeReading IntakeWatch::Read(int64_t now) const {
  IntakeReading reading;
  for (size_t which = 0; which < kClasses; ++which) {
    const Class& c = classes_[which];
    if (c.leases == 0) continue;
    reading.leases += c.leases;
    const int64_t slot = now / SlotMs(which);
    // A machine that has just started has no slots before the first.
    const int64_t first = std::max<int64_t>({0, slot - kWindow + 1, c.newest - kSlots + 1});
    for (int64_t s = first; s <= c.newest; ++s) {
      reading.heard += c.counts[static_cast<size_t>(s % kSlots)];
    }
  }
  return reading;
}

}  // namespace registryd::liveness
