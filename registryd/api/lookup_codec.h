// LookupRequest to a query, and a view's answer to the bytes of a LookupResponse.
// Threads: any.
#pragma once

#include <grpcpp/grpcpp.h>

#include <vector>

#include "absl/status/statusor.h"
#include "registry/v1/discovery.pb.h"
#include "registryd/operations/reads.h"

namespace registryd::api {

// "namespace/service". The parts are checked before they are joined: "web/i-1" is no name of a
// service.
absl::StatusOr<std::string> ServiceNameFromApi(std::string_view ns, std::string_view service,
                                               std::string_view path = {});
absl::StatusOr<operations::LookupQuery> QueryFromApi(std::string_view path,
                                                     const registry::v1::LookupRequest& request);
// `path` is the prefix for messages; `health_if_empty` the mask where the caller names no state.
absl::StatusOr<core::InstanceFilter> FilterFromApi(
    std::string_view path, const google::protobuf::RepeatedField<int>& health,
    std::string_view selector, std::string_view version_range, uint8_t health_if_empty);
absl::StatusOr<operations::ReadOptions> ReadOptionsFromApi(const registry::v1::ReadOptions& read,
                                                           int64_t timeout_ms);
void StampToApi(const operations::AnswerStamp& stamp, registry::v1::AnswerInfo* out);

// The whole response. Small answers are copied into one slice; large ones refer to the view's bytes
// and keep it alive until gRPC has sent them.
grpc::ByteBuffer EncodeLookup(const operations::AnswerStamp& stamp, const operations::ViewPtr& view,
                              const operations::LookupQuery& query);
// The bytes of a BatchLookupResponse: the same for each query, at one view.
grpc::ByteBuffer EncodeBatchLookup(const operations::AnswerStamp& stamp,
                                   const operations::ViewPtr& view,
                                   const std::vector<operations::LookupQuery>& queries);

bool ParseRequest(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message);

}  // namespace registryd::api
