// A member's registry in the simulator: the real replica with its view, hub and liveness driver, in
// virtual time and without threads. Its state is its log, played anew at each start.
//
//   SimRegistry registry(id, &checks);
//   SimCluster cluster({.application = [&](NodeId) { return &registry; }, ...});
//   registry.Attach(&cluster);          // before the cluster starts
//   if (registry.Renew({lease, epoch}, [](liveness::RenewalAnswer answer) { ... })) ...
//
// RegistryChecks is what all members of a run are held against: equal digests at each index.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "registryd/base/loop.h"
#include "registryd/liveness/liveness_driver.h"
#include "registryd/replica/replica.h"
#include "registryd/watch/hub.h"
#include "tests/sim/sim_cluster.h"
#include "tests/support/watch_checker.h"

namespace registryd::sim {

inline const ClusterId kSimCluster(7);

struct RegistryChecks {
  // The first failure; empty: none.
  std::string failure;
  // What each command changed, told by whoever applies it first.
  std::function<void(const core::Outcome&)> on_outcome = [](const core::Outcome&) {};
  std::map<LogIndex, uint64_t> digests;
  testing::WatchTruth truth;
  Revision told;

  void Fail(const std::string& what) {
    if (failure.empty()) failure = what;
  }
};

class SimRegistry final : public SimApplication, public consensus::Proposer {
 public:
  static constexpr int64_t kRemoveAfterMs = 3'000;

  SimRegistry(NodeId id, RegistryChecks* checks);
  ~SimRegistry() override;
  void Attach(SimCluster* cluster) { cluster_ = cluster; }

  bool running() const { return replica_ != nullptr; }
  uint64_t life() const { return life_; }
  replica::Replica& replica() { return *replica_; }
  watch::Hub& hub() { return *hub_; }
  // False: it does not run.
  bool Renew(core::LeaseRef lease, std::function<void(liveness::RenewalAnswer)> done);

  void Start(const std::vector<consensus::LogEntry>& applied) override;
  void Crash() override;
  absl::Status Prepare(std::string& command) override { return replica_->Prepare(command); }
  void Apply(std::vector<consensus::Committed> range) override;
  void Install(const std::vector<consensus::LogEntry>& applied) override;
  void OnLeadership(const replica::Leadership& leadership) override;
  void AfterEvent() override;

  // Of its own liveness driver.
  void Propose(std::string command, consensus::ProposeDone done) override;
  void ReadIndex(consensus::ReadDone done) override;

 private:
  class Watching;
  void Tick(uint64_t life);

  const NodeId id_;
  RegistryChecks* const checks_;
  SimCluster* cluster_ = nullptr;
  uint64_t life_ = 0;
  LogIndex applied_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<watch::Hub> hub_;
  std::unique_ptr<replica::Replica> replica_;
  std::unique_ptr<liveness::LivenessDriver> liveness_;
  std::unique_ptr<Watching> watching_;
};

// A subscriber of everything, at one node after the other; judged by the checker of the real
// daemon's tests.
class SimWatcher {
 public:
  explicit SimWatcher(std::string name) : checker_(std::move(name)) {}
  // Takes what there is at this node; moves to it where it was elsewhere, or where that was
  // restarted.
  void Look(SimRegistry& registry);
  const testing::WatchChecker& checker() const { return checker_; }
  testing::WatchChecker& checker() { return checker_; }
  size_t snapshots() const { return snapshots_; }
  size_t resumed() const { return resumed_; }

 private:
  class Nobody final : public watch::Waker {
    void Wake() override {}
  };
  void Take(std::string bytes);
  void Snapshot(SimRegistry& registry);

  testing::WatchChecker checker_;
  const std::shared_ptr<Nobody> waker_ = std::make_shared<Nobody>();
  const SimRegistry* at_ = nullptr;  // the node, and its life
  uint64_t life_ = 0;
  std::shared_ptr<watch::Topic> topic_;
  Revision cursor_;
  size_t snapshots_ = 0;
  size_t resumed_ = 0;
};

}  // namespace registryd::sim
