// The public API without the client library: one call is one message, with a deadline and no retry.
//
//   Stubs stubs(daemon.address());
//   RegisterResponse response;
//   grpc::Status status = stubs.Register(Spec("web", "i-1"), &response);
//
// Threads: any.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>

#include "registry/v1/administration.grpc.pb.h"
#include "registry/v1/cluster.grpc.pb.h"
#include "registry/v1/discovery.grpc.pb.h"
#include "registry/v1/lease.grpc.pb.h"
#include "registry/v1/registration.grpc.pb.h"
#include "registry/v1/subscribers.grpc.pb.h"

namespace registryd::testing {

// With one endpoint "default" at 127.0.0.1:8080.
registry::v1::InstanceSpec Spec(const std::string& service, const std::string& id);

class Stubs {
 public:
  explicit Stubs(const std::string& address);

  grpc::Status Register(const registry::v1::RegisterRequest& request,
                        registry::v1::RegisterResponse* response);
  grpc::Status Deregister(const registry::v1::DeregisterRequest& request,
                          registry::v1::DeregisterResponse* response);
  grpc::Status Update(const registry::v1::UpdateRequest& request,
                      registry::v1::UpdateResponse* response);
  grpc::Status SetHealth(const registry::v1::SetHealthRequest& request,
                         registry::v1::SetHealthResponse* response);
  grpc::Status Grant(const registry::v1::GrantLeaseRequest& request,
                     registry::v1::GrantLeaseResponse* response);
  grpc::Status Revoke(const registry::v1::RevokeLeaseRequest& request,
                      registry::v1::RevokeLeaseResponse* response);
  grpc::Status Lookup(const registry::v1::LookupRequest& request,
                      registry::v1::LookupResponse* response);
  grpc::Status ListInstances(const registry::v1::ListInstancesRequest& request,
                             registry::v1::ListInstancesResponse* response);
  grpc::Status ListServices(const registry::v1::ListServicesRequest& request,
                            registry::v1::ListServicesResponse* response);
  grpc::Status Status(registry::v1::StatusResponse* response);
  // Has as long as the request waits, and the deadline besides.
  grpc::Status Drain(const registry::v1::DrainRequest& request,
                     registry::v1::DrainResponse* response);
  grpc::Status ChangeMember(const registry::v1::ChangeMemberRequest& request);
  // One frame on a stream of its own.
  grpc::Status KeepAlive(const registry::v1::KeepAliveRequest& frame,
                         registry::v1::KeepAliveResponse* response);

  // All pages, by "namespace/service/id". A name that comes twice fails the test.
  std::map<std::string, registry::v1::Instance> AllInstances();

 private:
  std::unique_ptr<registry::v1::Registration::Stub> registration_;
  std::unique_ptr<registry::v1::Lease::Stub> lease_;
  std::unique_ptr<registry::v1::Discovery::Stub> discovery_;
  std::unique_ptr<registry::v1::Cluster::Stub> cluster_;
  std::unique_ptr<registry::v1::Administration::Stub> administration_;
  std::unique_ptr<registry::v1::Subscribers::Stub> subscribers_;
};

}  // namespace registryd::testing
