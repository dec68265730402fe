#include "registryd/watch/page_codec.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "registry/v1/discovery.pb.h"
#include "registryd/wire/api_codec.h"

namespace registryd::watch {
namespace {

using registry::v1::Changes;
using registry::v1::Snapshot;
using registry::v1::WatchResponse;

constexpr uint32_t kLengthDelimited = 2;

// tag, length of head + elements, head: what goes before the elements of one message field whose
// repeated part was encoded before.
std::string Head(int field_number, std::string_view head, size_t elements, size_t reserve) {
  std::string out;
  out.reserve(head.size() + reserve + 16);
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.WriteTag((static_cast<uint32_t>(field_number) << 3) | kLengthDelimited);
    coded.WriteVarint64(head.size() + elements);
  }
  return out += head;
}

std::string Wrap(int field_number, const std::string& head, const std::string& elements) {
  return Head(field_number, head, elements.size(), elements.size()) += elements;
}

std::string EncodeAlone(const WatchResponse& response) { return response.SerializeAsString(); }

void FillRef(const core::InstanceName& name, Revision incarnation, registry::v1::InstanceRef* ref) {
  ref->set_namespace_(std::string(name.ns()));
  ref->set_service(std::string(name.service()));
  ref->set_id(std::string(name.id()));
  ref->set_incarnation(incarnation.value());
}

}  // namespace

void ChangesEncoder::AddChanged(const core::Instance& instance) {
  wire::AppendInstanceElement(Changes::kChangedFieldNumber, instance, &elements_);
}

void ChangesEncoder::AddGone(const core::Instance& instance) {
  Changes one;
  FillRef(instance.name(), instance.incarnation, one.add_gone());
  one.AppendToString(&elements_);
}

void ChangesEncoder::AddGone(const core::InstanceName& name) {
  Changes one;
  FillRef(name, Revision(), one.add_gone());
  one.AppendToString(&elements_);
}

std::string ChangesEncoder::Finish(Revision from, Revision to, int64_t time_ms) {
  Changes head;
  head.set_from_revision(from.value());
  head.set_revision(to.value());
  head.set_time_ms(time_ms);
  return Wrap(WatchResponse::kChangesFieldNumber, head.SerializeAsString(), elements_);
}

void SnapshotEncoder::Add(const core::Instance& instance) {
  wire::AppendInstanceElement(Snapshot::kInstancesFieldNumber, instance, &elements_);
}

std::string SnapshotEncoder::Finish(ClusterId cluster, Revision revision, bool first, bool last) {
  Snapshot head;
  head.mutable_cursor()->set_cluster_id(cluster.value());
  head.mutable_cursor()->set_revision(revision.value());
  head.set_first(first);
  head.set_last(last);
  return Wrap(WatchResponse::kSnapshotFieldNumber, head.SerializeAsString(), elements_);
}

std::string EncodeResync(std::string_view reason) {
  WatchResponse response;
  response.mutable_resync()->set_reason(std::string(reason));
  return EncodeAlone(response);
}

std::string EncodeProgress(Revision revision, uint64_t digest, uint64_t count) {
  WatchResponse response;
  auto* progress = response.mutable_progress();
  progress->set_revision(revision.value());
  progress->set_digest(digest);
  progress->set_count(count);
  return EncodeAlone(response);
}

std::string EncodeEnded(int code, std::string_view message) {
  WatchResponse response;
  response.mutable_ended()->set_code(static_cast<uint32_t>(code));
  response.mutable_ended()->set_message(std::string(message));
  return EncodeAlone(response);
}

std::string EncodeSubscription(uint64_t subscription) {
  WatchResponse response;
  response.set_subscription(subscription);
  return EncodeAlone(response);
}

std::string EncodeAlso(std::string_view subscription, std::string_view event) {
  return Head(WatchResponse::kAlsoFieldNumber, subscription, event.size(), 0);
}

}  // namespace registryd::watch
