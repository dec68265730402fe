#include "tests/support/stubs.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

using registry::v1::KeepAliveRequest;
using registry::v1::KeepAliveResponse;

void SetDeadline(grpc::ClientContext& context, std::chrono::milliseconds more = {}) {
  context.set_deadline(std::chrono::system_clock::now() + kPatience + more);
}

template <class Stub, class Interface, class Request, class Response>
grpc::Status Call(Stub& stub,
                  grpc::Status (Interface::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  SetDeadline(context);
  return (stub.*method)(&context, request, response);
}

}  // namespace

registry::v1::InstanceSpec Spec(const std::string& service, const std::string& id) {
  registry::v1::InstanceSpec spec;
  spec.set_service(service);
  spec.set_id(id);
  auto* endpoint = spec.add_endpoints();
  endpoint->set_host("127.0.0.1");
  endpoint->set_port(8080);
  return spec;
}

Stubs::Stubs(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  const auto channel =
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  registration_ = registry::v1::Registration::NewStub(channel);
  lease_ = registry::v1::Lease::NewStub(channel);
  discovery_ = registry::v1::Discovery::NewStub(channel);
  cluster_ = registry::v1::Cluster::NewStub(channel);
  administration_ = registry::v1::Administration::NewStub(channel);
  subscribers_ = registry::v1::Subscribers::NewStub(channel);
}

grpc::Status Stubs::Register(const registry::v1::RegisterRequest& request,
                             registry::v1::RegisterResponse* response) {
  return Call(*registration_, &registry::v1::Registration::StubInterface::Register, request,
              response);
}

grpc::Status Stubs::Deregister(const registry::v1::DeregisterRequest& request,
                               registry::v1::DeregisterResponse* response) {
  return Call(*registration_, &registry::v1::Registration::StubInterface::Deregister, request,
              response);
}

grpc::Status Stubs::Update(const registry::v1::UpdateRequest& request,
                           registry::v1::UpdateResponse* response) {
  return Call(*registration_, &registry::v1::Registration::StubInterface::Update, request,
              response);
}

grpc::Status Stubs::SetHealth(const registry::v1::SetHealthRequest& request,
                              registry::v1::SetHealthResponse* response) {
  return Call(*registration_, &registry::v1::Registration::StubInterface::SetHealth, request,
              response);
}

grpc::Status Stubs::Grant(const registry::v1::GrantLeaseRequest& request,
                          registry::v1::GrantLeaseResponse* response) {
  return Call(*lease_, &registry::v1::Lease::StubInterface::Grant, request, response);
}

grpc::Status Stubs::Revoke(const registry::v1::RevokeLeaseRequest& request,
                           registry::v1::RevokeLeaseResponse* response) {
  return Call(*lease_, &registry::v1::Lease::StubInterface::Revoke, request, response);
}

grpc::Status Stubs::Lookup(const registry::v1::LookupRequest& request,
                           registry::v1::LookupResponse* response) {
  return Call(*discovery_, &registry::v1::Discovery::StubInterface::Lookup, request, response);
}

grpc::Status Stubs::ListInstances(const registry::v1::ListInstancesRequest& request,
                                  registry::v1::ListInstancesResponse* response) {
  return Call(*discovery_, &registry::v1::Discovery::StubInterface::ListInstances, request,
              response);
}

grpc::Status Stubs::ListServices(const registry::v1::ListServicesRequest& request,
                                 registry::v1::ListServicesResponse* response) {
  return Call(*discovery_, &registry::v1::Discovery::StubInterface::ListServices, request,
              response);
}

grpc::Status Stubs::Status(registry::v1::StatusResponse* response) {
  return Call(*cluster_, &registry::v1::Cluster::StubInterface::Status,
              registry::v1::StatusRequest(), response);
}

grpc::Status Stubs::Drain(const registry::v1::DrainRequest& request,
                          registry::v1::DrainResponse* response) {
  grpc::ClientContext context;
  SetDeadline(context, std::chrono::milliseconds(request.wait_ms()));
  return subscribers_->Drain(&context, request, response);
}

grpc::Status Stubs::ChangeMember(const registry::v1::ChangeMemberRequest& request) {
  registry::v1::ChangeMemberResponse response;
  return Call(*administration_, &registry::v1::Administration::StubInterface::ChangeMember, request,
              &response);
}

grpc::Status Stubs::KeepAlive(const KeepAliveRequest& frame, KeepAliveResponse* response) {
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = lease_->KeepAlive(&context);
  bool answered = stream->Write(frame);
  stream->WritesDone();
  answered = answered && stream->Read(response);
  const grpc::Status status = stream->Finish();
  if (status.ok() && !answered) return {grpc::StatusCode::INTERNAL, "the stream had no answer"};
  return status;
}

std::map<std::string, registry::v1::Instance> Stubs::AllInstances() {
  std::map<std::string, registry::v1::Instance> all;
  registry::v1::ListInstancesRequest request;
  request.set_page_size(100);
  do {
    registry::v1::ListInstancesResponse page;
    const grpc::Status status = ListInstances(request, &page);
    EXPECT_TRUE(status.ok()) << status.error_message();
    if (!status.ok()) return all;
    for (const registry::v1::Instance& instance : page.instances()) {
      const auto& spec = instance.spec();
      const std::string name = spec.namespace_() + "/" + spec.service() + "/" + spec.id();
      EXPECT_TRUE(all.emplace(name, instance).second) << name << " is listed twice";
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

}  // namespace registryd::testing
