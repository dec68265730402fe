#include "registryd/replica/view.h"

#include <utility>

#include "registry/v1/discovery.pb.h"
#include "registryd/wire/api_codec.h"

namespace registryd::replica {

EncodedLeafCache& EncodedLeafCache::operator=(EncodedLeafCache&& other) noexcept {
  delete encoded_.exchange(other.encoded_.exchange(nullptr));
  return *this;
}

const EncodedLeaf& EncodedLeafCache::Get(const std::vector<core::InstancePtr>& instances) const {
  if (const EncodedLeaf* ready = encoded_.load(std::memory_order_acquire)) return *ready;
  auto made = std::make_unique<EncodedLeaf>();
  for (const core::InstancePtr& instance : instances) {
    const core::Health health = instance->health();
    if (health != core::Health::kPassing && health != core::Health::kSuspect) continue;
    wire::AppendInstanceElement(registry::v1::LookupResponse::kInstancesFieldNumber, *instance,
                                health == core::Health::kPassing ? &made->passing : &made->suspect);
  }
  const EncodedLeaf* expected = nullptr;
  if (encoded_.compare_exchange_strong(expected, made.get(), std::memory_order_acq_rel)) {
    return *made.release();
  }
  return *expected;
}

ServiceView& ViewBuilder::Open(std::string_view service_name) {
  if (auto found = open_by_name_.find(service_name); found != open_by_name_.end()) {
    return *found->second;
  }
  const ServicePtr* present = services_.Find(service_name);
  auto copy = present == nullptr ? std::make_shared<ServiceView>()
                                 : std::make_shared<ServiceView>(**present);
  if (present == nullptr) copy->name = std::string(service_name);
  ServiceView& service = *copy;
  open_.push_back(std::move(copy));
  open_by_name_.emplace(service.name, &service);
  return service;
}

void ViewBuilder::Add(const core::InstanceChange& change, Revision revision) {
  ServiceView& service = Open(change.name().service_name());
  service.changed = revision;
  if (change.before != nullptr) {
    --service.by_health[static_cast<size_t>(change.before->health())];
  }
  if (change.after != nullptr) {
    ++service.by_health[static_cast<size_t>(change.after->health())];
    service.instances.Put(change.after);
  } else {
    service.instances.Erase(change.name().id());
  }
  instances_ += static_cast<uint64_t>(change.after != nullptr);
  instances_ -= static_cast<uint64_t>(change.before != nullptr);
}

std::shared_ptr<const View> ViewBuilder::Build(const core::Counters& counters, uint64_t leases) {
  for (std::shared_ptr<ServiceView>& service : open_) {
    if (service->instances.empty()) {
      services_.Erase(service->name);
      continue;
    }
    service->instances = service->instances.Snapshot();
    services_.Put(std::move(service));
  }
  open_by_name_.clear();
  open_.clear();
  auto view = std::make_shared<View>();
  view->counters = counters;
  view->services = services_.Snapshot();
  view->instances = instances_;
  view->leases = leases;
  return view;
}

}  // namespace registryd::replica
