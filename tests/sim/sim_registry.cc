#include "tests/sim/sim_registry.h"

#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/replica/staged_state.h"
#include "registryd/storage/state_store.h"
#include "registryd/watch/page_codec.h"
#include "registryd/wire/command_codec.h"

namespace registryd::sim {

using consensus::Committed;
using consensus::LogEntry;

namespace {

// A state that is the log that made it.
class ReplayStore final : public storage::StateStore {
 public:
  explicit ReplayStore(std::vector<LogEntry> entries) : entries_(std::move(entries)) {}

  absl::StatusOr<Position> Load(core::Registry* registry, EachInstance each) override {
    registry->SetCluster(kSimCluster);
    for (const LogEntry& entry : entries_) {
      if (entry.type != consensus::EntryType::kCommand) continue;
      ASSIGN_OR_RETURN(auto decoded, wire::DecodeCommand(*entry.payload));
      registry->Apply({decoded.time_ms, entry.term, decoded.request, std::move(decoded.actor)},
                      decoded.command);
    }
    std::vector<core::InstancePtr> instances;
    registry->ForEachInstance(
        [&](const core::InstancePtr& instance) { instances.push_back(instance); });
    std::sort(instances.begin(), instances.end(),
              [](const auto& a, const auto& b) { return a->name() < b->name(); });
    for (const core::InstancePtr& instance : instances) each(instance);
    if (entries_.empty()) return Position();
    return Position{LogIndex(entries_.size()), entries_.back().term};
  }
  void Commit(storage::StateBatch&, const core::Counters&, Position) override {}
  void Sync() override {}
  void RemoveWhenClosed() override {}
  absl::StatusOr<std::unique_ptr<storage::HistoryReader>> ReadHistory() const override {
    return absl::UnimplementedError("no history in the simulator");
  }
  absl::StatusOr<size_t> DropHistory(size_t) override { return size_t{0}; }

 private:
  const std::vector<LogEntry> entries_;
};

}  // namespace

class SimRegistry::Watching final : public replica::Observer {
 public:
  explicit Watching(RegistryChecks* checks) : checks_(checks) {}
  void OnOutcome(const core::Outcome& outcome) override {
    if (outcome.instances.empty() || outcome.reply.revision <= checks_->told) return;
    checks_->told = outcome.reply.revision;
    for (const core::InstanceChange& change : outcome.instances) {
      checks_->truth[outcome.reply.revision.value()].insert(change.name().text());
    }
    checks_->on_outcome(outcome);
  }
  void OnLeadership(const replica::Leadership&) override {}

