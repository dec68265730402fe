// The registry of a whole cluster under faults: real drivers, replicas and liveness, members that
// come and go (in every other seed), and clients that register, renew and die, in virtual time. A
// failure prints its seed; SIM_SEEDS and SIM_SEED as in chaos_test.cc.
//
// Judged: digests are equal at each index (G8); what was acknowledged is there (G1); nothing whose
// owner renews is expired (G4); what is silent is not served for longer than the bound after the
// faults end (G4); watchers have no gap, no repetition, and the right digest (G3); the state is
// what the committed commands make of an empty one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "registryd/base/log.h"
#include "registryd/base/text.h"
#include "registryd/wire/command_codec.h"
#include "tests/sim/member_changes.h"
#include "tests/sim/sim_cluster.h"
#include "tests/sim/sim_registry.h"

namespace registryd::sim {
namespace {

// One instance on a lease of its own, and its owner. Asks whoever leads; repeats what is not
// answered within a second under the same request id.
struct Client {
  uint64_t number = 0;
  core::InstanceName name;
  LeaseId lease;
  int64_t ttl_ms = 0;
  bool dead = false;
  bool registered = false;
  uint64_t sequence = 1;  // of its registration; another one where the first was in vain
  bool renewed = false;   // since it registered
  LeaseEpoch epoch;
  uint64_t tries = 0;
  // Renewals that were taken, to see how long it was without one.
  int64_t renewed_ms = 0;
};

struct Numbers {
  size_t registered = 0;
  size_t renewals = 0;
  size_t expired = 0;
  size_t installs = 0;
  size_t resumed = 0;
  size_t told = 0;
  size_t members_changed = 0;
};

class RegistryChaos {
 public:
  RegistryChaos(uint64_t seed, int members, int spares, int clients) {
    for (int i = 1; i <= members + spares; ++i) {
      const NodeId id(static_cast<uint64_t>(i));
      nodes_[id] = std::make_unique<SimRegistry>(id, &checks_);
    }
    cluster_ = std::make_unique<SimCluster>(SimCluster::Options{
        .seed = seed,
        .members = members,
        .spares = spares,
        .tune =
            [seed](consensus::DriverOptions& options) {
              options.trailing_entries = seed % 2 == 0 ? 5 : 40;
            },
        .application = [this](NodeId id) { return nodes_.at(id).get(); },
        .command = [] { return wire::EncodeCommand({}, "test", core::TrimHistory{}); }});
    for (auto& [id, node] : nodes_) node->Attach(cluster_.get());
    checks_.on_outcome = [this](const core::Outcome& outcome) { OnOutcome(outcome); };
    for (int i = 0; i < clients; ++i) {
      Client& client = *clients_.emplace_back(std::make_unique<Client>());
      client.number = static_cast<uint64_t>(i) + 1;
      client.name = core::InstanceName("default", Text("s-", i % 5), Text("i-", i));
      client.lease = LeaseId(client.number);
      client.ttl_ms = world().Between(2'000, 4'000);
    }
    for (int i = 0; i < 3; ++i) watchers_.push_back(std::make_unique<SimWatcher>(Text("w", i)));
  }

  std::string Run(Numbers* numbers) {
    cluster_->Start();
    for (auto& client : clients_) {
      world().After(world().Between(0, 2'000'000), [this, c = client.get()] { Register(*c); });
      if (world().Chance(30)) {
        world().After(world().Between(1'000'000, 9'000'000),
                      [c = client.get()] { c->dead = true; });
      }
    }
    for (size_t i = 0; i < watchers_.size(); ++i) Watch(i);
    Change();
    Break();
    world().RunFor(10'000'000);
    working_ = false;
    End();
    numbers->renewals += renewals_;
    numbers->expired += expired_;
    numbers->installs += cluster_->snapshots_installed();
    for (const auto& client : clients_) numbers->registered += client->registered ? 1 : 0;
    for (const auto& watcher : watchers_) numbers->resumed += watcher->resumed();
    numbers->told += checks_.truth.size();
    numbers->members_changed += cluster_->changes_done();
    return checks_.failure;
  }

 private:
  World& world() { return cluster_->world(); }
  SimRegistry* Leader() {
    const NodeId leader = cluster_->Leader();
    return leader ? nodes_.at(leader).get() : nullptr;
  }
  Client* ClientOf(const core::InstanceName& name) {
    for (auto& client : clients_) {
      if (client->name == name) return client.get();
    }
    return nullptr;
  }

  void OnOutcome(const core::Outcome& outcome) {
    for (const core::InstanceChange& change : outcome.instances) {
      const bool expired = change.after == nullptr || change.after->facts.lease_expired;
      if (!expired || change.before == nullptr || change.before->facts.lease_expired) continue;
      ++expired_;
      const Client* client = ClientOf(change.name());
      if (client == nullptr || client->dead) continue;
      // An owner whose registration was answered late, or never, had no time to renew.
      if (!client->renewed) continue;
      checks_.Fail(Text("the live instance ", change.name().text(), " was expired; it renewed ",
                        world().MonotonicMs() - client->renewed_ms, " ms ago"));
    }
  }

