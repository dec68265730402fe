#include "registryd/api/api_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <utility>

#include "registryd/api/access_service.h"
#include "registryd/api/discovery_service.h"
#include "registryd/api/history_service.h"
#include "registryd/api/identified_context.h"
#include "registryd/api/lease_service.h"
#include "registryd/api/node_service.h"
#include "registryd/api/open_streams.h"
#include "registryd/api/operator_service.h"
#include "registryd/api/registration_service.h"
#include "registryd/api/subscribers_service.h"
#include "registryd/base/text.h"

namespace registryd::api {
namespace {

constexpr int kMessageMax = 4 << 20;
constexpr int kHeadersMax = 16 << 10;
// Clients may ping an idle connection this often; more is cut.
constexpr int kPingIntervalMinMs = 5'000;
// Who does not finish the handshake, or does not answer our pings, holds a connection no longer.
constexpr int kHandshakeMaxMs = 10'000;
constexpr int kPingAfterMs = 20'000;
constexpr int kPingAnswerMaxMs = 20'000;

}  // namespace

struct ApiServer::Impl {
  explicit Impl(const Parts& parts)
      : registration(parts.writes),
        lease(parts.writes, parts.renewals, &streams),
        discovery(parts.reads, parts.watches, &streams),
        operators(parts.writes, parts.oversight),
        cluster(parts.reads, parts.describe),
        node(parts.access, parts.node_name),
        history(parts.reads, parts.history, parts.worker),
        subscribers({.reads = parts.reads,
                     .audience = parts.audience,
                     .drains = parts.drains,
                     .access = parts.access}),
        access(parts.access) {
    if (parts.administration == nullptr) return;
    administration = std::make_unique<AdministrationService>(parts.administration, parts.worker);
  }

  OpenStreams streams;
  RegistrationService registration;
  LeaseService lease;
  DiscoveryService discovery;
  OperatorService operators;
  ClusterService cluster;
  NodeService node;
  HistoryService history;
  SubscribersService subscribers;
  AccessService access;
  std::unique_ptr<AdministrationService> administration;
  std::unique_ptr<ConnectionGate> gate;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> server;
};

ApiServer::ApiServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiServer::~ApiServer() { Stop(0); }

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(const std::string& host, int port,
                                                            Parts parts) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto impl = std::make_unique<Impl>(parts);
  ASSIGN_OR_RETURN(
      impl->gate,
      ConnectionGate::Listen({.host = host, .port = port, .flag = "--listen", .callers = "clients"},
                             parts.connections));
  grpc::ServerBuilder builder;
  impl->acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      parts.tls.enabled() ? ServerTls(parts.tls, parts.require_client_cert)
                          : grpc::InsecureServerCredentials());
  if (parts.authenticator != nullptr) {
    builder.SetContextAllocator(std::make_unique<IdentifyingAllocator>(parts.authenticator));
  }
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, parts.streams_per_connection);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMaxMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingAfterMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingAnswerMaxMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kPingIntervalMinMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kHeadersMax);
  builder.SetMaxReceiveMessageSize(kMessageMax);
  builder.RegisterService(&impl->registration);
  builder.RegisterService(&impl->lease);
  builder.RegisterService(&impl->discovery);
  builder.RegisterService(&impl->operators);
  builder.RegisterService(&impl->cluster);
  builder.RegisterService(&impl->node);
  builder.RegisterService(&impl->history);
  builder.RegisterService(&impl->subscribers);
  builder.RegisterService(&impl->access);
  if (impl->administration != nullptr) builder.RegisterService(impl->administration.get());
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr) {
    return absl::InternalError(Text("the gRPC server for ", host, " port ", port,
                                    " does not start; its log lines before this one say why"));
  }
  impl->gate->Open([acceptor = impl->acceptor.get()](int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    acceptor->HandleNewConnection(&connection);
  });
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(impl)));
}

int ApiServer::port() const { return impl_->gate->port(); }
size_t ApiServer::connections() const { return impl_->gate->open(); }

void ApiServer::SetServing(bool serving) {
  if (auto* health = impl_->server->GetHealthCheckService()) health->SetServingStatus(serving);
}

void ApiServer::Stop(int64_t grace_ms) {
  if (impl_->server == nullptr) return;
  impl_->gate->Close();
  SetServing(false);
  impl_->streams.CloseAll(grpc::Status(grpc::StatusCode::UNAVAILABLE,
                                       "this node is shutting down; connect to another one"));
  impl_->server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(grace_ms));
  impl_->server = nullptr;
}

}  // namespace registryd::api
