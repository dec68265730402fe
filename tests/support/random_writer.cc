#include "tests/support/random_writer.h"

#include <iterator>

namespace registryd::testing {
namespace {

void FillRef(const std::string& name, registry::v1::InstanceRef* ref) {
  const size_t first = name.find('/');
  const size_t second = name.find('/', first + 1);
  ref->set_namespace_(name.substr(0, first));
  ref->set_service(name.substr(first + 1, second - first - 1));
  ref->set_id(name.substr(second + 1));
}

}  // namespace

registry::v1::InstanceSpec RandomWriter::MakeSpec() {
  static const char* const kServices[] = {"web-1", "web-2", "db"};
  registry::v1::InstanceSpec spec = Spec(kServices[Below(3)], "i-" + std::to_string(Below(12)));
  spec.set_namespace_(Below(4) == 0 ? "blue" : "default");
  spec.set_weight(static_cast<uint32_t>(weight_++ % 65'535 + 1));
  FillLabels(spec.mutable_labels());
  return spec;
}

void RandomWriter::FillLabels(google::protobuf::Map<std::string, std::string>* labels) {
  if (Below(3) != 0) (*labels)["env"] = Below(2) == 0 ? "prod" : "test";
}

grpc::Status RandomWriter::Call(Stubs& stubs, uint64_t* revision) {
  touched_.clear();
  removed_.clear();
  const uint64_t kind = Below(10);
  if (present_.empty() || kind < 5) {
    registry::v1::RegisterRequest request;
    for (uint64_t left = 1 + Below(4); left > 0; --left) {
      const registry::v1::InstanceSpec spec = MakeSpec();
      const std::string name = spec.namespace_() + "/" + spec.service() + "/" + spec.id();
      if (touched_.insert(name).second) *request.add_instances() = spec;
    }
    registry::v1::RegisterResponse response;
    const grpc::Status status = stubs.Register(request, &response);
    *revision = response.revision();
    return status;
  }
  const std::string name =
      *std::next(present_.begin(), static_cast<std::ptrdiff_t>(Below(present_.size())));
  touched_.insert(name);
  if (kind < 7) {
    registry::v1::DeregisterRequest request;
    FillRef(name, request.add_instances());
    if (Below(2) == 0 && *present_.begin() != name) {
      FillRef(*present_.begin(), request.add_instances());
      touched_.insert(*present_.begin());
    }
    removed_ = touched_;
    registry::v1::DeregisterResponse response;
    const grpc::Status status = stubs.Deregister(request, &response);
    *revision = response.revision();
    return status;
  }
  if (kind < 8) {
    registry::v1::UpdateRequest request;
    FillRef(name, request.mutable_instance());
    request.set_weight(static_cast<uint32_t>(weight_++ % 65'535 + 1));
    if (Below(2) == 0) FillLabels(request.mutable_labels()->mutable_entries());
    registry::v1::UpdateResponse response;
    const grpc::Status status = stubs.Update(request, &response);
    *revision = response.revision();
    return status;
  }
  registry::v1::SetHealthRequest request;
  FillRef(name, request.mutable_instance());
  static const registry::v1::Health kReports[] = {
      registry::v1::HEALTH_PASSING, registry::v1::HEALTH_CRITICAL, registry::v1::HEALTH_DRAINING};
  request.set_health(kReports[Below(3)]);
  request.set_message(std::to_string(weight_++));
  registry::v1::SetHealthResponse response;
  const grpc::Status status = stubs.SetHealth(request, &response);
  *revision = response.revision();
  return status;
}

bool RandomWriter::Write(Stubs& stubs) {
  uint64_t revision = 0;
  if (!Call(stubs, &revision).ok()) return false;
  Applied(revision);
  return true;
}

bool RandomWriter::Settle(Stubs& stubs) {
  // Level with whatever was committed.
  registry::v1::LookupRequest level;
  level.set_service("web-1");
  level.mutable_read()->set_consistency(registry::v1::CONSISTENCY_LINEARIZABLE);
  registry::v1::LookupResponse ignored;
  if (!stubs.Lookup(level, &ignored).ok()) return false;
  registry::v1::StatusResponse status;
  if (!stubs.Status(&status).ok()) return false;
  if (status.info().revision() > revision_) Applied(status.info().revision());
  return true;
}

void RandomWriter::Applied(uint64_t revision) {
  if (revision == revision_) return;
  revision_ = revision;
  truth_[revision] = touched_;
  for (const std::string& name : touched_) {
    if (removed_.count(name) != 0) {
      present_.erase(name);
    } else {
      present_.insert(name);
    }
  }
}

}  // namespace registryd::testing
