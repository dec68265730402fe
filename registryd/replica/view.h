// The view: the immutable picture that every answer is read from.
//
//   std::shared_ptr<const View> view = replica.view();               // any thread: one short lock,
//   one reference if (const ServiceView* service = view->Find("default/web")) ...
//
// A view is one revision of the whole registry. Versions share what did not change
// (base/persistent_map.h), and the instances are the records of core's state. The encoded answer of
// a service is made by the first reader that asks after a change, leaf by leaf (at most 64
// instances each), and kept beside the leaf: later readers copy bytes.
//
// Threads: a View by any thread. ViewBuilder by the loop only.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "registryd/base/ids.h"
#include "registryd/base/persistent_map.h"
#include "registryd/core/filter.h"
#include "registryd/core/registry.h"

namespace registryd::replica {

// The instances of one leaf as elements of LookupResponse.instances: ready to be joined behind a
// header.
struct EncodedLeaf {
  std::string passing;
  std::string suspect;
};

// What readers derived from one leaf. Filled by the first reader; when two come at once, one of
// them loses its work.
class EncodedLeafCache {
 public:
  EncodedLeafCache() = default;
  EncodedLeafCache& operator=(EncodedLeafCache&& other) noexcept;
  ~EncodedLeafCache();
  const EncodedLeaf& Get(const std::vector<core::InstancePtr>& instances) const;
  // Which of the leaf's instances the filter lets through, bit by bit in their order. `filter_id`
  // is a number that belongs to this filter alone (operations::Reads); 0: ask the filter each time.
  // The latest kFiltersKept answers are kept, so a filtered lookup of a large service asks its
  // filter only in the leaves that have changed since.
  uint64_t Matching(uint64_t filter_id, const core::InstanceFilter& filter,
                    const std::vector<core::InstancePtr>& instances) const;

 private:
  static constexpr size_t kFiltersKept = 8;
  struct Matches;
  mutable std::atomic<const EncodedLeaf*> encoded_{nullptr};
  mutable std::atomic<Matches*> matches_{nullptr};  // made by the first filtered lookup
};

struct InstanceById {
  static std::string_view Key(const core::InstancePtr& instance) { return instance->name().id(); }
};
using InstanceMap = PersistentMap<core::InstancePtr, InstanceById, EncodedLeafCache>;
static_assert(InstanceMap::kLeafMax <= 64,
              "EncodedLeafCache::Matching has a bit for each instance");

struct ServiceView {
  std::string name;  // "namespace/service"
  InstanceMap instances;
  Revision changed;
  std::array<uint32_t, 5> by_health{};  // indexed by core::Health

  uint32_t Count(core::Health health) const { return by_health[static_cast<size_t>(health)]; }
  // Those that a lookup serves by default.
  uint32_t Served() const { return Count(core::Health::kPassing) + Count(core::Health::kSuspect); }
};
using ServicePtr = std::shared_ptr<const ServiceView>;
struct ServiceByName {
  static std::string_view Key(const ServicePtr& service) { return service->name; }
};

struct RecordByName {
  static std::string_view Key(const core::ServiceRecordPtr& record) { return record->name; }
};

struct View {
  core::Counters counters;
  PersistentMap<ServicePtr, ServiceByName> services;  // those with at least one instance
  // Settings, overrides and silence; also of services without instances.
  PersistentMap<core::ServiceRecordPtr, RecordByName> records;
  uint64_t instances = 0;
  uint64_t leases = 0;
  uint64_t silent_leases = 0;  // held by the guard

  Revision revision() const { return counters.revision; }
  // nullptr: no instances. Lives as long as the view.
  const ServiceView* Find(std::string_view service_name) const {
    const ServicePtr* found = services.Find(service_name);
    return found == nullptr ? nullptr : found->get();
  }
};

// Makes the next view from changes.
class ViewBuilder {
 public:
  // `revision` is the one that the change was made at.
  void Add(const core::InstanceChange& change, Revision revision);
  void AddRecord(const core::ServiceChange& change);
  // A state that is loaded into an empty builder: its instances one by one, cheapest in the order of
  // the names, and then the services' own records.
  void Load(const core::InstancePtr& instance) {
    Add({nullptr, instance, core::Cause::kRegister}, instance->changed);
  }
  void LoadRecords(const core::Registry& registry);
  std::shared_ptr<const View> Build(const core::Counters& counters, uint64_t leases,
                                    uint64_t silent_leases = 0);

 private:
  PersistentMap<ServicePtr, ServiceByName> services_;
  // Services of this round that are still ours alone, so that a batch copies each service once.
  std::vector<std::shared_ptr<ServiceView>> open_;
  absl::flat_hash_map<std::string_view, ServiceView*> open_by_name_;
  PersistentMap<core::ServiceRecordPtr, RecordByName> records_;
  uint64_t instances_ = 0;

  ServiceView& Open(std::string_view service_name);
};

}  // namespace registryd::replica
