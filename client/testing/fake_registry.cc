#include "registry/testing/fake_registry.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "client/local/convert.h"
#include "client/testing/fake_services.h"
#include "client/testing/fake_state.h"
#include "registryd/wire/api_codec.h"

namespace registry {

namespace core = registryd::core;
namespace wire = registryd::wire;

class FakeRegistry::Server {
 public:
  FakeState state;
  FakeServices services{&state};
  std::unique_ptr<grpc::Server> server;
  int port = 0;

  [[noreturn]] static void Fail(const std::string& why) {
    std::fprintf(stderr, "FakeRegistry: %s\n", why.c_str());
    std::abort();
  }
};

FakeRegistry::FakeRegistry() : server_(std::make_unique<Server>()) { Start(); }

FakeRegistry::~FakeRegistry() { Stop(); }

std::string FakeRegistry::address() const { return "127.0.0.1:" + std::to_string(server_->port); }

ClientOptions FakeRegistry::options() const {
  ClientOptions options;
  options.servers = {address()};
  return options;
}

void FakeRegistry::Start() {
  if (server_->server != nullptr) return;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials(), &server_->port);
  server_->services.Register(&builder);
  server_->server = builder.BuildAndStart();
  if (server_->server == nullptr || server_->port == 0)
    Server::Fail("cannot listen on " + address());
}

void FakeRegistry::Stop() {
  if (server_->server == nullptr) return;
  server_->server->Shutdown(gpr_now(GPR_CLOCK_MONOTONIC));
  server_->server->Wait();
  server_->server.reset();
}

uint64_t FakeRegistry::Put(const std::string& service, const std::string& id,
                           const std::string& host, uint32_t port) {
  InstanceSpec spec;
  spec.service = service;
  spec.id = id;
  spec.endpoints = {{.host = host, .port = port}};
  return Put(spec);
}

uint64_t FakeRegistry::Put(const InstanceSpec& spec) {
  auto decoded = wire::SpecFromApi("spec", ToProto(spec), "i");
  if (!decoded.ok()) Server::Fail(decoded.status().ToString());
  core::Register command;
  command.instances.push_back(*std::move(decoded));
  const auto reply = server_->state.Submit({}, std::move(command));
  if (!reply.ok()) Server::Fail(reply.status().ToString());
  return reply->revision.value();
}

uint64_t FakeRegistry::Remove(const std::string& service, const std::string& id) {
  auto target = wire::TargetFromApi("instance", ToProto(InstanceRef{.service = service, .id = id}));
  if (!target.ok()) Server::Fail(target.status().ToString());
  core::Deregister command;
  command.targets.push_back(*std::move(target));
  const auto reply = server_->state.Submit({}, std::move(command));
  if (!reply.ok()) Server::Fail(reply.status().ToString());
  return reply->revision.value();
}

void FakeRegistry::ExpireLeases() { server_->state.ExpireLeases(); }

uint64_t FakeRegistry::revision() const { return server_->state.revision(); }

std::vector<Instance> FakeRegistry::instances() const {
  uint64_t revision = 0;
  std::vector<Instance> all;
  for (const auto& instance : server_->state.Find("", {}, &revision)) {
    v1::Instance message;
    wire::InstanceToApi(*instance, &message);
    all.push_back(ToInstance(message));
  }
  return all;
}

}  // namespace registry
