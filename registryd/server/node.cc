#include "registryd/server/node.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <utility>

#include "registryd/api/api_server.h"
#include "registryd/base/check.h"
#include "registryd/base/clock.h"
#include "registryd/base/log.h"
#include "registryd/base/loop.h"
#include "registryd/base/metrics.h"
#include "registryd/base/text.h"
#include "registryd/checks/check_driver.h"
#include "registryd/checks/presence.h"
#include "registryd/checks/probe_asker.h"
#include "registryd/consensus/configuration_history.h"
#include "registryd/consensus/forwarding_proposer.h"
#include "registryd/consensus/membership_calls.h"
#include "registryd/consensus/peer_transport.h"
#include "registryd/consensus/raft_thread.h"
#include "registryd/consensus/snapshot_transfers.h"
#include "registryd/liveness/event_log.h"
#include "registryd/liveness/liveness_driver.h"
#include "registryd/liveness/renewal_relay.h"
#include "registryd/operations/administration.h"
#include "registryd/operations/audience.h"
#include "registryd/operations/drains.h"
#include "registryd/operations/history.h"
#include "registryd/operations/oversight.h"
#include "registryd/operations/owned_instances.h"
#include "registryd/operations/reads.h"
#include "registryd/operations/renewals.h"
#include "registryd/operations/watches.h"
#include "registryd/operations/writes.h"
#include "registryd/replica/history_upkeep.h"
#include "registryd/replica/log_upkeep.h"
#include "registryd/replica/replica.h"
#include "registryd/replica/replica_snapshots.h"
#include "registryd/server/address.h"
#include "registryd/server/cluster_setup.h"
#include "registryd/server/divergence_check.h"
#include "registryd/server/feature_upkeep.h"
#include "registryd/server/first_start.h"
#include "registryd/server/gauges.h"
#include "registryd/server/hand_over.h"
#include "registryd/server/joining.h"
#include "registryd/server/leadership_hook.h"
#include "registryd/server/member_status.h"
#include "registryd/server/pages.h"
#include "registryd/server/ready_file.h"
#include "registryd/server/security.h"
#include "registryd/server/version.h"
#include "registryd/storage/data_dir.h"
#include "registryd/storage/known_members.h"
#include "registryd/storage/log_store.h"
#include "registryd/storage/state_store.h"
#include "registryd/wire/feature_level.h"
#include "registryd/wire/reply_codec.h"

namespace registryd::server {
namespace {

constexpr int64_t kStopGraceMs = 2'000;
constexpr size_t kFanOutThreads = 2;
constexpr int64_t kLeaderPatienceMs = 5'000;
// The loop ticks every 100 ms; one that has not for so long is stuck.
constexpr int64_t kLoopStuckMs = 10'000;
constexpr int64_t kSnapshotTickMs = 10;

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

registry::v1::Member::Role ToApi(consensus::Role role) {
  switch (role) {
    case consensus::Role::kLeader:
      return registry::v1::Member::ROLE_LEADER;
    case consensus::Role::kCandidate:
      return registry::v1::Member::ROLE_CANDIDATE;
    case consensus::Role::kFollower:
      break;
  }
  return registry::v1::Member::ROLE_FOLLOWER;
}

}  // namespace

// Members are in the order of their start; they go in reverse.
struct Node::Impl {
  explicit Impl(const Config& node_config) : config(node_config) {}
  ~Impl() { Stop(); }

  absl::Status Start();
  absl::Status ListenForPeers();
  absl::Status OpenStores();
  consensus::PeerIdentity PeerSelf() const {
    return {identity.cluster, identity.node, identity.name, peer_address, identity.data_id};
  }
  absl::Status StartConsensus();
  absl::Status StartServers();
  void StartForwarding();
  std::vector<NodeId> MemberIds() const;
  std::vector<operations::Audience::Peer> OtherMembers() const;
  void StartChecks();
  registry::v1::Member Myself() const;
  std::string NameOf(NodeId node) const;
  std::string ApiAddress() const;
  std::string HttpAddress() const;
  Health Alive() const;
  Health Ready() const;
  void Stop();

