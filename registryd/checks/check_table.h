// The active checks of this member: when each is due, and when its results amount to a change.
//
//   CheckTable table(seed);
//   table.Put(*instance, now);                        // asked for the first time within a second
//   for (const DueCheck& check : table.DueAt(now, 100)) ...   // each under way until Note
//   if (auto verdict = table.Note(check.name, check.epoch, Answer::kFailed, "HTTP 503", now)) ...
//
// A change needs `passes` successes or `failures` failures in a row, and that the state does not
// say so already. The interval has a jitter of a tenth, so that checks which began together drift
// apart. Pure data: time comes in as an argument.
//
// Threads: one, the loop. Cost: O(log n) a check; about 300 bytes for each instance that has one.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "registryd/core/commands.h"

namespace registryd::checks {

enum class Answer { kPassed, kFailed, kNotAsked };

struct DueCheck {
  core::InstanceName name;
  Revision epoch;
  core::CheckSpec check;
  core::Endpoint endpoint;  // the instance's own, that the check names
};

class CheckTable {
 public:
  explicit CheckTable(uint64_t seed) : random_(seed) {}

  // An instance with a check, or what it has become: the same check goes on, another begins anew.
  void Put(const core::Instance& instance, int64_t now);
  void Remove(const core::InstanceName& name);
  void Clear();
  std::vector<DueCheck> DueAt(int64_t now, size_t most);
  // What a check found. A verdict when the state has to be told.
  std::optional<core::ReportChecks::Result> Note(const core::InstanceName& name, Revision epoch,
                                                 Answer answer, std::string message, int64_t now);
  size_t size() const { return entries_.size(); }
  // Whose instances the state holds for passing; and those of them whose last answer was a failure.
  size_t passing() const { return passing_; }
  size_t failing() const { return failing_; }

 private:
  struct Entry {
    core::Target target;
    Revision epoch;
    core::CheckSpec check;
    core::Endpoint endpoint;
    core::CheckResult known = core::CheckResult::kUnknown;  // what the state says
    uint32_t passed = 0;                                    // in a row
    uint32_t failed = 0;
    int64_t due_ms = 0;
    bool under_way = false;
  };
  // Adds an entry to the numbers, or takes it out (-1): around each change of it.
  void Tally(const Entry& entry, int by);
  void Schedule(const std::string& name, Entry& entry, int64_t due_ms);
  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }

  std::mt19937_64 random_;
  size_t passing_ = 0;
  size_t failing_ = 0;
  absl::flat_hash_map<std::string, Entry> entries_;
  absl::btree_set<std::pair<int64_t, std::string>> due_;  // those that are not under way
};

}  // namespace registryd::checks