  void Register(Client& client) {
    if (client.dead || client.registered) return;
    const NodeId leader = cluster_->Leader();
    if (leader) {
      core::InstanceSpec spec;
      spec.name = client.name;
      spec.endpoints = {{"http", "10.0.0.1", 8080, "http"}};
      const core::Command command = core::Register{
          {std::move(spec)}, core::LeaseClaim{client.lease, client.ttl_ms, Text(client.number)}};
      cluster_->ProposeCommand(
          leader, wire::EncodeCommand({client.number, client.sequence}, "test", command),
          [this, &client, sequence = client.sequence](absl::StatusOr<consensus::Applied> applied) {
            if (!applied.ok() || client.registered || client.sequence != sequence) return;
            const auto& reply = *static_cast<const core::Reply*>(applied->reply.get());
            if (!reply.status.ok()) {
              return checks_.Fail(Text(client.name.text(), ": ", reply.status.ToString()));
            }
            const auto* registered = std::get_if<core::RegisterReply>(&reply.value);
            // Repeated after its lease had run out unheard of: it begins anew.
            if (registered == nullptr || !registered->lease) {
              ++client.sequence;
              return;
            }
            client.epoch = registered->lease->epoch;
            client.registered = true;
            client.renewed_ms = world().MonotonicMs();
            world().After(0, [this, &client] { Renew(client); });
          });
    }
    world().After(1'000'000, [this, &client] { Register(client); });
  }

  // At the advised interval, and soon again where nobody took it.
  void Renew(Client& client) {
    if (client.dead) return;
    const uint64_t number = ++client.tries;
    SimRegistry* leader = Leader();
    const bool asked =
        leader != nullptr &&
        leader->Renew(
            {client.lease, client.epoch}, [this, &client, number](liveness::RenewalAnswer answer) {
              if (client.tries != number || client.dead) return;
              if (!answer.accepted) return Again(client, number, 100);
              if (!answer.lost.empty() && !client.renewed) {
                client.registered = false;
                ++client.sequence;
                ++client.tries;
                return Register(client);
              }
              if (!answer.lost.empty()) {
                return checks_.Fail(
                    Text(client.name.text(), " renews and is told that its lease is lost"));
              }
              ++renewals_;
              client.renewed = true;
              client.renewed_ms = world().MonotonicMs();
              Again(client, ++client.tries, client.ttl_ms / 3);
            });
    Again(client, number, asked ? 300 : 100);
  }
  void Again(Client& client, uint64_t number, int64_t ms) {
    world().After(ms * 1000, [this, &client, number] {
      if (client.tries == number) Renew(client);
    });
  }