  const Config config;
  const SystemClock clock;
  const int64_t started_ms = clock.MonotonicMs();
  std::unique_ptr<storage::DataDir> data_dir;
  storage::NodeIdentity identity;
  std::unique_ptr<storage::RocksLogStore> log;
  Loop loop{"loop"};
  Loop worker{"snapshots"};  // reads and writes snapshots and backups, reads the past
  watch::Hub hub{kFanOutThreads};
  std::string peer_address;  // as the others reach it
  std::unique_ptr<storage::KnownMembers> known_members;
  std::unique_ptr<consensus::PeerTransport> peers;
  uint64_t generation = 0;  // of the state that this node starts with
  std::unique_ptr<replica::Replica> replica;
  std::unique_ptr<replica::ReplicaSnapshots> snapshots;
  std::unique_ptr<consensus::SnapshotTransfers> transfers;
  std::unique_ptr<consensus::RaftThread> raft;
  std::unique_ptr<consensus::ForwardingProposer> proposer;
  std::unique_ptr<LeadershipHook> leadership_hook;
  std::unique_ptr<liveness::LivenessDriver> liveness;
  std::unique_ptr<liveness::RenewalRelay> relay;
  std::unique_ptr<DivergenceCheck> divergence;
  std::unique_ptr<FeatureUpkeep> features;
  std::unique_ptr<MemberStatus> member_status;
  std::unique_ptr<consensus::MembershipCalls> membership;
  std::unique_ptr<Joining> joining;
  liveness::EventLog event_log;
  std::unique_ptr<checks::Presence> presence;
  std::unique_ptr<checks::CheckDriver> checks;
  std::unique_ptr<checks::ProbeAsker> asker;
  std::unique_ptr<replica::LogUpkeep> upkeep;
  std::unique_ptr<replica::HistoryUpkeep> history_upkeep;
  std::unique_ptr<Security> security;
  std::unique_ptr<operations::OwnedInstances> owned;
  std::unique_ptr<operations::Writes> writes;
  std::unique_ptr<operations::Reads> reads;
  std::unique_ptr<operations::Renewals> renewals;
  std::unique_ptr<operations::Watches> watches;
  std::unique_ptr<operations::History> history;
  std::unique_ptr<operations::Audience> audience;
  std::unique_ptr<operations::Drains> drains;
  std::unique_ptr<operations::Administration> administration;
  std::unique_ptr<operations::Oversight> oversight;
  std::unique_ptr<api::ApiServer> api;
  std::unique_ptr<Pages> pages;
  std::unique_ptr<metrics::ScrapeHook> gauges;
  std::unique_ptr<gateway::HttpServer> http;
  std::atomic<int64_t> ticked_ms{0};
  std::atomic<bool> level{true};  // false: a node that joins and has not been level yet
  std::atomic<bool> api_runs{false};
  std::atomic<bool> announced{false};
  bool stopped = false;
};

absl::Status Node::Impl::Start() {
  ASSIGN_OR_RETURN(security, Security::Start(config.security, config.insecure, &clock));
  RETURN_IF_ERROR(ListenForPeers());
  RETURN_IF_ERROR(OpenStores());
  RETURN_IF_ERROR(StartConsensus());
  return StartServers();
}

absl::Status Node::Impl::OpenStores() {
  ASSIGN_OR_RETURN(data_dir, storage::DataDir::Lock(config.data_dir, config.name));
  ASSIGN_OR_RETURN(log, storage::RocksLogStore::Open({.dir = data_dir->log_dir(),
                                                      .reserve_bytes = config.disk_reserve_bytes}));
  ASSIGN_OR_RETURN(identity, OpenIdentity({config, *data_dir, *log, *peers, peer_address, clock}));
  ASSIGN_OR_RETURN(known_members,
                   storage::KnownMembers::Open(data_dir->members_file(), identity.cluster));
  for (const InitialMember& member : InitialMembers(config)) {
    known_members->Name(NodeIdOf(config.cluster_token, member.name), member.name);
  }
  ASSIGN_OR_RETURN(generation, log->LoadGeneration());
  RETURN_IF_ERROR(data_dir->RemoveOtherStates(generation));
  ASSIGN_OR_RETURN(auto state, storage::StateStore::Open(data_dir->StateDir(generation)));
  replica = std::make_unique<replica::Replica>(replica::Replica::Parts{
      .store = std::move(state), .hub = &hub, .loop = &loop, .clock = &clock, .worker = &worker});
  RETURN_IF_ERROR(replica->Load());
  const core::Counters counters = replica->view()->counters;
  if (!counters.cluster) {
    replica->SetCluster(identity.cluster);
  } else if (counters.cluster != identity.cluster) {
    return absl::DataLossError(Text(config.data_dir, ": the state belongs to cluster ",
                                    counters.cluster, " and the log to cluster ", identity.cluster,
                                    "; were two data directories mixed?"));
  }
  log::Info("loaded", {{"instances", replica->view()->instances},
                       {"revision", counters.revision},
                       {"applied_index", replica->applied()}});
  return absl::OkStatus();
}

absl::Status Node::Impl::ListenForPeers() {
  ASSIGN_OR_RETURN(const Address listen, ParseAddress(config.peer_listen));
  ASSIGN_OR_RETURN(
      peers, consensus::PeerTransport::Listen(listen.host, listen.port, security->peer_security()));
  peer_address = config.peer_advertise;
  for (const InitialMember& member : InitialMembers(config)) {
    if (peer_address.empty() && member.name == config.name) peer_address = member.address;
  }
  if (!peer_address.empty()) return absl::OkStatus();
  const bool any = listen.host == "0.0.0.0" || listen.host == "::";
  peer_address =
      Address{any ? HostName() : listen.host, static_cast<uint16_t>(peers->port())}.ToString();
  return absl::OkStatus();
}

absl::Status Node::Impl::StartConsensus() {
  consensus::RaftThreadOptions options;
  options.driver.id = identity.node;
  options.driver.address = peer_address;
  options.driver.election_timeout_ms = static_cast<int>(config.election_timeout_ms);
  options.driver.heartbeat_ms = static_cast<int>(config.heartbeat_ms);
  options.driver.trailing_entries = static_cast<uint32_t>(config.log_entries);
  snapshots =
      std::make_unique<replica::ReplicaSnapshots>(replica.get(), data_dir.get(), generation);
  transfers = std::make_unique<consensus::SnapshotTransfers>(
      consensus::SnapshotTransfers::Parts{
          .calls = peers.get(), .store = snapshots.get(), .worker = &worker, .clock = &clock},
      consensus::SnapshotTransferOptions{});
  raft = std::make_unique<consensus::RaftThread>(
      consensus::RaftThread::Parts{.log = log.get(),
                                   .transport = peers.get(),
                                   .machine = replica.get(),
                                   .clock = &clock,
                                   .snapshots = transfers.get()},
      options);
  transfers->Start(raft.get());
  worker.Every(kSnapshotTickMs, [this] { transfers->Tick(); });
  worker.Every(DivergenceCheck::kEveryMs, [this] { divergence->Tick(); });
  worker.Every(FeatureUpkeep::kEveryMs, [this] { features->Tick(); });
  // The main thread waits for this signal, and stops the node in order.
  replica->OnRemoved([] { ::kill(::getpid(), SIGTERM); });
  replica->OnApplied([this](LogIndex index) { raft->OnApplied(index); });
  liveness = std::make_unique<liveness::LivenessDriver>(
      liveness::LivenessDriver::Parts{
          .replica = replica.get(), .proposer = raft.get(), .loop = &loop, .clock = &clock},
      liveness::LivenessOptions{.remove_after_ms = config.remove_after_ms, .guard = config.guard});
  replica->AddObserver(liveness.get());
  level = config.join.empty() || replica->applied();
  if (config.security.instances_per_identity != 0) {
    owned = std::make_unique<operations::OwnedInstances>();
    kLoop.AssertHeld();  // which has not started yet
    owned->Load(replica->registry());
    replica->AddObserver(owned.get());
  }
  StartForwarding();
  StartChecks();
  loop.Every(liveness::LivenessDriver::kTickMs, [this] {
    kLoop.AssertHeld();
    liveness->Tick();
    checks->Tick();
    replica->ExpireWaiters();
    proposer->Tick();
    ticked_ms = clock.MonotonicMs();
    // A node that joins knows nothing at first, and should not be asked.
    if (!level && replica->lag_ms() < config.election_timeout_ms) level = true;
    if (api_runs && level && !announced.exchange(true)) api->SetServing(true);
  });
  // Only now is there everything that they tick.
  worker.Start();
  loop.Start();
  peers->Serve(
      {.self = PeerSelf(),
       .on_message = [this](consensus::PeerMessage message) { raft->Receive(std::move(message)); },
       .on_lost = [this](NodeId peer) { raft->PeerLost(peer); },
       .address_of = [this](NodeId id) -> std::optional<std::string> {
         const auto configuration = raft->status().configuration;
         const consensus::Server* server = consensus::FindServer(*configuration, id);
         if (server == nullptr) return std::nullopt;
         return server->address;
       },
       .admit =
           [this](const consensus::PeerIdentity& peer) {
             return known_members->Meet(peer.node, peer.name, peer.data_id);
           }});
  RETURN_IF_ERROR(raft->Start(replica->applied()));
  if (!config.join.empty()) {
    joining = std::make_unique<Joining>(Joining::Parts{.peers = peers.get(),
                                                       .members = membership.get(),
                                                       .raft = [this] { return raft->status(); },
                                                       .me = PeerSelf(),
                                                       .address = config.join});
  }
  upkeep = std::make_unique<replica::LogUpkeep>(
      replica.get(), [this](LogIndex index) { raft->CutLog(index); },
      replica::LogUpkeepOptions{.every_entries = static_cast<uint64_t>(config.log_entries)});
  history_upkeep = std::make_unique<replica::HistoryUpkeep>(
      replica::HistoryUpkeep::Parts{
          .replica = replica.get(), .proposer = raft.get(), .clock = &clock},
      replica::HistoryLimits{config.history_keep_ms, config.history_bytes});
  return absl::OkStatus();
}

std::vector<NodeId> Node::Impl::MemberIds() const {
  const auto configuration = raft->status().configuration;  // which may be replaced meanwhile
  std::vector<NodeId> members;
  for (const auto& server : *configuration) members.push_back(server.id);
  return members;
}

std::vector<operations::Audience::Peer> Node::Impl::OtherMembers() const {
  std::vector<operations::Audience::Peer> others;
  const auto configuration = raft->status().configuration;
  for (const consensus::Server& server : *configuration) {
    if (server.id != identity.node) others.push_back({server.id, NameOf(server.id)});
  }
  return others;
}

// The active checks that fall to this member.
void Node::Impl::StartChecks() {
  replica->AddObserver(&event_log);
  const auto doubts = [this] { return checks->doubts(); };
  presence = std::make_unique<checks::Presence>(peers.get(), identity.node, &clock, doubts);
  asker = std::make_unique<checks::ProbeAsker>();
  checks = std::make_unique<checks::CheckDriver>(
      checks::CheckDriver::Parts{
          .replica = replica.get(), .proposer = proposer.get(), .loop = &loop, .clock = &clock},
      identity.node,
      [this](const checks::DueCheck& check, checks::CheckDriver::Done done) {
        asker->Ask(check, std::move(done));
      },
      [this] {
        presence->Ask(MemberIds());
        return presence->Present();
      });
  replica->AddObserver(checks.get());
  checks::Presence::Answer(*peers, doubts);
}

// What a client asks of this node and only the leader can do.
void Node::Impl::StartForwarding() {
  const auto leader = [this] { return replica->leadership().leader; };
  proposer = std::make_unique<consensus::ForwardingProposer>(consensus::ForwardingProposer::Parts{
      .local = raft.get(),
      .peers = peers.get(),
      .clock = &clock,
      .self = identity.node,
      .leader = leader,
      .encode =
          [](const consensus::Applied& applied) {
            return wire::EncodeReply(applied.index,
                                     *static_cast<const core::Reply*>(applied.reply.get()));
          },
      .decode = [](std::string_view bytes) -> absl::StatusOr<consensus::Applied> {
        ASSIGN_OR_RETURN(auto forwarded, wire::DecodeReply(bytes));
        return consensus::Applied{forwarded.index,
                                  std::make_shared<const core::Reply>(std::move(forwarded.reply))};
      },
      .wait_applied =
          [this](LogIndex index, int64_t deadline_ms,
                 absl::AnyInvocable<void(absl::Status) &&> ready) {
            replica->WaitForApplied(index, deadline_ms, std::move(ready));
          }});
  relay = std::make_unique<liveness::RenewalRelay>(liveness::RenewalRelay::Parts{
      .driver = liveness.get(), .peers = peers.get(), .self = identity.node, .leader = leader});
  divergence = std::make_unique<DivergenceCheck>(
      DivergenceCheck::Parts{.calls = peers.get(),
                             .samples = [this] { return replica->digests(); },
                             .others =
                                 [this] {
                                   std::vector<std::pair<NodeId, std::string>> others;
                                   for (const auto& peer : OtherMembers())
                                     others.emplace_back(peer.id, peer.name);
                                   return others;
                                 }});
  divergence->Serve();
  features = std::make_unique<FeatureUpkeep>(FeatureUpkeep::Parts{
      .calls = peers.get(), .replica = replica.get(), .proposer = raft.get(), .members = [this] {
        return MemberIds();
      }});
  member_status = std::make_unique<MemberStatus>(
      MemberStatus::Parts{.peers = peers.get(),
                          .mine = [this] { return Myself(); },
                          .raft = [this] { return raft->status(); },
                          .name_of = [this](NodeId node) { return NameOf(node); },
                          .divergence_of = [this](NodeId node) { return divergence->Of(node); }});
  audience = std::make_unique<operations::Audience>(operations::Audience::Parts{
      .hub = &hub, .clock = &clock, .node = identity.name, .calls = peers.get(), .peers = [this] {
        return OtherMembers();
      }});
  membership = std::make_unique<consensus::MembershipCalls>(consensus::MembershipCalls::Parts{
      .raft = raft.get(), .calls = peers.get(), .self = identity.node, .leader = leader});
  membership->Serve();
  ServeIdentity(peers.get(), identity.cluster);
  proposer->Serve();
  relay->Serve();
  member_status->Serve();
  leadership_hook = std::make_unique<LeadershipHook>([this] { proposer->OnLeadership(); });
  replica->AddObserver(leadership_hook.get());
}

absl::Status Node::Impl::StartServers() {
  writes = std::make_unique<operations::Writes>(
      proposer.get(), security->access(),
      operations::Writes::Guards{
          .replica = replica.get(),
          .lease_owner =
              [this](LeaseId id, absl::AnyInvocable<void(std::optional<std::string>) &&> done) {
                loop.Post([this, id, done = std::move(done)]() mutable {
                  kLoop.AssertHeld();
                  const core::Lease* lease = replica->registry().FindLease(id);
                  std::move(done)(lease ? std::optional(lease->owner) : std::nullopt);
                });
              },
          .instances_per_namespace = config.security.instances_per_namespace,
          .owned = owned.get(),
          .instances_per_identity = config.security.instances_per_identity});
  reads = std::make_unique<operations::Reads>(operations::Reads::Parts{.replica = replica.get(),
                                                                       .proposer = proposer.get(),
                                                                       .access = security->access(),
                                                                       .clock = &clock});
  renewals = std::make_unique<operations::Renewals>(relay.get(), security->access(),
                                                    security->authenticator());
  watches = std::make_unique<operations::Watches>(reads.get(), &hub, security->access(),
                                                  config.security.subscriptions);
  history = std::make_unique<operations::History>(reads.get(), security->access());
  drains = std::make_unique<operations::Drains>(writes.get(), audience.get(), &clock);
  administration = std::make_unique<operations::Administration>(operations::Administration::Parts{
      .members = membership.get(), .snapshots = snapshots.get(), .access = security->access()});
  oversight = std::make_unique<operations::Oversight>(
      operations::Oversight::Parts{.reads = reads.get(),
                                   .writes = writes.get(),
                                   .access = security->access(),
                                   .liveness = liveness.get()});
  ASSIGN_OR_RETURN(const Address listen, ParseAddress(config.listen));
  ASSIGN_OR_RETURN(
      api, api::ApiServer::Start(
               listen.host, listen.port,
               {.writes = writes.get(),
                .reads = reads.get(),
                .renewals = renewals.get(),
                .watches = watches.get(),
                .history = history.get(),
                .audience = audience.get(),
                .drains = drains.get(),
                .oversight = oversight.get(),
                .describe =
                    [this](registry::v1::StatusResponse* out, absl::AnyInvocable<void() &&> done) {
                      out->set_node(identity.name);
                      out->set_insecure(config.insecure);
                      out->set_version(kVersion);
                      out->set_feature_level(replica->view()->counters.feature_level);
                      out->set_uptime_ms(clock.MonotonicMs() - started_ms);
                      member_status->Describe(out, std::move(done));
                    },
                .access = security->access(),
                .node_name = identity.name,
                .authenticator = security->authenticator(),
                .tls = security->tls_files(),
                .require_client_cert =
                    config.security.authenticates() && config.security.auth_jwks.empty(),
                .streams_per_connection = config.security.streams_per_connection,
                .connections = {.connections = config.security.connections,
                                .of_one_address = config.security.connections_per_address},

                .worker = &worker,
                .administration = administration.get()}));
  ASSIGN_OR_RETURN(const Address http_listen, ParseAddress(config.http_listen));
  pages = std::make_unique<Pages>([this] { return Alive(); }, [this] { return Ready(); });
  gauges = std::make_unique<metrics::ScrapeHook>([this] {
    RefreshGauges(*replica, raft->status(), liveness->intake(), config.insecure,
                  api->connections());
  });
  ASSIGN_OR_RETURN(http, gateway::HttpServer::Start(http_listen.host, http_listen.port,
                                                    [this](const gateway::HttpRequest& request) {
                                                      return pages->Answer(request);
                                                    }));
  // Whoever reads the ready file may write at once. Without a leader it serves lookups all the
  // same.
  if (!replica->WaitForLeader(kLeaderPatienceMs)) {
    log::Warning("no leader is known yet; serving lookups, refusing writes");
  }
  std::promise<void> loop_knows;
  loop.Post([&loop_knows] { loop_knows.set_value(); });
  loop_knows.get_future().wait();
  if (level && !announced.exchange(true)) api->SetServing(true);
  api_runs = true;
  log::Info("serving", {{"api", ApiAddress()}, {"http", HttpAddress()}, {"node", identity.name}});
  return absl::OkStatus();
}

std::string Node::Impl::ApiAddress() const {
  return Address{ParseAddress(config.listen)->host, static_cast<uint16_t>(api->port())}.ToString();
}

std::string Node::Impl::HttpAddress() const {
  return Address{ParseAddress(config.http_listen)->host, static_cast<uint16_t>(http->port())}
      .ToString();
}

Health Node::Impl::Alive() const {
  const int64_t since_ms = clock.MonotonicMs() - ticked_ms;
  if (ticked_ms != 0 && since_ms > kLoopStuckMs) {
    return {false, Text("the loop has not run for ", since_ms, " ms")};
  }
  return {true, "ok"};
}

Health Node::Impl::Ready() const {
  if (Health alive = Alive(); !alive.ok) return alive;
  if (!level) return {false, "this node joins the cluster and has not caught up yet"};
  if (!replica->leadership().leader) {
    return {false,
            "no leader is known: lookups answer from what this node has, writes are refused"};
  }
  return {true, "ready"};
}

std::string Node::Impl::NameOf(NodeId node) const {
  return node == identity.node ? identity.name : known_members->NameOf(node);
}

registry::v1::Member Node::Impl::Myself() const {
  const consensus::RaftStatus status = raft->status();
  const replica::Replica::Position position = replica->position();
  registry::v1::Member member;
  member.set_name(identity.name);
  member.set_node_id(identity.node.value());
  member.set_address(peer_address);
  member.set_role(ToApi(status.role));
  member.set_term(status.term.value());
  member.set_applied_index(position.index.value());
  member.set_last_index(status.last_index.value());
  member.set_digest(position.digest);
  member.set_lag_ms(replica->lag_ms());
  member.set_version(kVersion);
  member.set_feature_level(wire::ThisBuild().feature_level);
  return member;
}

void Node::Impl::Stop() {
  if (std::exchange(stopped, true)) return;
  http = nullptr;
  gauges = nullptr;
  if (liveness != nullptr) liveness->Stop();
  if (drains != nullptr) drains->Stop();
  if (joining != nullptr) joining->Stop();
  if (checks != nullptr) checks->Stop();
  if (raft != nullptr) HandOverLeadership(*raft);
  if (api != nullptr) api->Stop(kStopGraceMs);
  if (relay != nullptr) relay->Stop();
  if (proposer != nullptr) proposer->Stop();
  if (history_upkeep != nullptr) history_upkeep->Stop();
  if (upkeep != nullptr) upkeep->Stop();
  if (raft != nullptr) raft->Stop();
  loop.Stop();
  asker = nullptr;  // its last answers find the loop closed
  worker.Stop();
  if (transfers != nullptr) transfers->Stop();
  if (peers != nullptr) peers->Stop();
  hub.Stop();
  if (replica != nullptr) replica->store()->Sync();
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;

absl::StatusOr<std::unique_ptr<Node>> Node::Start(const Config& config) {
  auto impl = std::make_unique<Impl>(config);
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Node>(new Node(std::move(impl)));
}

absl::Status Node::WriteReadyFile() const {
  return server::WriteReadyFile(
      impl_->config.ready_file,
      {.api = impl_->ApiAddress(), .http = impl_->HttpAddress(), .peer = impl_->peer_address});
}

void Node::Reload() { impl_->security->Reload(); }
void Node::Stop() { impl_->Stop(); }

}  // namespace registryd::server
