// Is there one order of all operations that explains what every client saw? (promise G2)
//
//   History history;                                  // each client appends what it did
//   auto fault = CheckLinearizable(history);          // absent: there is
//   auto worse = CheckRevisions(history);
//
// The registry is taken as one register a key: a write sets it, a read answers what the last write
// set. Keys are independent, so each is checked alone: Wing and Gong's search with Lowe's memory of
// visited states, as in Porcupine. An operation whose outcome is unknown may have happened at any
// time after its call, or never. CheckRevisions is weaker for one key and stronger between keys:
// what was called after something had returned has a later revision (writes) or at least as late a
// one (linearizable reads).
//
// Values of one key must differ. Cost: quick as long as few operations overlap; kSearchMax states,
// and then it says that it does not know. Shown to find planted faults by
// tests/unit/support/linearizability_test.cc. Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace registryd::testing {

struct Operation {
  enum class Kind { kWrite, kRead };
  static constexpr int64_t kUnknown = INT64_MAX;

  Kind kind = Kind::kWrite;
  std::string key;
  std::string value;      // written, or read ("": the key is not there)
  int64_t called = 0;     // any clock that all clients share
  int64_t returned = 0;   // kUnknown: a write that may or may not have happened
  uint64_t revision = 0;  // of the answer
  int client = 0;         // for people
};
using History = std::vector<Operation>;

inline constexpr size_t kSearchMax = 5'000'000;

// What is wrong, naming key and operations; absent: nothing.
std::optional<std::string> CheckLinearizable(const History& history);
std::optional<std::string> CheckRevisions(const History& history);

}  // namespace registryd::testing
