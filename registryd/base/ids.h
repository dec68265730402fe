// Strong types for the numbers that must not be mixed up.
//
//   Revision r{7};  ++r;  r.value() == 8;   Revision == LogIndex does not compile.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <utility>

namespace registryd {

template <class Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  constexpr explicit operator bool() const { return value_ != 0; }
  constexpr Id& operator++() {
    ++value_;
    return *this;
  }
  friend constexpr auto operator<=>(Id, Id) = default;
  friend constexpr Id operator+(Id id, uint64_t n) { return Id(id.value_ + n); }
  friend constexpr Id operator-(Id id, uint64_t n) { return Id(id.value_ - n); }
  friend constexpr uint64_t operator-(Id a, Id b) { return a.value_ - b.value_; }
  template <class H>
  friend H AbslHashValue(H h, Id id) {
    return H::combine(std::move(h), id.value_);
  }
  friend std::ostream& operator<<(std::ostream& out, Id id) { return out << id.value_; }

 private:
  uint64_t value_ = 0;
};

// Number of a change of the registry's visible state. 0: before the first change, or "none".
using Revision = Id<struct RevisionTag>;
// Number of a Raft log entry, from 1. Users never see it.
using LogIndex = Id<struct LogIndexTag>;
using Term = Id<struct TermTag>;
// A member of the Raft configuration. Never 0.
using NodeId = Id<struct NodeIdTag>;
// A lease. 0: no lease (a permanent instance).
using LeaseId = Id<struct LeaseIdTag>;
// New with each grant of a lease, replicated, never reused.
using LeaseEpoch = Id<struct LeaseEpochTag>;
// One life of the registry's data: new at bootstrap, restore and forced recovery.
using ClusterId = Id<struct ClusterIdTag>;

}  // namespace registryd
