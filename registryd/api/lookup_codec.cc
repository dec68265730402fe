#include "registryd/api/lookup_codec.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/validate.h"
#include "registryd/wire/api_codec.h"
#include "registryd/wire/proto_writer.h"

namespace registryd::api {
namespace {

using registry::v1::LookupResponse;

// Below this, copying the bytes is cheaper than keeping a view alive for them.
constexpr size_t kCopyMax = 64 << 10;

std::string EncodeHeader(const operations::AnswerStamp& stamp, uint32_t total) {
  LookupResponse header;
  StampToApi(stamp, header.mutable_info());
  header.set_total(total);
  return header.SerializeAsString();
}

grpc::Slice CopyOf(const std::string& header, const std::vector<std::string_view>& parts,
                   size_t size) {
  grpc::Slice slice(header.size() + size);
  auto* at = const_cast<uint8_t*>(slice.begin());
  std::memcpy(at, header.data(), header.size());
  at += header.size();
  for (std::string_view part : parts) {
    std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  return slice;
}

// A slice of bytes that belong to the view.
grpc::Slice SharedSlice(const operations::ViewPtr& view, std::string_view part) {
  return grpc::Slice(
      const_cast<char*>(part.data()), part.size(),
      [](void* held) { delete static_cast<operations::ViewPtr*>(held); },
      new operations::ViewPtr(view));
}

// `view`: what the parts belong to; nullptr: they are copied.
grpc::ByteBuffer Join(const std::string& header, const std::vector<std::string_view>& parts,
                      const operations::ViewPtr& view) {
  size_t size = 0;
  for (std::string_view part : parts) size += part.size();
  if (size <= kCopyMax || view == nullptr) {
    const grpc::Slice slice = CopyOf(header, parts, size);
    return grpc::ByteBuffer(&slice, 1);
  }
  std::vector<grpc::Slice> slices;
  slices.reserve(parts.size() + 1);
  slices.emplace_back(header);
  for (std::string_view part : parts) slices.push_back(SharedSlice(view, part));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::vector<std::string_view> EncodedParts(const replica::ServiceView& service) {
  std::vector<std::string_view> passing;
  std::vector<std::string_view> suspect;
  service.instances.ForEachLeaf(
      [&](const std::vector<core::InstancePtr>& instances, const replica::EncodedLeafCache& cache) {
        const replica::EncodedLeaf& encoded = cache.Get(instances);
        if (!encoded.passing.empty()) passing.push_back(encoded.passing);
        if (!encoded.suspect.empty()) suspect.push_back(encoded.suspect);
      });
  passing.insert(passing.end(), suspect.begin(), suspect.end());
  return passing;
}

// Appends the chosen instances as elements; how many there were before the limit.
uint32_t AppendSelected(const replica::ServiceView& service, const operations::LookupQuery& query,
                        std::string* out) {
  const operations::Selection selection = operations::Select(service, query);
  for (const core::InstancePtr& instance : selection.instances) {
    wire::AppendInstanceElement(LookupResponse::kInstancesFieldNumber, *instance, out);
  }
  return selection.total;
}

}  // namespace

absl::StatusOr<std::string> ServiceNameFromApi(std::string_view ns, std::string_view service,
                                               std::string_view path) {
  const std::string prefix = path.empty() ? "" : Text(path, ".");
  if (ns.empty()) ns = "default";
  RETURN_IF_ERROR(core::ValidateName(Text(prefix, "namespace"), ns));
  RETURN_IF_ERROR(core::ValidateName(Text(prefix, "service"), service));
  return Text(ns, "/", service);
}

absl::StatusOr<operations::LookupQuery> QueryFromApi(std::string_view path,
                                                     const registry::v1::LookupRequest& request) {
  operations::LookupQuery query;
  ASSIGN_OR_RETURN(query.service_name,
                   ServiceNameFromApi(request.namespace_(), request.service(), path));
  ASSIGN_OR_RETURN(query.filter, FilterFromApi(path, request.health(), request.selector(),
                                               request.version_range(), core::kServedHealth));
  query.zone = request.zone();
  query.limit = request.limit();
  query.plain = request.health_size() == 0 && request.selector().empty() &&
                request.version_range().empty() && query.zone.empty() && query.limit == 0;
  return query;
}

absl::StatusOr<core::InstanceFilter> FilterFromApi(
    std::string_view path, const google::protobuf::RepeatedField<int>& health,
    std::string_view selector, std::string_view version_range, uint8_t health_if_empty) {
  const std::string prefix = path.empty() ? "" : Text(path, ".");
  core::InstanceFilter filter;
  filter.health_mask = health.empty() ? health_if_empty : 0;
  for (int i = 0; i < health.size(); ++i) {
    if (health[i] < registry::v1::HEALTH_PASSING || health[i] > registry::v1::HEALTH_DRAINING) {
      return absl::InvalidArgumentError(
          Text(prefix, "health[", i, "]: must be PASSING, SUSPECT, CRITICAL or DRAINING, is ",
               health[i]));
    }
    filter.health_mask = static_cast<uint8_t>(filter.health_mask | (1u << health[i]));
  }
  if (!selector.empty()) {
    ASSIGN_OR_RETURN(filter.selector, core::Selector::Parse(Text(prefix, "selector"), selector));
  }
  if (!version_range.empty()) {
    ASSIGN_OR_RETURN(filter.versions,
                     core::VersionRange::Parse(Text(prefix, "version_range"), version_range));
  }
  return filter;
}

absl::StatusOr<operations::ReadOptions> ReadOptionsFromApi(const registry::v1::ReadOptions& read,
                                                           int64_t timeout_ms) {
  if (!registry::v1::Consistency_IsValid(read.consistency())) {
    return absl::InvalidArgumentError(
        Text("read.consistency: must be LOCAL or LINEARIZABLE, is ", int{read.consistency()}));
  }
  return operations::ReadOptions{
      .linearizable = read.consistency() == registry::v1::CONSISTENCY_LINEARIZABLE,
      .min_revision = Revision(read.min_revision()),
      .max_staleness_ms = read.max_staleness_ms(),
      .timeout_ms = timeout_ms};
}

void StampToApi(const operations::AnswerStamp& stamp, registry::v1::AnswerInfo* out) {
  out->set_cluster_id(stamp.cluster.value());
  out->set_revision(stamp.revision.value());
  out->set_lag_ms(stamp.lag_ms);
  out->set_leader_known(stamp.leader_known);
}

grpc::ByteBuffer EncodeLookup(const operations::AnswerStamp& stamp, const operations::ViewPtr& view,
                              const operations::LookupQuery& query) {
  const replica::ServiceView* service = view->Find(query.service_name);
  if (service == nullptr) return Join(EncodeHeader(stamp, 0), {}, view);
  if (query.plain) {
    return Join(EncodeHeader(stamp, service->Served()), EncodedParts(*service), view);
  }
  std::string bytes;
  const uint32_t total = AppendSelected(*service, query, &bytes);
  return Join(EncodeHeader(stamp, total), {bytes}, nullptr);
}

grpc::ByteBuffer EncodeBatchLookup(const operations::AnswerStamp& stamp,
                                   const operations::ViewPtr& view,
                                   const std::vector<operations::LookupQuery>& queries) {
  registry::v1::BatchLookupResponse header;
  StampToApi(stamp, header.mutable_info());
  std::string bytes = header.SerializeAsString();
  wire::Writer writer(&bytes);
  std::string selected;
  for (const operations::LookupQuery& query : queries) {
    const replica::ServiceView* service = view->Find(query.service_name);
    uint32_t total = 0;
    std::vector<std::string_view> parts;
    selected.clear();
    if (service != nullptr && query.plain) {
      total = service->Served();
      parts = EncodedParts(*service);
    } else if (service != nullptr) {
      total = AppendSelected(*service, query, &selected);
      parts.push_back(selected);
    }
    wire::PutMessageBy(writer, registry::v1::BatchLookupResponse::kLookupsFieldNumber,
                       [&](auto& sink) {
                         for (std::string_view part : parts) sink.Bytes(part);
                         wire::PutNumber(sink, LookupResponse::kTotalFieldNumber, total);
                       });
  }
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

bool ParseRequest(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message) {
  grpc::Slice slice;
  if (!bytes.TrySingleSlice(&slice).ok() && !bytes.DumpToSingleSlice(&slice).ok()) return false;
  return message->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
}

}  // namespace registryd::api