  // Something is always going on, and the logs are cut behind it.
  void Change() {
    if (!working_) return;
    const NodeId leader = cluster_->Leader();
    if (leader) {
      const Client& client = *clients_[world().Random() % clients_.size()];
      core::Update update;
      update.target.name = client.name;
      update.weight = static_cast<uint32_t>(world().Between(1, 1'000));
      cluster_->ProposeCommand(leader, wire::EncodeCommand({1'000, ++changes_}, "test", update),
                               [](const absl::StatusOr<consensus::Applied>&) {});
    }
    if (world().Chance(5)) {
      const auto ids = cluster_->ids();
      cluster_->CutLog(ids[world().Random() % ids.size()]);
    }
    if (world().Chance(3)) ChangeMembers(*cluster_);
    world().After(world().Between(5'000, 60'000), [this] { Change(); });
  }

  void Watch(size_t i) {
    if (!working_) return;
    const auto ids = cluster_->ids();
    if (world().Chance(5)) at_[i] = static_cast<size_t>(world().Random() % ids.size());
    watchers_[i]->Look(*nodes_.at(ids[at_[i]]));
    world().After(world().Between(5'000, 100'000), [this, i] { Watch(i); });
  }

  void Break() {
    if (!working_) return;
    const auto ids = cluster_->ids();
    const NodeId leader = cluster_->Leader();
    const NodeId victim =
        leader && world().Chance(50) ? leader : ids[world().Random() % ids.size()];
    const int64_t us = world().Between(10'000, 1'500'000);
    switch (world().Between(0, 6)) {
      case 0:
        cluster_->Crash(victim);
        world().After(us, [this, victim] { cluster_->Restart(victim); });
        break;
      case 1:
        cluster_->Pause(victim);
        world().After(us, [this, victim] {
          if (cluster_->running(victim) && cluster_->paused(victim)) cluster_->Resume(victim);
        });
        break;
      case 2:
        cluster_->Isolate(victim, true);
        world().After(us, [this, victim] { cluster_->Isolate(victim, false); });
        break;
      case 3:
        cluster_->network().SetLoss(static_cast<int>(world().Between(1, 30)));
        world().After(us, [this] { cluster_->network().SetLoss(0); });
        break;
      case 4:
        if (leader) cluster_->Transfer(leader, NodeId());
        break;
      case 5:
        cluster_->CutLog(victim);
        break;
      case 6:
        for (const NodeId id : ids) {
          cluster_->Crash(id);
          world().After(world().Between(1'000, us), [this, id] { cluster_->Restart(id); });
        }
        break;
    }
    world().After(world().Between(50'000, 800'000), [this] { Break(); });
  }

  void End() {
    cluster_->HealAll();
    if (!cluster_->WaitForLeader()) return checks_.Fail("no leader after the faults");
    // Silence is acted on within 2 ttl + 1 s of the faults' end; and some time for the election
    // that may have been under way, and for the others to apply it.
    world().RunFor((2 * 4'000 + 1'000 + 2'000) * 1000);
    if (const std::string failure = cluster_->Finish(); !failure.empty()) {
      return checks_.Fail(failure);
    }
    core::Registry model;
    model.SetCluster(kSimCluster);
    for (const consensus::LogEntry& entry : cluster_->invariants().committed()) {
      if (entry.type != consensus::EntryType::kCommand) continue;
      const auto decoded = wire::DecodeCommand(*entry.payload);
      if (!decoded.ok()) return checks_.Fail(decoded.status().ToString());
      model.Apply({decoded->time_ms, entry.term, decoded->request, decoded->actor},
                  decoded->command);
    }
    kLoop.AssertHeld();
    const consensus::Configuration members = cluster_->Members();
    for (const consensus::Server& member : members) {
      const NodeId id = member.id;
      const core::Registry& registry = nodes_.at(id)->replica().registry();
      if (registry.counters() != model.counters()) {
        checks_.Fail(Text("node ", id, " is not what the log makes: digest ",
                          registry.counters().digest, " and ", model.counters().digest));
      }
      for (const auto& client : clients_) {
        const core::InstancePtr found = registry.Find(client->name);
        const bool served = found != nullptr && found->health() == core::Health::kPassing;
        if (client->dead && served) {
          checks_.Fail(Text("node ", id, " still serves the dead ", client->name.text()));
        }
        if (client->registered && !client->dead && !served) {
          checks_.Fail(Text("node ", id, " does not serve the live ", client->name.text()));
        }
      }
    }
    for (size_t i = 0; i < watchers_.size(); ++i) {
      testing::WatchChecker& checker = watchers_[i]->checker();
      // Where it was, unless that is no member any more.
      const NodeId at = cluster_->ids()[at_[i]];
      const bool stays = consensus::FindServer(members, at) != nullptr;
      SimRegistry& last = *nodes_.at(stays ? at : members.front().id);
      watchers_[i]->Look(last);
      checker.CheckAgainst(checks_.truth, [](const std::string&) { return true; });
      for (const std::string& error : checker.errors()) checks_.Fail(error);
      if (checker.picture().size() != last.replica().registry().instance_count()) {
        checks_.Fail(Text("a watcher has ", checker.picture().size(), " of ",
                          last.replica().registry().instance_count(), " instances"));
      }
    }
  }

  RegistryChecks checks_;
  std::map<NodeId, std::unique_ptr<SimRegistry>> nodes_;
  std::unique_ptr<SimCluster> cluster_;  // goes first: its events hold the nodes
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<SimWatcher>> watchers_;
  std::map<size_t, size_t> at_;
  bool working_ = true;
  uint64_t changes_ = 0;
  size_t renewals_ = 0;
  size_t expired_ = 0;
};

std::string RunSeed(uint64_t seed, Numbers* numbers) {
  log::SetLevel(log::Level::kError);
  return RegistryChaos(seed, seed % 4 == 0 ? 5 : 3, seed % 2 == 1 ? 4 : 0, 30).Run(numbers);
}

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

TEST(RegistryChaosTest, G1G3G4G8LiveInstancesStayDeadOnesGoAndAllMembersAgree) {
  const uint64_t only = FromEnvironment("SIM_SEED", 0);
  const uint64_t count = FromEnvironment("SIM_SEEDS", 200);
  Numbers numbers;
  for (uint64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : count); ++seed) {
    ASSERT_EQ(RunSeed(seed, &numbers), "") << "SIM_SEED=" << seed;
  }
  std::cout << "registered " << numbers.registered << ", renewed " << numbers.renewals
            << ", expired " << numbers.expired << ", installed " << numbers.installs
            << " snapshots, resumed " << numbers.resumed << " watches, " << numbers.told
            << " revisions, changed members " << numbers.members_changed << " times\n";
  if (only != 0) return;
  // The faults leave room for all of it, else the test shows nothing.
  EXPECT_GT(numbers.registered, 20 * count);
  EXPECT_GT(numbers.renewals, 100 * count);
  EXPECT_GT(numbers.expired, 2 * count);
  EXPECT_GT(numbers.installs, count / 20);
  EXPECT_GT(numbers.resumed, count / 2);
  EXPECT_GT(numbers.members_changed, count / 2);
}

}  // namespace
}  // namespace registryd::sim
