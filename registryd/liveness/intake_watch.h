// Does this node still hear its clients? Counts the leases that were renewed lately, each once.
//
//   watch.Add(ttl_ms, now);  watch.Renewed(ttl_ms, last, now);     // LeaseTable does it
//   const IntakeReading reading = watch.Read(now);
//   if (reading.heard < reading.leases / 3) ...         // loss of observation, not of life
//
// "Lately" is about half a ttl: longer than the advised interval of a third, so that whoever keeps
// to it always counts, and shorter than the two thirds after which the first lease of a total
// silence runs out, so that the silence is noticed before. A histogram of the last renewals, by
// classes of ttls that differ by at most a quarter, in slots of a twentieth: a renewal moves its
// lease from the slot of the one before to the present one.
//
// Threads: none of its own. Cost: Renewed is two additions; Read looks at the classes in use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace registryd::liveness {

struct IntakeReading {
  uint64_t heard = 0;   // leases that were renewed lately
  uint64_t leases = 0;  // all of them
};

class IntakeWatch {
 public:
  // A lease counts as renewed when it is added. `last` is when it was added or renewed last.
  void Add(int64_t ttl_ms, int64_t now);
  void Remove(int64_t ttl_ms, int64_t last);
  void Renewed(int64_t ttl_ms, int64_t last, int64_t now);
  IntakeReading Read(int64_t now) const;

 private:
  static constexpr size_t kClasses = 48;  // four to an octave, from 2^10 ms
  static constexpr int64_t kWindow = 11;  // slots, the one under way included
  static constexpr int64_t kSlots = 12;
  struct Class {
    uint64_t leases = 0;
    int64_t newest = 0;  // slot
    std::array<uint64_t, kSlots> counts{};
  };
  static size_t ClassOf(int64_t ttl_ms);
  static int64_t SlotMs(size_t which);
  void Count(size_t which, int64_t now);
  void Forget(size_t which, int64_t last);

  std::array<Class, kClasses> classes_;
};

}  // namespace registryd::liveness
