// Between the plain values of include/registry and the messages of registry.v1. The only place that
// knows both.
//
// To... checks an answer: INTERNAL where it does not fit its request, so that nobody indexes past
// its end.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/past.h"
#include "registry/types.h"
#include "registry/v1/discovery.pb.h"
#include "registry/v1/lease.pb.h"
#include "registry/v1/registration.pb.h"
#include "registry/v1/subscribers.pb.h"
#include "registry/v1/types.pb.h"

namespace registry {

absl::Status MalformedAnswer(const std::string& why);

v1::InstanceSpec ToProto(const InstanceSpec& spec);
v1::Instance ToProto(const Instance& instance);
v1::InstanceRef ToProto(const InstanceRef& ref);
v1::Health ToProto(Health health);
v1::ReadOptions ToProto(const ReadOptions& read);
v1::LookupRequest ToProto(const LookupQuery& query);
v1::ListServicesRequest ToProto(const ListServicesQuery& query);
v1::ListInstancesRequest ToProto(const ListInstancesQuery& query);
v1::UpdateRequest ToProto(const InstanceUpdate& update);

InstanceSpec ToSpec(const v1::InstanceSpec& message);
Instance ToInstance(const v1::Instance& message);
AnswerInfo ToInfo(const v1::AnswerInfo& message);
LookupResult ToResult(const v1::LookupResponse& message);
ServicesPage ToPage(const v1::ListServicesResponse& message);
InstancesPage ToPage(const v1::ListInstancesResponse& message);

Subscriber ToSubscriber(const v1::Subscriber& message);
DrainResult ToResult(const v1::DrainResponse& message);

absl::StatusOr<Lease> ToLease(const v1::GrantedLease& message);
absl::StatusOr<RegisterResult> ToResult(const v1::RegisterRequest& request,
                                        const v1::RegisterResponse& message);
absl::StatusOr<DeregisterResult> ToResult(const v1::DeregisterRequest& request,
                                          const v1::DeregisterResponse& message);

}  // namespace registry
