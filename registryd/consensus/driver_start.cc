// Start: what the log holds becomes the core's START event.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/consensus/driver.h"
#include "registryd/consensus/raft_shim.h"
#include "registryd/consensus/shim_types.h"

namespace registryd::consensus {
namespace {

absl::Status CheckLoaded(const LogStore::Loaded& loaded, LogIndex applied) {
  const LogIndex snapshot = loaded.snapshot ? loaded.snapshot->index : LogIndex();
  const LogIndex last =
      loaded.entries.empty() ? snapshot : loaded.first_index + (loaded.entries.size() - 1);
  const bool used = loaded.snapshot.has_value() || !loaded.entries.empty();
  if (used && !loaded.term) return absl::DataLossError("the log has entries but no term");
  if (!used && loaded.voted_for && !loaded.term)
    return absl::DataLossError("a vote without a term");
  if (loaded.snapshot && (!loaded.snapshot->index || !loaded.snapshot->term)) {
    return absl::DataLossError("the snapshot record has no index or term");
  }
  if (!loaded.entries.empty()) {
    if (!loaded.first_index || loaded.first_index > snapshot + 1 || last < snapshot) {
      return absl::DataLossError(Text("the log holds entries ", loaded.first_index, " to ", last,
                                      ", which do not continue the snapshot record at ", snapshot));
    }
    if (loaded.first_index == LogIndex(1) && loaded.entries[0].type != EntryType::kConfiguration) {
      return absl::DataLossError("entry 1 of the log is not a configuration");
    }
  }
  if (applied > last) {
    return absl::DataLossError(Text("the state has applied entry ", applied,
                                    " but the log ends at ", last, "; the log lost entries"));
  }
  if (applied < snapshot) {
    return absl::DataLossError(Text("the state has applied entry ", applied,
                                    " but the log was cut at ", snapshot,
                                    "; the state is older than the log"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Driver::Start(LogStore::Loaded loaded, LogIndex applied) {
  REGISTRYD_CHECK(core_ == nullptr, "started twice");
  RETURN_IF_ERROR(CheckLoaded(loaded, applied));
  if (loaded.snapshot) {
    configurations_.Add(loaded.snapshot->configuration_index, loaded.snapshot->configuration);
  }
  std::vector<RaftShimEntry> entries;
  entries.reserve(loaded.entries.size());
  Term previous;
  for (size_t i = 0; i < loaded.entries.size(); ++i) {
    const LogStore::EntryInfo& entry = loaded.entries[i];
    const LogIndex index = loaded.first_index + i;
    if (!entry.term || entry.term < previous || entry.term > loaded.term) {
      return absl::DataLossError(Text("the term of log entry ", index, " goes back or ahead"));
    }
    previous = entry.term;
    RaftShimEntry shim{entry.term.value(), static_cast<int>(entry.type), nullptr, 0};
    if (entry.type == EntryType::kConfiguration) {
      if (entry.payload == nullptr) return absl::DataLossError("a configuration has no payload");
      ASSIGN_OR_RETURN(Configuration configuration, DecodeConfiguration(*entry.payload));
      configurations_.Add(index, std::move(configuration));
      shim.data = entry.payload->data();
      shim.size = entry.payload->size();
    }
    entries.push_back(shim);
  }

  // The only voter elects itself without a new term (F5). What it wrote and did not sync before a
  // crash may be on a standby already, so the same index and term must not be used for another
  // entry.
  const Configuration& newest = *configurations_.Newest().second;
  if (VoterCount(newest) == 1 && IsVoter(newest, options_.id)) {
    ++loaded.term;
    loaded.voted_for = options_.id;
    parts_.log->SaveTermAndVote(loaded.term, loaded.voted_for);
  }

  RaftShimStart start{};
  start.term = loaded.term.value();
  start.voted_for = loaded.voted_for.value();
  start.entries = entries.data();
  start.n = entries.size();
  std::optional<ShimConfiguration> configuration;
  RaftShimSnapshot snapshot{};
  start.start_index = 1;
  if (loaded.snapshot) {
    configuration.emplace(loaded.snapshot->configuration);
    snapshot = {loaded.snapshot->index.value(), loaded.snapshot->term.value(), configuration->get(),
                loaded.snapshot->configuration_index.value()};
    start.snapshot = &snapshot;
    start.start_index = snapshot.index + 1;
  }
  if (!loaded.entries.empty()) start.start_index = loaded.first_index.value();

  const RaftShimOptions options{options_.id.value(),
                                options_.address.c_str(),
                                static_cast<unsigned>(options_.election_timeout_ms),
                                static_cast<unsigned>(options_.heartbeat_ms),
                                65536,
                                options_.seed};
  core_ = raft_shim_create(&options);
  REGISTRYD_CHECK(core_ != nullptr, "the linked libraft is not 0.22.1, or memory is exhausted");
  handed_ = applied_ = applied;
  RaftShimUpdate update;
  const int rv = raft_shim_start(core_, Now(), &start, &update);
  Handle(rv, update, {});
  heard_leader_ms_ = static_cast<int64_t>(now_ms_);
  was_member_ = FindServer(*configurations_.AsOf(std::max(applied, LogIndex(1))).second,
                           options_.id) != nullptr;
  // Entries that the state machine has are committed, although the core cannot know it yet.
  CommitConfiguration(applied);
  Settle();
  return absl::OkStatus();
}

}  // namespace registryd::consensus
