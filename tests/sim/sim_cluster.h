// A whole cluster in one thread: real drivers, virtual time, disks that lose unsynced writes, a
// network that misbehaves, and state machines that apply later than they are told. Every event is
// followed by the invariants' checks.
//
//   SimCluster cluster({.seed = 7, .members = 3});
//   cluster.Start();
//   ASSERT_TRUE(cluster.WaitForLeader());
//   cluster.Propose(cluster.Leader(), 10);
//   cluster.Crash(NodeId(2));  cluster.world().RunFor(1'000'000);  cluster.Restart(NodeId(2));
//   EXPECT_EQ(cluster.Finish(), "");          // heals everything, waits until all agree, answers
//   the first violation
//
// Snapshots between members travel outside of the network's links, can be slow and can fail. A node
// that was removed is switched off, as the daemon does it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "registryd/consensus/driver.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_invariants.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_world.h"

namespace registryd::sim {

// What a node makes of its entries, where a test wants more than the entries themselves. One a
// node; a crash ends its life, and Start begins the next.
class SimApplication {
 public:
  virtual ~SimApplication() = default;
  // `applied`: what its state has on disk.
  virtual void Start(const std::vector<consensus::LogEntry>& applied) = 0;
  virtual void Crash() = 0;
  virtual absl::Status Prepare(std::string& command) = 0;
  virtual void Apply(std::vector<consensus::Committed> range) = 0;  // answers them
  // The state was replaced by one that has applied these.
  virtual void Install(const std::vector<consensus::LogEntry>& applied) = 0;
  virtual void OnLeadership(const consensus::StateMachine::Leadership& leadership) = 0;
  virtual void AfterEvent() = 0;
};

class SimCluster {
 public:
  struct Options {
    uint64_t seed = 1;
    int members = 3;
    int spares = 0;  // nodes that are not members yet: ids behind the members'
    // May change what the drivers are started with.
    std::function<void(consensus::DriverOptions&)> tune = [](consensus::DriverOptions&) {};
    // Of a node, which outlives the cluster; with it, `command` makes what Propose proposes.
    std::function<SimApplication*(NodeId)> application = nullptr;
    std::function<std::string()> command = nullptr;
  };
  explicit SimCluster(Options options);
  ~SimCluster();

  void Start();
  void Crash(NodeId id);
  void Restart(NodeId id);
  void Pause(NodeId id);
  // With `clock_stood` the node's clock stood still as well, as in a suspended virtual machine: it
  // does not know.
  void Resume(NodeId id, bool clock_stood = false);
  void Isolate(NodeId id, bool cut);  // both directions to everybody
  void HealAll();                     // links, pauses, crashes, slow disks

  void Propose(NodeId id, int count);
  // For applications. `done` never runs where the node crashes before.
  void ProposeCommand(NodeId id, std::string command, consensus::ProposeDone done);
  const Clock* clock(NodeId id) const { return &node(id).clock; }
  void Read(NodeId id);
  void Transfer(NodeId id, NodeId to);
  // Cuts the node's log as far as its state is on disk.
  void CutLog(NodeId id);
  // Adds, promotes or removes by way of the leader. A spare that is added is started.
  void Change(consensus::MembershipChange::Kind kind, NodeId id, bool force = false);
  // As the newest leader has it; the initial ones while there is none.
  consensus::Configuration Members() const;
  // A spare that was not used yet; 0: none is left.
  NodeId NextSpare() const;
  // By configuration, and has said so.
  bool removed(NodeId id) const { return node(id).removed; }
  size_t snapshots_installed() const { return snapshots_installed_; }
  size_t changes_done() const { return changes_done_; }

  // What is applied survives a crash.
  void MakeStatesDurable();

  bool WaitForLeader(int64_t limit_us = 10'000'000);
  NodeId Leader() const;  // running, ready, of the highest term; 0: none
  // Heals everything, waits until every member has applied the same, and checks every answer.
  // Empty: all is well.
  std::string Finish();

