#include "registryd/server/node.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <future>
#include <thread>
#include <utility>

#include "registryd/api/api_server.h"
#include "registryd/base/check.h"
#include "registryd/base/clock.h"
#include "registryd/base/log.h"
#include "registryd/base/loop.h"
#include "registryd/base/metrics.h"
#include "registryd/base/random.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/consensus/raft_thread.h"
#include "registryd/liveness/liveness_driver.h"
#include "registryd/operations/reads.h"
#include "registryd/operations/renewals.h"
#include "registryd/operations/watches.h"
#include "registryd/operations/writes.h"
#include "registryd/replica/log_upkeep.h"
#include "registryd/replica/replica.h"
#include "registryd/server/address.h"
#include "registryd/server/pages.h"
#include "registryd/server/version.h"
#include "registryd/storage/data_dir.h"
#include "registryd/storage/log_store.h"
#include "registryd/storage/state_store.h"

namespace registryd::server {
namespace {

constexpr int64_t kStopGraceMs = 2'000;
constexpr size_t kFanOutThreads = 2;
constexpr int64_t kLeaderPatienceMs = 5'000;
// The loop ticks every 100 ms; one that has not for so long is stuck.
constexpr int64_t kLoopStuckMs = 10'000;

// The transport of a cluster of one: there is nobody to send to.
class NoPeers final : public consensus::Transport {
 public:
  void Send(NodeId to, const std::string&, const consensus::PeerMessage&) override {
    REGISTRYD_CHECK(false, Text("a message for node ", to, " in a cluster of one"));
  }
};

storage::NodeIdentity NewIdentity(const Config& config) {
  return {ClusterId(RandomId()), NodeId(RandomId()), config.name};
}

absl::Status Bootstrap(storage::RocksLogStore& log, const storage::NodeIdentity& identity,
                       const std::string& peer_address) {
  ASSIGN_OR_RETURN(auto payload, consensus::EncodeConfiguration(
                                     {{identity.node, peer_address, consensus::Suffrage::kVoter}}));
  return log.Bootstrap(identity, {Term(1), consensus::EntryType::kConfiguration, payload});
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
  absl::Status OpenStores();
  absl::Status StartConsensus();
  absl::Status StartServers();
  void Describe(registry::v1::StatusResponse* out) const;
  std::string ApiAddress() const;
  std::string HttpAddress() const;
  Health Alive() const;
  Health Ready() const;
  void RefreshGauges() const;
  void Stop();

  const Config config;
  const SystemClock clock;
  const int64_t started_ms = clock.MonotonicMs();
  std::unique_ptr<storage::DataDir> data_dir;
  storage::NodeIdentity identity;
  std::unique_ptr<storage::RocksLogStore> log;
  std::unique_ptr<storage::StateStore> state;
  Loop loop{"loop"};
  watch::Hub hub{kFanOutThreads};
  NoPeers transport;
  std::unique_ptr<replica::Replica> replica;
  std::unique_ptr<consensus::RaftThread> raft;
  std::unique_ptr<liveness::LivenessDriver> liveness;
  std::unique_ptr<replica::LogUpkeep> upkeep;
  operations::OpenAccess access;
  std::unique_ptr<operations::Writes> writes;
  std::unique_ptr<operations::Reads> reads;
  std::unique_ptr<operations::Renewals> renewals;
  std::unique_ptr<operations::Watches> watches;
  std::unique_ptr<api::ApiServer> api;
  std::unique_ptr<Pages> pages;
  std::unique_ptr<metrics::ScrapeHook> gauges;
  std::unique_ptr<gateway::HttpServer> http;
  std::atomic<int64_t> ticked_ms{0};
  bool stopped = false;
};

absl::Status Node::Impl::Start() {
  RETURN_IF_ERROR(OpenStores());
  RETURN_IF_ERROR(StartConsensus());
  return StartServers();
}

absl::Status Node::Impl::OpenStores() {
  ASSIGN_OR_RETURN(data_dir, storage::DataDir::Lock(config.data_dir, config.name));
  ASSIGN_OR_RETURN(log, storage::RocksLogStore::Open({.dir = data_dir->log_dir(),
                                                      .reserve_bytes = config.disk_reserve_bytes}));
  ASSIGN_OR_RETURN(auto known, log->LoadIdentity());
  if (!known) {
    known = NewIdentity(config);
    RETURN_IF_ERROR(Bootstrap(*log, *known, config.peer_listen));
    log::Info("a new cluster of one", {{"cluster", known->cluster}, {"name", known->name}});
  }
  identity = *std::move(known);
  ASSIGN_OR_RETURN(state, storage::StateStore::Open(data_dir->state_dir()));
  replica = std::make_unique<replica::Replica>(
      replica::Replica::Parts{.store = state.get(), .hub = &hub, .loop = &loop, .clock = &clock});
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

absl::Status Node::Impl::StartConsensus() {
  consensus::RaftThreadOptions options;
  options.driver.id = identity.node;
  options.driver.address = config.peer_listen;
  raft = std::make_unique<consensus::RaftThread>(
      consensus::RaftThread::Parts{
          .log = log.get(), .transport = &transport, .machine = replica.get(), .clock = &clock},
      options);
  replica->OnApplied([this](LogIndex index) { raft->OnApplied(index); });
  liveness = std::make_unique<liveness::LivenessDriver>(
      liveness::LivenessDriver::Parts{
          .replica = replica.get(), .proposer = raft.get(), .loop = &loop, .clock = &clock},
      liveness::LivenessOptions{.remove_after_ms = config.remove_after_ms});
  replica->AddObserver(liveness.get());
  loop.Every(liveness::LivenessDriver::kTickMs, [this] {
    kLoop.AssertHeld();
    liveness->Tick();
    replica->ExpireWaiters();
    ticked_ms = clock.MonotonicMs();
  });
  loop.Start();
  RETURN_IF_ERROR(raft->Start(replica->applied()));
  upkeep = std::make_unique<replica::LogUpkeep>(
      replica.get(), state.get(), [this](LogIndex index) { raft->CutLog(index); },
      replica::LogUpkeepOptions{});
  return absl::OkStatus();
}

absl::Status Node::Impl::StartServers() {
  writes = std::make_unique<operations::Writes>(raft.get(), &access);
  reads = std::make_unique<operations::Reads>(operations::Reads::Parts{
      .replica = replica.get(), .proposer = raft.get(), .access = &access, .clock = &clock});
  renewals = std::make_unique<operations::Renewals>(liveness.get(), &access);
  watches = std::make_unique<operations::Watches>(reads.get(), &hub, &access);
  ASSIGN_OR_RETURN(const Address listen, ParseAddress(config.listen));
  ASSIGN_OR_RETURN(api,
                   api::ApiServer::Start(
                       listen.host, listen.port,
                       {.writes = writes.get(),
                        .reads = reads.get(),
                        .renewals = renewals.get(),
                        .watches = watches.get(),
                        .describe = [this](registry::v1::StatusResponse* out) { Describe(out); }}));
  ASSIGN_OR_RETURN(const Address http_listen, ParseAddress(config.http_listen));
  pages = std::make_unique<Pages>([this] { return Alive(); }, [this] { return Ready(); });
  gauges = std::make_unique<metrics::ScrapeHook>([this] { RefreshGauges(); });
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
  api->SetServing(true);
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
  if (!replica->leadership().leader) {
    return {false,
            "no leader is known: lookups answer from what this node has, writes are refused"};
  }
  return {true, "ready"};
}

void Node::Impl::RefreshGauges() const {
  const auto set = [](const char* name, const char* help, double value) {
    metrics::GetGauge(name, help).Set(value);
  };
  const auto view = replica->view();
  const consensus::RaftStatus status = raft->status();
  set("registryd_instances", "Instances of all states.", static_cast<double>(view->instances));
  set("registryd_services", "Services with at least one instance.",
      static_cast<double>(view->services.size()));
  set("registryd_leases", "Leases.", static_cast<double>(view->leases));
  set("registryd_revision", "Revision of the view.", static_cast<double>(view->revision().value()));
  set("registryd_raft_term", "Raft term.", static_cast<double>(status.term.value()));
  set("registryd_raft_commit_index", "Committed index of the Raft log.",
      static_cast<double>(status.commit.value()));
  set("registryd_raft_applied_index", "Applied index of the Raft log.",
      static_cast<double>(replica->applied().value()));
  set("registryd_raft_first_index", "Oldest index that is still in the Raft log.",
      static_cast<double>(status.first_index.value()));
  set("registryd_is_leader", "1 on the leader when it is ready.", status.ready ? 1 : 0);
  set("registryd_lag_seconds", "Time since this node knew itself level with the leader.",
      static_cast<double>(replica->lag_ms()) / 1e3);
  set("registryd_insecure", "1 when it listens beyond loopback without TLS.",
      config.insecure ? 1 : 0);
}

void Node::Impl::Describe(registry::v1::StatusResponse* out) const {
  const consensus::RaftStatus status = raft->status();
  const replica::Replica::Position position = replica->position();
  out->set_node(identity.name);
  out->set_version(kVersion);
  out->set_uptime_ms(clock.MonotonicMs() - started_ms);
  for (const consensus::Server& server : *status.configuration) {
    auto* member = out->add_members();
    member->set_node_id(server.id.value());
    member->set_address(server.address);
    if (server.id != identity.node) continue;
    member->set_name(identity.name);
    member->set_role(ToApi(status.role));
    member->set_term(status.term.value());
    member->set_applied_index(position.index.value());
    member->set_last_index(status.last_index.value());
    member->set_digest(position.digest);
    if (status.leader == server.id) out->set_leader(identity.name);
  }
}

void Node::Impl::Stop() {
  if (std::exchange(stopped, true)) return;
  http = nullptr;
  gauges = nullptr;
  if (liveness != nullptr) liveness->Stop();
  if (api != nullptr) api->Stop(kStopGraceMs);
  if (upkeep != nullptr) upkeep->Stop();
  if (raft != nullptr) raft->Stop();
  loop.Stop();
  hub.Stop();
  if (state != nullptr) state->Sync();
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;

absl::StatusOr<std::unique_ptr<Node>> Node::Start(const Config& config) {
  auto impl = std::make_unique<Impl>(config);
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Node>(new Node(std::move(impl)));
}

absl::Status Node::WriteReadyFile() const {
  const std::string& path = impl_->config.ready_file;
  if (path.empty()) return absl::OkStatus();
  const std::string draft = Text(path, ".", getpid());
  std::ofstream file(draft, std::ios::trunc);
  file << "api=" << impl_->ApiAddress() << "\nhttp=" << impl_->HttpAddress() << "\n";
  file.close();
  if (!file || std::rename(draft.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(
        Text("cannot write ", path, "; is its directory there and writable?"));
  }
  return absl::OkStatus();
}

void Node::Stop() { impl_->Stop(); }

}  // namespace registryd::server
