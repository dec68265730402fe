#include "registryd/core/registry.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "registryd/base/text.h"
#include "registryd/core/command_run.h"
#include "registryd/core/limits.h"

namespace registryd::core {

Outcome Registry::Apply(const Context& context, const Command& command) {
  Outcome outcome;
  counters_.time_ms = std::max(counters_.time_ms, context.time_ms);
  outcome.actor = context.actor;
  outcome.time_ms = counters_.time_ms;
  CommandRun run(*this, context, outcome);
  const bool named = context.request.client_id != 0;
  if (named && requests_.contains(context.request)) {
    run.AnswerAgain(command);
  } else {
    run.Apply(command);
    run.Finish();
    if (!outcome.instances.empty()) ++counters_.revision;
    // A refused one is not remembered, so that it may be tried again.
    if (named && outcome.reply.status.ok()) outcome.request = Remember(context.request);
  }
  outcome.reply.revision = counters_.revision;
  return outcome;
}

RequestSlot Registry::Remember(const RequestId& request) {
  const uint64_t slot = counters_.requests_seen % limits::kRequestWindow;
  ++counters_.requests_seen;
  if (slot < request_ring_.size()) {
    requests_.erase(request_ring_[slot]);
    request_ring_[slot] = request;
  } else {
    request_ring_.push_back(request);
  }
  requests_.insert(request);
  return {slot, request, counters_.revision};
}

void Registry::LoadInstance(InstancePtr instance) {
  const auto [at, inserted] = instances_.insert(std::move(instance));
  if (!inserted) FailLoad(Text("instance ", (*at)->name().text(), " is there twice"));
}

void Registry::LoadLease(Lease lease) {
  const LeaseId id = lease.id;
  auto held = std::make_unique<HeldLease>();
  held->lease = std::move(lease);
  if (!id) FailLoad("a lease has the id 0");
  if (held->lease.silent_since_ms != 0) silent_.emplace(held->lease.silent_since_ms, id);
  if (!leases_.emplace(id, std::move(held)).second) FailLoad(Text("lease ", id, " is there twice"));
}

void Registry::LoadRequest(const RequestSlot& slot) {
  if (slot.slot >= limits::kRequestWindow) {
    return FailLoad(Text("request slot ", slot.slot, " is outside of the window"));
  }
  if (slot.request.client_id == 0) {
    return FailLoad(Text("request slot ", slot.slot, " holds no request id"));
  }
  if (slot.slot >= request_ring_.size()) request_ring_.resize(slot.slot + 1);
  request_ring_[slot.slot] = slot.request;
  if (!requests_.insert(slot.request).second) {
    FailLoad(Text("request slot ", slot.slot, " repeats another slot"));
  }
}

void Registry::LoadService(ServiceRecordPtr record) {
  Service& service = TakeService(record->name);
  if (service.record) FailLoad(Text("the record of service ", record->name, " is there twice"));
  if (record->operated()) ++operated_;
  const auto load = [this](const OverridePtr& o) {
    if (o && o->until_ms != 0) ends_.emplace(o->until_ms, o->target);
  };
  load(record->maintenance);
  for (const OverridePtr& o : record->of_instances) load(o);
  service.record = std::move(record);
}

void Registry::FailLoad(std::string why) {
  if (load_error_.ok()) load_error_ = absl::DataLossError(std::move(why));
}

absl::Status Registry::FinishLoad(const Counters& counters) {
  counters_ = counters;
  uint64_t digest = 0;
  for (const InstancePtr& instance : instances_) {
    CheckLoadedInstance(*instance);
    CountInstance(*instance, 1);
    digest += InstanceDigest(*instance);
  }
  for (const auto& [id, held] : leases_) {
    if (!held->lease.epoch || held->lease.epoch >= counters.next_epoch) {
      FailLoad(Text("lease ", id, " has epoch ", held->lease.epoch, ", but the next one is ",
                    counters.next_epoch));
    }
  }
  const uint64_t expected = std::min(counters.requests_seen, limits::kRequestWindow);
  if (request_ring_.size() != expected || requests_.size() != expected) {
    FailLoad(Text("the request window holds ", requests_.size(), " ids in ", request_ring_.size(),
                  " slots, not ", expected));
  }
  if (digest != counters.digest) {
    FailLoad(Text("the digest of ", instances_.size(), " instances is ", digest, ", not ",
                  counters.digest));
  }
  return load_error_;
}

void Registry::CheckLoadedInstance(const Instance& instance) {
  const std::string& name = instance.name().text();
  if (!instance.incarnation || instance.incarnation > instance.changed ||
      instance.changed > counters_.revision) {
    FailLoad(Text("instance ", name, " has incarnation ", instance.incarnation, " and revision ",
                  instance.changed, " in a state of revision ", counters_.revision));
  }
  if (!instance.lease || instance.facts.lease_expired) return;
  if (HeldLease* held = FindHeld(instance.lease)) {
    held->instances.Insert(&instance);
    if (instance.facts.silent && held->lease.silent_since_ms == 0) {
      FailLoad(Text("instance ", name, " is held by the guard, but its lease ", instance.lease,
                    " is not silent"));
    }
  } else {
    FailLoad(Text("instance ", name, " refers to lease ", instance.lease, ", which is not there"));
  }
}

InstancePtr Registry::Find(const InstanceName& name) const {
  const auto found = instances_.find(std::string_view(name.text()));
  return found == instances_.end() ? nullptr : *found;
}

const Lease* Registry::FindLease(LeaseId id) const {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : &found->second->lease;
}

size_t Registry::LeaseInstances(LeaseId id) const {
  const auto found = leases_.find(id);
  return found == leases_.end() ? 0 : found->second->instances.size();
}

Registry::HeldLease* Registry::FindHeld(LeaseId id) {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : found->second.get();
}

ServiceRecordPtr Registry::FindRecord(std::string_view service_name) const {
  const Service* service = FindService(service_name);
  return service == nullptr ? nullptr : service->record;
}

int64_t Registry::NextDueMs(int64_t hold_ms) const {
  int64_t due = std::numeric_limits<int64_t>::max();
  if (!ends_.empty()) due = ends_.begin()->first;
  if (!silent_.empty()) due = std::min(due, silent_.begin()->first + hold_ms);
  return due;
}

const Registry::Service* Registry::FindService(std::string_view name) const {
  const auto found = services_.find(name);
  return found == services_.end() ? nullptr : found->second.get();
}

Registry::Service& Registry::TakeService(std::string_view name) {
  auto found = services_.find(name);
  if (found == services_.end()) {
    found = services_.emplace(std::string(name), std::make_unique<Service>()).first;
  }
  return *found->second;
}

void Registry::DropServiceIfIdle(std::string_view name) {
  const auto found = services_.find(name);
  if (found == services_.end()) return;
  if (found->second->instances == 0 && !found->second->record) services_.erase(found);
}

void Registry::CountInstance(const Instance& instance, int by) {
  Service& service = TakeService(instance.name().service_name());
  const Health health = instance.health();
  // Modulo 2^32 and 2^64: -1 takes one away.
  const auto step = static_cast<uint32_t>(by);
  service.instances += step;
  if (health == Health::kPassing) service.passing += step;
  if (health == Health::kSuspect) service.suspect += step;
  if (IsServed(health)) served_ += static_cast<uint64_t>(static_cast<int64_t>(by));
}

}  // namespace registryd::core