  World& world() { return world_; }
  SimNetwork& network() { return network_; }
  Invariants& invariants() { return invariants_; }
  SimDisk& disk(NodeId id) { return node(id).disk; }
  bool running(NodeId id) const { return node(id).driver != nullptr; }
  bool paused(NodeId id) const { return node(id).paused; }
  consensus::Driver& driver(NodeId id) { return *node(id).driver; }
  consensus::RaftStatus status(NodeId id) const { return node(id).driver->status(); }
  std::vector<NodeId> ids() const;
  const std::vector<consensus::LogEntry>& applied(NodeId id) const {
    return node(id).machine.applied;
  }
  size_t acknowledged() const { return acknowledged_; }
  size_t reads_served() const { return reads_served_; }
  size_t reads_failed() const { return reads_failed_; }

 private:
  struct Node;
  struct Machine final : consensus::StateMachine {
    absl::Status Prepare(std::string& command) override;
    void Apply(std::vector<consensus::Committed> range) override;
    void OnLeadership(const Leadership& leadership) override;
    void Install(std::unique_ptr<consensus::StagedSnapshot> snapshot) override;
    void OnRemoved() override;
    SimCluster* cluster = nullptr;
    Node* node = nullptr;
    std::vector<consensus::LogEntry> applied;  // entry i at i - 1
    LogIndex durable;                          // survives a crash
    uint64_t generation = 0;                   // of what is in `applied`
    // States that were received whole, by generation: on disk, used once the log says so.
    std::map<uint64_t, std::vector<consensus::LogEntry>> received;
    uint64_t last_generation = 0;
    int64_t last_apply_us = 0;
  };
  struct NodeClock final : Clock {
    explicit NodeClock(World* w) : world(w) {}
    int64_t MonotonicMs() const override { return world->MonotonicMs() - behind_ms; }
    int64_t WallMs() const override { return world->WallMs() - behind_ms; }
    World* const world;
    int64_t behind_ms = 0;
  };
  struct Link final : consensus::Transport, consensus::SnapshotSender {
    void Send(NodeId to, const std::string& address,
              const consensus::PeerMessage& message) override;
    void KeepConnected(const consensus::Configuration&) override {}
    void SendSnapshot(NodeId to, const std::string& address) override;
    SimCluster* cluster = nullptr;
    Node* node = nullptr;
  };
  struct Snapshot;
  struct Node {
    explicit Node(World* world) : clock(world), disk(world) {}
    NodeId id;
    NodeClock clock;
    SimDisk disk;
    Machine machine;
    Link link;
    SimApplication* application = nullptr;
    std::unique_ptr<consensus::Driver> driver;
    uint64_t life = 0;
    bool paused = false;
    int64_t paused_ms = 0;                       // when
    std::deque<std::function<void()>> deferred;  // what happened while it was paused
    int64_t tick_us = INT64_MAX;                 // when a timer event is due
    LogIndex checked;                            // commits up to here were checked
    bool started = false;                        // a member, or a spare that was added
    bool removed = false;
    uint64_t receiving = 0;  // snapshots under way to it
  };
  enum class Outcome { kPending, kAcknowledged, kUnknown, kRefused };
  struct Proposed {
    NodeId at;
    std::string payload;
    Outcome outcome = Outcome::kPending;
    LogIndex index = {};
  };

  using Nodes = std::map<NodeId, std::unique_ptr<Node>>;
  static Nodes MakeNodes(World* world, int nodes);
  static std::map<NodeId, SimDisk*> DisksOf(const Nodes& nodes);

  Node& node(NodeId id) const { return *nodes_.at(id); }
  // Runs an event of this life of the node, now or when it is resumed, and what follows every
  // event.
  void RunOn(Node& node, std::function<void()> event);
  void AfterEvent(Node& node);
  void Arm(Node& node);
  void Answered(size_t proposal, absl::StatusOr<consensus::Applied> applied);
  void CheckEnd();
  void Deliver(Node& to, std::unique_ptr<Snapshot> snapshot);

  const Options options_;
  World world_;
  SimNetwork network_;
  const Nodes nodes_;
  Invariants invariants_;
  std::vector<Proposed> proposed_;
  LogIndex highest_acknowledged_;
  size_t acknowledged_ = 0;
  size_t reads_open_ = 0;
  size_t reads_served_ = 0;
  size_t reads_failed_ = 0;
  size_t snapshots_installed_ = 0;
  size_t changes_done_ = 0;
};

}  // namespace registryd::sim
