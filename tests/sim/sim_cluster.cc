#include "tests/sim/sim_cluster.h"

#include <algorithm>
#include <set>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"

namespace registryd::sim {

using consensus::Applied;
using consensus::Committed;
using consensus::LogEntry;
using consensus::PeerMessage;

namespace {

constexpr char kRefusedByPrepare[] = "unreadable";

std::string AddressOf(NodeId id) { return Text("node", id, ":1"); }

}  // namespace

// A state of another node: the entries that it had applied.
struct SimCluster::Snapshot final : consensus::StagedSnapshot {
  const consensus::SnapshotRecord& record() const override { return made_record; }
  uint64_t generation() const override { return made_generation; }
  consensus::SnapshotRecord made_record;
  uint64_t made_generation = 0;
  std::vector<LogEntry> entries;
};

SimCluster::Nodes SimCluster::MakeNodes(World* world, int count) {
  Nodes nodes;
  for (int i = 1; i <= count; ++i) {
    nodes[NodeId(static_cast<uint64_t>(i))] = std::make_unique<Node>(world);
  }
  return nodes;
}

std::map<NodeId, SimDisk*> SimCluster::DisksOf(const Nodes& nodes) {
  std::map<NodeId, SimDisk*> disks;
  for (const auto& [id, node] : nodes) disks[id] = &node->disk;
  return disks;
}

SimCluster::SimCluster(Options options)
    : options_(std::move(options)),
      world_(options_.seed),
      network_(&world_),
      nodes_(MakeNodes(&world_, options_.members + options_.spares)),
      invariants_(&world_, DisksOf(nodes_)) {
  consensus::Configuration configuration;
  for (const auto& [id, n] : nodes_) {
    if (id.value() <= static_cast<uint64_t>(options_.members)) {
      configuration.push_back({id, AddressOf(id)});
    }
  }
  const LogEntry first{Term(1), consensus::EntryType::kConfiguration,
                       *consensus::EncodeConfiguration(configuration)};
  for (const auto& [id, n] : nodes_) {
    n->id = id;
    if (options_.application) n->application = options_.application(id);
    n->machine.cluster = n->link.cluster = this;
    n->machine.node = n->link.node = n.get();
    if (consensus::FindServer(configuration, id) != nullptr) {
      n->disk.durable().term = Term(1);
      n->disk.durable().entries.push_back(first);
      n->started = true;
    }
    n->disk.on_append = [this, id = id](LogIndex index, const std::vector<LogEntry>& entries) {
      invariants_.OnAppend(id, index, entries);
    };
    n->disk.run_on_node = [this, node = n.get()](std::function<void()> event) {
      RunOn(*node, std::move(event));
    };
  }
  network_.deliver = [this](NodeId to, PeerMessage message) {
    Node& n = node(to);
    auto shared = std::make_shared<PeerMessage>(std::move(message));
    RunOn(n, [&n, shared] { n.driver->Receive(std::move(*shared)); });
  };
}

SimCluster::~SimCluster() = default;

std::vector<NodeId> SimCluster::ids() const {
  std::vector<NodeId> ids;
  for (const auto& [id, n] : nodes_) ids.push_back(id);
  return ids;
}

void SimCluster::Start() {
  for (const NodeId id : ids()) Restart(id);
}

void SimCluster::Restart(NodeId id) {
  Node& n = node(id);
  if (n.driver != nullptr || n.removed || !n.started) return;
  consensus::DriverOptions options;
  options.id = id;
  options.address = AddressOf(id);
  options.seed = static_cast<uint32_t>(world_.Random());
  options_.tune(options);
  const uint64_t generation = n.disk.durable().generation;
  if (generation != n.machine.generation) {
    n.machine.generation = generation;
    n.machine.applied = n.machine.received.at(generation);
    n.machine.durable = LogIndex(n.machine.applied.size());
  }
  n.machine.applied.resize(n.machine.durable.value());
  n.machine.received.clear();  // as DataDir::RemoveOtherStates
  n.checked = n.machine.durable;
  if (n.application != nullptr) n.application->Start(n.machine.applied);
  n.driver = std::make_unique<consensus::Driver>(
      consensus::Driver::Parts{&n.disk, &n.link, &n.machine, &n.clock,
                               [&n](uint64_t write) { n.driver->Persisted(write); }, &n.link},
      options);
  const absl::Status status = n.driver->Start(*n.disk.Load(), n.machine.durable);
  if (!status.ok()) invariants_.Fail(Text("node ", id, " does not start: ", status.ToString()));
  AfterEvent(n);
}

void SimCluster::Crash(NodeId id) {
  Node& n = node(id);
  if (n.driver == nullptr) return;
  n.driver.reset();
  if (n.application != nullptr) n.application->Crash();
  ++n.life;
  n.receiving = 0;
  n.paused = false;
  n.deferred.clear();
  n.tick_us = INT64_MAX;
  n.disk.Crash();
  // Its clients never hear of what was under way.
  for (Proposed& proposed : proposed_) {
    if (proposed.at == id && proposed.outcome == Outcome::kPending) {
      proposed.outcome = Outcome::kUnknown;
    }
  }
}

void SimCluster::Pause(NodeId id) {
  Node& n = node(id);
  if (n.driver == nullptr || n.paused) return;
  n.paused = true;
  n.paused_ms = world_.MonotonicMs();
}

void SimCluster::Resume(NodeId id, bool clock_stood) {
  Node& n = node(id);
  n.paused = false;
  if (clock_stood) n.clock.behind_ms += world_.MonotonicMs() - n.paused_ms;
  // The timer, too, is late; it may fire before or after what waits.
  n.tick_us = INT64_MAX;
  std::deque<std::function<void()>> waiting = std::move(n.deferred);
  n.deferred.clear();
  const bool timer_first = world_.Chance(50);
  const auto tick = [this, &n] { RunOn(n, [&n] { n.driver->Tick(); }); };
  if (timer_first) tick();
  for (std::function<void()>& event : waiting) {
    if (!n.paused) RunOn(n, std::move(event));
  }
  if (!timer_first) tick();
}

void SimCluster::Isolate(NodeId id, bool cut) {
  for (const NodeId other : ids()) {
    if (other == id) continue;
    network_.SetCut(id, other, cut);
    network_.SetCut(other, id, cut);
  }
}

void SimCluster::HealAll() {
  network_.filter = nullptr;
  network_.HealAll();
  network_.SetLoss(0);
  network_.SetDelay(100, 1500);
  for (const NodeId id : ids()) {
    node(id).disk.SetSyncTime(50, 3000);
    node(id).disk.SetHasSpace(true);
    if (node(id).paused) Resume(id);
    Restart(id);
  }
}

void SimCluster::RunOn(Node& n, std::function<void()> event) {
  if (n.driver == nullptr) return;
  if (n.paused) {
    n.deferred.push_back(std::move(event));
    return;
  }
  event();
  AfterEvent(n);
}

void SimCluster::AfterEvent(Node& n) {
  if (n.driver == nullptr || !invariants_.ok()) return;
  n.driver->EndRound();
  if (n.application != nullptr) n.application->AfterEvent();
  const consensus::RaftStatus status = n.driver->status();
  if (status.role == consensus::Role::kLeader) invariants_.OnLeader(n.id, status.term);
  if (status.commit > n.checked) {
    const LogIndex from = std::max(n.checked, n.disk.view().first - 1);
    invariants_.OnCommit(n.id, status.term, *status.configuration, from, status.commit);
    n.checked = status.commit;
  }
  world_.Note(n.id.value() * 1'000'003 + status.commit.value() * 7 + status.term.value());
  Arm(n);
}

void SimCluster::Arm(Node& n) {
  const int64_t due_ms = n.driver->NextTickMs() + n.clock.behind_ms;
  const int64_t due_us = std::max(world_.now_us() + 1, due_ms * 1000);
  if (n.tick_us <= due_us) return;
  n.tick_us = due_us;
  world_.At(due_us, [this, &n, life = n.life, due_us] {
    if (life != n.life || n.tick_us != due_us || n.paused) return;
    n.tick_us = INT64_MAX;
    RunOn(n, [&n] { n.driver->Tick(); });
  });
}

void SimCluster::Propose(NodeId id, int count) {
  Node& n = node(id);
  if (n.driver == nullptr || n.paused) return;
  std::vector<consensus::Proposal> proposals;
  for (int i = 0; i < count; ++i) {
    const size_t number = proposed_.size();
    const bool refused = world_.Chance(2);
    proposed_.push_back({id, options_.command ? options_.command()
                                              : Text(refused ? kRefusedByPrepare : "", number)});
    proposals.push_back({proposed_.back().payload, [this, number](absl::StatusOr<Applied> applied) {
                           Answered(number, std::move(applied));
                         }});
  }
  auto shared = std::make_shared<std::vector<consensus::Proposal>>(std::move(proposals));
  RunOn(n, [&n, shared] { n.driver->Propose(std::move(*shared)); });
}

void SimCluster::ProposeCommand(NodeId id, std::string command, consensus::ProposeDone done) {
  auto shared = std::make_shared<consensus::Proposal>(
      consensus::Proposal{std::move(command), std::move(done)});
  // Not within the event that asks for it.
  world_.After(0, [this, &n = node(id), shared] {
    RunOn(n, [&n, shared] {
      std::vector<consensus::Proposal> proposals;
      proposals.push_back(std::move(*shared));
      n.driver->Propose(std::move(proposals));
    });
  });
}

void SimCluster::Answered(size_t number, absl::StatusOr<Applied> applied) {
  Proposed& proposed = proposed_[number];
  if (proposed.outcome != Outcome::kPending) {
    invariants_.Fail(Text("proposal ", proposed.payload, " is answered twice"));
  }
  if (applied.ok()) {
    proposed.outcome = Outcome::kAcknowledged;
    proposed.index = applied->index;
    highest_acknowledged_ = std::max(highest_acknowledged_, applied->index);
    ++acknowledged_;
  } else if (absl::IsAborted(applied.status())) {
    proposed.outcome = Outcome::kUnknown;
  } else {
    proposed.outcome = Outcome::kRefused;
  }
}

void SimCluster::Read(NodeId id) {
  Node& n = node(id);
  if (n.driver == nullptr) return;
  // Whoever reads now must see everything that was acknowledged before.
  const LogIndex floor = highest_acknowledged_;
  ++reads_open_;
  // Goes with the callback when the node crashes.
  auto open = std::shared_ptr<void>(nullptr, [this](void*) { --reads_open_; });
  RunOn(n, [this, &n, id, floor, open] {
    n.driver->ReadIndex([this, id, floor, open](absl::StatusOr<LogIndex> index) {
      if (!index.ok()) {
        ++reads_failed_;
        return;
      }
      ++reads_served_;
      if (*index < floor) {
        invariants_.Fail(
            Text("node ", id, " serves a read at ", *index, " after ", floor, " was acknowledged"));
      }
      // The commit that the driver saw in this event is checked after it.
      world_.After(0, [this, index = *index] {
        if (index.value() > invariants_.committed().size()) {
          invariants_.Fail(Text("a read waits for entry ", index, ", which is not committed"));
        }
      });
    });
  });
}

void SimCluster::Transfer(NodeId id, NodeId to) {
  Node& n = node(id);
  RunOn(n, [&n, to] { n.driver->Transfer(to, [](absl::Status) {}); });
}

void SimCluster::CutLog(NodeId id) {
  Node& n = node(id);
  if (n.driver == nullptr || n.paused) return;
  // The loop may still have an installed state before it.
  if (n.machine.generation != n.disk.view().generation) return;
  n.machine.durable = LogIndex(n.machine.applied.size());
  RunOn(n, [&n] { n.driver->CutLog(n.machine.durable); });
}

void SimCluster::Change(consensus::MembershipChange::Kind kind, NodeId id, bool force) {
  const NodeId leader = Leader();
  if (!leader) return;
  if (kind == consensus::MembershipChange::Kind::kAdd) {
    node(id).started = true;
    Restart(id);
  }
  Node& n = node(leader);
  RunOn(n, [this, &n, kind, id, force] {
    n.driver->ChangeMembership(
        {kind, id, AddressOf(id), force},
        [this](absl::StatusOr<Applied> applied) { changes_done_ += applied.ok() ? 1 : 0; });
  });
}

consensus::Configuration SimCluster::Members() const {
  const Node* newest = nullptr;
  for (const auto& [id, n] : nodes_) {
    if (n->driver == nullptr) continue;
    const consensus::RaftStatus status = n->driver->status();
    if (!status.ready) continue;
    if (newest == nullptr || status.term > newest->driver->status().term) newest = n.get();
  }
  if (newest != nullptr) return *newest->driver->status().configuration;
  consensus::Configuration initial;
  for (int i = 1; i <= options_.members; ++i) {
    const NodeId id(static_cast<uint64_t>(i));
    initial.push_back({id, AddressOf(id)});
  }
  return initial;
}

NodeId SimCluster::NextSpare() const {
  for (const auto& [id, n] : nodes_) {
    if (!n->started) return id;
  }
  return {};
}

void SimCluster::MakeStatesDurable() {
  for (const auto& [id, n] : nodes_) n->machine.durable = LogIndex(n->machine.applied.size());
}

NodeId SimCluster::Leader() const {
  NodeId leader;
  Term term;
  for (const auto& [id, n] : nodes_) {
    if (n->driver == nullptr || n->paused) continue;
    const consensus::RaftStatus status = n->driver->status();
    if (status.ready && status.term > term) {
      leader = id;
      term = status.term;
    }
  }
  return leader;
}

bool SimCluster::WaitForLeader(int64_t limit_us) {
  return world_.RunUntil(limit_us, [this] { return bool(Leader()); });
}

std::string SimCluster::Finish() {
  if (invariants_.ok()) HealAll();
  // An acknowledged write of the end makes everything before it known to all.
  const size_t before = acknowledged_;
  for (int tries = 0; acknowledged_ == before && tries < 600 && invariants_.ok(); ++tries) {
    const NodeId leader = Leader();
    if (leader) Propose(leader, 1);
    world_.RunUntil(100'000, [this, before] { return acknowledged_ > before; });
  }
  const bool written = acknowledged_ > before;
  const bool level = written && world_.RunUntil(60'000'000, [this] {
    const consensus::Configuration members = Members();
    for (const auto& [id, n] : nodes_) {
      if (!n->started || n->removed) continue;
      // Not yet, or not any more; ScenarioTest shows that those that were removed learn of it.
      if (consensus::FindServer(members, id) == nullptr) continue;
      if (n->machine.applied.size() < highest_acknowledged_.value()) return false;
    }
    return reads_open_ == 0;
  });
  if (!level) {
    std::string nodes;
    for (const auto& [id, n] : nodes_) {
      if (n->driver == nullptr) continue;
      const consensus::RaftStatus status = n->driver->status();
      nodes += Text("; node ", id, " role ", static_cast<int>(status.role), " term ", status.term,
                    " leader ", status.leader, " log ", status.first_index, "..", status.last_index,
                    " commit ", status.commit, " applied ", n->machine.applied.size(),
                    " members at ", status.configuration_index, ":");
      for (const consensus::Server& server : *status.configuration) {
        nodes += Text(" ", server.id, server.suffrage == consensus::Suffrage::kVoter ? "v" : "s");
      }
    }
    invariants_.Fail(
        Text("the healed cluster does not accept a write and bring all members level", nodes));
  }
  if (invariants_.ok()) CheckEnd();
  return invariants_.failure();
}

void SimCluster::CheckEnd() {
  const auto& committed = invariants_.committed();
  if (options_.application) return;  // which judges its commands itself
  std::set<std::string> present;
  for (const LogEntry& entry : committed) {
    if (entry.type != consensus::EntryType::kCommand) continue;
    if (!present.insert(*entry.payload).second) {
      invariants_.Fail(Text("proposal ", *entry.payload, " is in the log twice"));
    }
  }
  for (const Proposed& proposed : proposed_) {
    const bool there = present.contains(proposed.payload);
    if (proposed.outcome == Outcome::kAcknowledged &&
        (!there || *committed[proposed.index.value() - 1].payload != proposed.payload)) {
      invariants_.Fail(Text("the acknowledged proposal ", proposed.payload, " of node ",
                            proposed.at, " is lost; it was said to be entry ", proposed.index));
    }
    if (proposed.outcome == Outcome::kRefused && there) {
      invariants_.Fail(Text("the refused proposal ", proposed.payload, " is in the log"));
    }
  }
  for (const auto& [id, n] : nodes_) {
    for (size_t i = 0; i < n->machine.applied.size(); ++i) {
      if (*n->machine.applied[i].payload != *committed[i].payload) {
        invariants_.Fail(Text("node ", id, " holds another entry ", i + 1));
      }
    }
  }
}

absl::Status SimCluster::Machine::Prepare(std::string& command) {
  if (node->application != nullptr) return node->application->Prepare(command);
  if (command.starts_with(kRefusedByPrepare)) return absl::InvalidArgumentError("unreadable");
  return absl::OkStatus();
}

// The transfer takes a while; the receiver may be cut off, crash or have no luck meanwhile.
void SimCluster::Link::SendSnapshot(NodeId to, const std::string& address) {
  if (address != AddressOf(to)) cluster->invariants_.Fail(Text("a snapshot goes to ", address));
  World& world = cluster->world_;
  auto snapshot = std::make_shared<std::unique_ptr<Snapshot>>(std::make_unique<Snapshot>());
  Snapshot& made = **snapshot;
  made.entries = node->machine.applied;  // pinned now, and writes go on
  for (size_t i = 0; i < made.entries.size(); ++i) {
    if (made.entries[i].type != consensus::EntryType::kConfiguration) continue;
    made.made_record.configuration = *consensus::DecodeConfiguration(*made.entries[i].payload);
    made.made_record.configuration_index = LogIndex(i + 1);
  }
  made.made_record.index = LogIndex(made.entries.size());
  made.made_record.term = made.entries.empty() ? Term() : made.entries.back().term;
  Node& receiver = cluster->node(to);
  const auto begun = std::make_shared<uint64_t>(0);  // the receiver's life then; 0: not yet
  world.After(world.Between(500, 5'000), [this, &receiver, begun] {
    if (receiver.driver == nullptr || cluster->network_.IsCut(node->id, receiver.id)) return;
    *begun = receiver.life + 1;
    ++receiver.receiving;
    cluster->RunOn(receiver, [&receiver] { receiver.driver->SetReceivingSnapshot(true); });
  });
  world.After(world.Between(5'000, 400'000), [this, &receiver, begun, snapshot, to,
                                              sender_life = node->life] {
    const bool same = receiver.driver != nullptr && receiver.life + 1 == *begun;
    const bool sent = same && node->driver != nullptr && node->life == sender_life &&
                      !cluster->network_.IsCut(node->id, to) && !cluster->world_.Chance(20) &&
                      !(*snapshot)->entries.empty();
    const LogIndex index = (*snapshot)->made_record.index;
    const Term term = (*snapshot)->made_record.term;
    if (same) {
      if (sent) cluster->Deliver(receiver, std::move(*snapshot));
      if (--receiver.receiving == 0) {
        cluster->RunOn(receiver, [&receiver] { receiver.driver->SetReceivingSnapshot(false); });
      }
    }
    if (node->driver == nullptr || node->life != sender_life) return;
    cluster->RunOn(*node, [this, sent, to, index, term] {
      if (sent) {
        node->driver->SnapshotSent(to, index, term);
      } else {
        node->driver->SnapshotFailed(to);
      }
    });
  });
}

void SimCluster::Deliver(Node& to, std::unique_ptr<Snapshot> snapshot) {
  snapshot->made_generation =
      std::max(to.machine.last_generation, to.disk.durable().generation) + 1;
  to.machine.last_generation = snapshot->made_generation;
  to.machine.received[snapshot->made_generation] = snapshot->entries;
  auto shared = std::make_shared<std::unique_ptr<Snapshot>>(std::move(snapshot));
  RunOn(to, [&to, shared] { to.driver->OnSnapshotReceived(std::move(*shared)); });
}

void SimCluster::Machine::Install(std::unique_ptr<consensus::StagedSnapshot> snapshot) {
  auto shared = std::make_shared<std::unique_ptr<consensus::StagedSnapshot>>(std::move(snapshot));
  last_apply_us =
      std::max(last_apply_us, cluster->world_.now_us()) + cluster->world_.Between(0, 1000);
  cluster->world_.At(last_apply_us, [this, shared, life = node->life] {
    if (life != node->life) return;
    cluster->RunOn(*node, [this, shared] {
      const auto& staged = static_cast<const Snapshot&>(**shared);
      if (staged.entries.size() <= applied.size()) {
        cluster->invariants_.Fail(Text("node ", node->id, " goes back by a snapshot"));
      }
      for (size_t i = 0; i < applied.size(); ++i) {
        if (*applied[i].payload == *staged.entries[i].payload) continue;
        cluster->invariants_.Fail(Text("a snapshot of node ", node->id, " differs at ", i + 1));
      }
      applied = staged.entries;
      durable = LogIndex(applied.size());
      if (node->application != nullptr) node->application->Install(applied);
      generation = staged.generation();
      received.erase(received.begin(), received.upper_bound(generation));
      ++cluster->snapshots_installed_;
      for (size_t i = 0; i < applied.size(); ++i) {
        cluster->invariants_.OnApply(node->id, LogIndex(i + 1), applied[i]);
      }
    });
  });
}

void SimCluster::Machine::OnLeadership(const Leadership& leadership) {
  if (node->application == nullptr) return;
  // After everything that was handed over before, as the loop does it.
  last_apply_us = std::max(last_apply_us, cluster->world_.now_us());
  cluster->world_.At(last_apply_us, [this, leadership, life = node->life] {
    if (life != node->life) return;
    cluster->RunOn(*node, [this, leadership] { node->application->OnLeadership(leadership); });
  });
}

// As the daemon does: the node ends.
void SimCluster::Machine::OnRemoved() {
  node->removed = true;
  cluster->world_.After(0, [this] { cluster->Crash(node->id); });
}

void SimCluster::Machine::Apply(std::vector<Committed> range) {
  auto shared = std::make_shared<std::vector<Committed>>(std::move(range));
  for (const Committed& committed : *shared) {
    cluster->invariants_.OnHandOver(node->id, committed.index, committed.entry);
  }
  last_apply_us =
      std::max(last_apply_us, cluster->world_.now_us()) + cluster->world_.Between(0, 1000);
  cluster->world_.At(last_apply_us, [this, shared, life = node->life] {
    if (life != node->life) return;
    cluster->RunOn(*node, [this, shared] {
      for (Committed& committed : *shared) {
        if (committed.index.value() != applied.size() + 1) {
          cluster->invariants_.Fail(Text("node ", node->id, " applies entry ", committed.index,
                                         " after ", applied.size()));
        }
        cluster->invariants_.OnApply(node->id, committed.index, committed.entry);
        applied.push_back(committed.entry);
        if (node->application != nullptr) continue;
        if (committed.done) std::move(committed.done)(consensus::Applied{committed.index, nullptr});
      }
      const LogIndex last = shared->back().index;
      if (node->application != nullptr) node->application->Apply(std::move(*shared));
      if (cluster->world_.Chance(5)) durable = LogIndex(applied.size());
      node->driver->Applied(last);
    });
  });
}

void SimCluster::Link::Send(NodeId to, const std::string& address, const PeerMessage& message) {
  if (address != AddressOf(to)) cluster->invariants_.Fail(Text("a message goes to ", address));
  if (to == message.from) cluster->invariants_.Fail("a node speaks to itself");
  cluster->invariants_.OnSend(to, message);
  if (cluster->nodes_.contains(to)) cluster->network_.Send(to, message);
}

}  // namespace registryd::sim
