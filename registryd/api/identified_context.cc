#include "registryd/api/identified_context.h"

#include <string>

#include "registryd/base/text.h"

namespace registryd::api {
namespace {

// The only value; empty where there are none or several.
std::string Only(const std::vector<grpc::string_ref>& values) {
  return values.size() == 1 ? std::string(values[0].data(), values[0].size()) : std::string();
}

}  // namespace

operations::Caller IdentifiedContext::Identify(operations::Lane lane) {
  operations::Credentials credentials;
  credentials.peer = peer();
  const auto headers = client_metadata().equal_range("authorization");
  for (auto at = headers.first; at != headers.second; ++at) {
    credentials.ambiguous |= !credentials.authorization.empty();
    credentials.authorization.assign(at->second.data(), at->second.size());
  }
  const std::shared_ptr<const grpc::AuthContext> transport = auth_context();
  if (transport != nullptr && transport->IsPeerAuthenticated()) {
    const auto uris = transport->FindPropertyValues("peer_uri");
    const auto names = transport->FindPropertyValues("peer_dns");
    // gRPC gives the SPIFFE URI only where the certificate has it as its only URI and it is valid.
    credentials.spiffe = Only(transport->FindPropertyValues("peer_spiffe_id"));
    if (!uris.empty() && credentials.spiffe.empty()) credentials.ambiguous = true;
    if (!names.empty()) credentials.dns.assign(names[0].data(), names[0].size());
  }
  operations::Caller caller = authenticator_->Identify(credentials, lane);
  if (caller.retry_after_ms > 0) {
    // What gRPC clients with retries read, and people see.
    AddTrailingMetadata("grpc-retry-pushback-ms", Text(caller.retry_after_ms));
  }
  return caller;
}

grpc::CallbackServerContext* IdentifyingAllocator::NewCallbackServerContext() {
  return new IdentifiedContext(authenticator_);
}

grpc::GenericCallbackServerContext* IdentifyingAllocator::NewGenericCallbackServerContext() {
  return new grpc::GenericCallbackServerContext();
}

}  // namespace registryd::api
