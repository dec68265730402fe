// Random writes through the public API by one writer that knows what it changed, for watch checkers
// to be compared with.
//
//   RandomWriter writer(seed);                      // the test prints the seed
//   writer.Write(stubs);                            // one call; false: no answer, the outcome
//   unknown writer.Settle(stubs);                           // finds out, before the next Write
//   checker.CheckAgainst(writer.truth(), in_scope);
//
// Instances are permanent and of the services web-1, web-2 and db in the namespaces default and
// blue, with a label env (prod, test or none) that updates and registrations change, so they move in
// and out of filters. Nothing changes but by this writer. Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "tests/support/stubs.h"
#include "tests/support/watch_checker.h"

namespace registryd::testing {

class RandomWriter {
 public:
  explicit RandomWriter(uint64_t seed) : random_(seed) {}

  [[nodiscard]] bool Write(Stubs& stubs);
  // Asks whether the unanswered call was applied. False: the registry does not answer.
  [[nodiscard]] bool Settle(Stubs& stubs);

  const WatchTruth& truth() const { return truth_; }
  uint64_t revision() const { return revision_; }

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  registry::v1::InstanceSpec MakeSpec();
  void FillLabels(google::protobuf::Map<std::string, std::string>* labels);
  grpc::Status Call(Stubs& stubs, uint64_t* revision);
  void Applied(uint64_t revision);

  std::mt19937_64 random_;
  uint64_t weight_ = 1;    // different for each write, so that each is a change
  uint64_t revision_ = 0;  // after the last write that was answered
  std::set<std::string> present_;
  std::set<std::string> touched_;  // by the call under way
  std::set<std::string> removed_;
  WatchTruth truth_;
};

}  // namespace registryd::testing
