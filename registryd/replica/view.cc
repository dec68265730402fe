#include "registryd/replica/view.h"

#include <algorithm>
#include <utility>

#include "registry/v1/discovery.pb.h"
#include "registryd/base/mutex.h"
#include "registryd/wire/api_codec.h"

namespace registryd::replica {

struct EncodedLeafCache::Matches {
  struct Answer {
    uint64_t filter_id = 0;
    uint64_t matching = 0;
  };
  Mutex mutex;
  std::array<Answer, kFiltersKept> answers ABSL_GUARDED_BY(mutex);
  size_t next ABSL_GUARDED_BY(mutex) = 0;  // the oldest
};

EncodedLeafCache::~EncodedLeafCache() {
  delete encoded_.load(std::memory_order_relaxed);
  delete matches_.load(std::memory_order_relaxed);
}

EncodedLeafCache& EncodedLeafCache::operator=(EncodedLeafCache&& other) noexcept {
  delete encoded_.exchange(other.encoded_.exchange(nullptr));
  delete matches_.exchange(other.matches_.exchange(nullptr));
  return *this;
}

uint64_t EncodedLeafCache::Matching(uint64_t filter_id, const core::InstanceFilter& filter,
                                    const std::vector<core::InstancePtr>& instances) const {
  const auto ask = [&] {
    uint64_t matching = 0;
    for (size_t i = 0; i < instances.size(); ++i) {
      matching |= uint64_t{filter.Matches(*instances[i])} << i;
    }
    return matching;
  };
  if (filter_id == 0) return ask();
  Matches* matches = matches_.load(std::memory_order_acquire);
  if (matches == nullptr) {
    auto made = std::make_unique<Matches>();
    if (matches_.compare_exchange_strong(matches, made.get(), std::memory_order_acq_rel)) {
      matches = made.release();
    }
  }
  {
    MutexLock lock(matches->mutex);
    for (const Matches::Answer& answer : matches->answers) {
      if (answer.filter_id == filter_id) return answer.matching;
    }
  }
  const Matches::Answer answer{filter_id, ask()};
  MutexLock lock(matches->mutex);
  matches->answers[matches->next++ % kFiltersKept] = answer;
  return answer.matching;
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
  service.changed = std::max(service.changed, revision);
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

void ViewBuilder::AddRecord(const core::ServiceChange& change) {
  if (change.after) {
    records_.Put(change.after);
  } else {
    records_.Erase(change.name);
  }
}

void ViewBuilder::LoadRecords(const core::Registry& registry) {
  registry.ForEachRecord([this](const core::ServiceRecordPtr& record) {
    AddRecord({record->name, record});
  });
}

std::shared_ptr<const View> ViewBuilder::Build(const core::Counters& counters, uint64_t leases,
                                               uint64_t silent_leases) {
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
  view->records = records_.Snapshot();
  view->instances = instances_;
  view->leases = leases;
  view->silent_leases = silent_leases;
  return view;
}

}  // namespace registryd::replica
