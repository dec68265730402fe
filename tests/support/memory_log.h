// What a Raft log's disk holds, as a plain value; the log stores of tests are made of it.
#pragma once

#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/consensus/interfaces.h"

namespace registryd::testing {

struct MemoryLog {
  Term term;
  NodeId voted_for;
  std::optional<consensus::SnapshotRecord> snapshot;
  uint64_t generation = 0;
  LogIndex first{1};  // of entries[0], or of the next entry
  std::deque<consensus::LogEntry> entries;

  LogIndex last() const { return LogIndex(first.value() + entries.size() - 1); }
  bool Contains(LogIndex index) const { return index >= first && index <= last(); }
  const consensus::LogEntry& at(LogIndex index) const {
    REGISTRYD_CHECK(Contains(index), "no such entry");
    return entries[index - first];
  }

  void Append(LogIndex index, const std::vector<consensus::LogEntry>& added) {
    REGISTRYD_CHECK(index >= first && index <= last() + 1, "an append leaves a gap");
    entries.resize(index - first);
    entries.insert(entries.end(), added.begin(), added.end());
  }
  void Cut(const consensus::SnapshotRecord& record, LogIndex first_kept) {
    snapshot = record;
    while (first < first_kept && !entries.empty()) {
      entries.pop_front();
      ++first;
    }
    if (first < first_kept) first = first_kept;
  }
  void Install(const consensus::SnapshotRecord& record, uint64_t installed_generation) {
    snapshot = record;
    generation = installed_generation;
    entries.clear();
    first = record.index + 1;
  }
  std::vector<consensus::LogEntry> Read(LogIndex from, LogIndex to, size_t max_bytes) const {
    std::vector<consensus::LogEntry> out;
    size_t bytes = 0;
    for (LogIndex index = from; index <= to; ++index) {
      bytes += at(index).payload->size();
      if (!out.empty() && bytes > max_bytes) break;
      out.push_back(at(index));
    }
    return out;
  }
  consensus::LogStore::Loaded Load() const {
    consensus::LogStore::Loaded loaded{term, voted_for, snapshot, first, {}};
    for (const consensus::LogEntry& entry : entries) {
      const bool configuration = entry.type == consensus::EntryType::kConfiguration;
      loaded.entries.push_back(
          {entry.term, entry.type, configuration ? entry.payload : consensus::Payload()});
    }
    return loaded;
  }
};

}  // namespace registryd::testing