 private:
  RegistryChecks* const checks_;
};

SimRegistry::SimRegistry(NodeId id, RegistryChecks* checks) : id_(id), checks_(checks) {}

SimRegistry::~SimRegistry() { Crash(); }

void SimRegistry::Start(const std::vector<LogEntry>& applied) {
  loop_ = std::make_unique<Loop>("loop");
  hub_ = std::make_unique<watch::Hub>(0);
  replica_ = std::make_unique<replica::Replica>(
      replica::Replica::Parts{.store = std::make_shared<ReplayStore>(applied),
                              .hub = hub_.get(),
                              .loop = loop_.get(),
                              .clock = cluster_->clock(id_)});
  if (absl::Status status = replica_->Load(); !status.ok()) checks_->Fail(status.ToString());
  if (applied.empty()) replica_->SetCluster(kSimCluster);
  applied_ = LogIndex(applied.size());
  liveness_ = std::make_unique<liveness::LivenessDriver>(
      liveness::LivenessDriver::Parts{.replica = replica_.get(),
                                      .proposer = this,
                                      .loop = loop_.get(),
                                      .clock = cluster_->clock(id_)},
      liveness::LivenessOptions{.remove_after_ms = kRemoveAfterMs});
  watching_ = std::make_unique<Watching>(checks_);
  replica_->AddObserver(watching_.get());
  replica_->AddObserver(liveness_.get());
  Tick(life_);
}

void SimRegistry::Crash() {
  ++life_;
  if (loop_ != nullptr) loop_->Stop();
  liveness_.reset();
  replica_.reset();
  watching_.reset();
  hub_.reset();
  loop_.reset();
}

void SimRegistry::Tick(uint64_t life) {
  cluster_->world().After(liveness::LivenessDriver::kTickMs * 1000, [this, life] {
    if (life != life_) return;
    if (!cluster_->paused(id_)) {
      kLoop.AssertHeld();
      liveness_->Tick();
      AfterEvent();
    }
    Tick(life);
  });
}

void SimRegistry::Apply(std::vector<Committed> range) {
  // One by one, so that the digest is seen at each index.
  for (Committed& committed : range) {
    const LogIndex index = committed.index;
    std::vector<Committed> one;
    one.push_back(std::move(committed));
    replica_->Apply(std::move(one));
    loop_->RunPosted();
    applied_ = index;
    const uint64_t digest = replica_->position().digest;
    const auto [known, first] = checks_->digests.emplace(index, digest);
    if (known->second != digest) {
      checks_->Fail(Text("node ", id_, " has another digest at ", index));
    }
  }
}

void SimRegistry::Install(const std::vector<LogEntry>& applied) {
  consensus::SnapshotRecord record;
  record.index = LogIndex(applied.size());
  record.term = applied.back().term;
  auto staged =
      replica::StagedState::Load(std::move(record), 1, std::make_shared<ReplayStore>(applied));
  if (!staged.ok()) return checks_->Fail(staged.status().ToString());
  replica_->Install(*std::move(staged));
  loop_->RunPosted();
  applied_ = LogIndex(applied.size());
}

void SimRegistry::OnLeadership(const replica::Leadership& leadership) {
  replica_->OnLeadership(leadership);
}

void SimRegistry::AfterEvent() {
  if (loop_ != nullptr) loop_->RunPosted();
}

bool SimRegistry::Renew(core::LeaseRef lease, std::function<void(liveness::RenewalAnswer)> done) {
  if (liveness_ == nullptr || cluster_->paused(id_)) return false;
  liveness::RenewalFrame frame;
  frame.leases.push_back(lease);
  frame.done = std::move(done);
  const bool taken = liveness_->Renew(std::move(frame));
  AfterEvent();
  return taken;
}

void SimRegistry::Propose(std::string command, consensus::ProposeDone done) {
  cluster_->ProposeCommand(id_, std::move(command), std::move(done));
}

void SimRegistry::ReadIndex(consensus::ReadDone done) {
  std::move(done)(absl::UnimplementedError("not asked for"));
}

void SimWatcher::Take(std::string bytes) {
  registry::v1::WatchResponse response;
  REGISTRYD_CHECK(response.ParseFromString(bytes), "a page cannot be read");
  checker_.Take(response);
}

void SimWatcher::Snapshot(SimRegistry& registry) {
  watch::SnapshotEncoder encoder;
  kLoop.AssertHeld();
  registry.replica().registry().ForEachInstance(
      [&](const core::InstancePtr& instance) { encoder.Add(*instance); });
  cursor_ = registry.replica().view()->revision();
  Take(encoder.Finish(kSimCluster, cursor_, true, true));
  ++snapshots_;
}

void SimWatcher::Look(SimRegistry& registry) {
  if (!registry.running()) return;
  if (at_ != &registry || life_ != registry.life()) {
    at_ = &registry;
    life_ = registry.life();
    bool created = false;
    topic_ = registry.hub().Attach({"", true}, {}, waker_, &created);
    if (checker_.whole() && topic_->Reaches(cursor_)) {
      checker_.Begin(checker_.cursor());
      ++resumed_;
    } else {
      checker_.Begin(std::nullopt);
      Snapshot(registry);
    }
  }
  for (;;) {
    watch::Page page;
    switch (topic_->Next(cursor_, registry.hub().published(), &page)) {
      case watch::Topic::Fetch::kPage:
        cursor_ = page.to;
        Take(*page.bytes);
        continue;
      case watch::Topic::Fetch::kBehind:
        if (cursor_ >= registry.hub().published()) return;
        Take(watch::EncodeResync("the state was replaced"));
        Snapshot(registry);
        continue;
      case watch::Topic::Fetch::kNothing:
        return;
    }
  }
}

}  // namespace registryd::sim
