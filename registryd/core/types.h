// The nouns of the registry: what its state is made of.
//
// core is the registry as a pure function: (state, command) -> (state', reply, changes). Nothing in
// this folder does I/O, reads a clock, starts a thread or knows protobuf. Instances are immutable
// and shared: state, view, history and watch rings hold the same record.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "registryd/base/ids.h"
#include "registryd/core/boxed.h"
#include "registryd/core/short_text.h"

namespace registryd::core {

// "namespace/service/id" in one string: the key in memory, in RocksDB and in the log. Its parts are
// valid names (core/validate.h), so they contain no '/'.
class InstanceName {
 public:
  InstanceName() = default;
  InstanceName(std::string_view ns, std::string_view service, std::string_view id);
  // From the joined form. Two slashes are required; anything else is a bug or a corrupt store, so
  // the caller checks IsJoined first.
  explicit InstanceName(std::string joined);
  static bool IsJoined(std::string_view text);  // exactly two '/', no empty part

  std::string_view ns() const { return std::string_view(text_).substr(0, ns_size_); }
  std::string_view service() const {
    return std::string_view(text_).substr(ns_size_ + 1u, service_size_);
  }
  std::string_view id() const {
    return std::string_view(text_).substr(ns_size_ + service_size_ + 2u);
  }
  // "namespace/service"
  std::string_view service_name() const {
    return std::string_view(text_).substr(0, ns_size_ + 1u + service_size_);
  }
  const std::string& text() const { return text_; }

  friend bool operator==(const InstanceName& a, const InstanceName& b) {
    return a.text_ == b.text_;
  }
  friend auto operator<=>(const InstanceName& a, const InstanceName& b) {
    return a.text_ <=> b.text_;
  }
  template <class H>
  friend H AbslHashValue(H h, const InstanceName& name) {
    return H::combine(std::move(h), name.text_);
  }

 private:
  std::string text_;
  uint32_t ns_size_ = 0;
  uint32_t service_size_ = 0;
};

struct Endpoint {
  ShortText name;
  std::string host;
  uint16_t port = 0;
  ShortText protocol;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct Label {
  std::string key;
  std::string value;
  friend bool operator==(const Label&, const Label&) = default;
};

// An active check: the cluster asks the instance, where it cannot send heartbeats. The numbers lie
// on disk. kNone: there is no check.
enum class CheckKind : uint8_t { kNone = 0, kTcp = 1, kHttp = 2, kGrpc = 3 };
struct CheckSpec {
  CheckKind kind = CheckKind::kNone;
  std::string endpoint;  // name of one of the instance's endpoints; "" is the first
  std::string path;      // HTTP: what is asked for; gRPC: the service's name
  int64_t interval_ms = 0;
  int64_t timeout_ms = 0;
  uint32_t passes = 0;    // successes in a row before it is PASSING
  uint32_t failures = 0;  // failures in a row before it is CRITICAL
  friend bool operator==(const CheckSpec&, const CheckSpec&) = default;
};

// What the owner says about an instance.
struct InstanceSpec {
  InstanceName name;
  std::vector<Endpoint> endpoints;
  ShortText version;
  std::vector<Label> labels;  // sorted by key, keys unique
  ShortText region;
  ShortText zone;
  uint32_t weight = 1;
  Boxed<CheckSpec> check;
  friend bool operator==(const InstanceSpec&, const InstanceSpec&) = default;
};

// What an instance says of its own health. The numbers lie on disk.
enum class Report : uint8_t { kPassing = 0, kCritical = 1, kDraining = 2 };

// What the active check found last. The numbers lie on disk.
enum class CheckResult : uint8_t { kNone = 0, kUnknown = 1, kPassing = 2, kFailing = 3 };

// An operator's word about an instance or a whole service, known by name: it outlives the lives of
// the instance.
struct Override {
  std::string target;  // "namespace/service/id" or "namespace/service"
  std::string owner;
  std::string reason;
  int64_t since_ms = 0;
  int64_t until_ms = 0;  // 0: until somebody ends it
  friend bool operator==(const Override&, const Override&) = default;
};
using OverridePtr = std::shared_ptr<const Override>;
// "namespace/service" of an override's target. InstanceName::IsJoined says whether it names an
// instance.
std::string_view ServiceOf(std::string_view target);

// Facts that most instances do not have.
struct RareFacts {
  Revision check_epoch;  // revision at which its check was asked for; a result of an older is void
  std::string check_message;
  OverridePtr maintenance;
  friend bool operator==(const RareFacts& a, const RareFacts& b) {
    const bool same = a.maintenance == b.maintenance ||
                      (a.maintenance && b.maintenance && *a.maintenance == *b.maintenance);
    return same && a.check_epoch == b.check_epoch && a.check_message == b.check_message;
  }
};

// The separate facts that health is derived from, by one function.
struct HealthFacts {
  bool lease_expired = false;
  bool silent = false;  // its lease was not renewed for a ttl, and the guard keeps it
  Report report = Report::kPassing;
  CheckResult check = CheckResult::kNone;
  ShortText message;  // what came with the report
  Boxed<RareFacts> rare;
  friend bool operator==(const HealthFacts&, const HealthFacts&) = default;
};

// The numbers equal registry.v1.Health and are part of the digest.
enum class Health : uint8_t { kPassing = 1, kSuspect = 2, kCritical = 3, kDraining = 4 };
// The numbers equal registry.v1.HealthReason.
enum class HealthReason : uint8_t {
  kRegistered = 1,
  kLeaseExpired = 2,
  kReported = 3,
  kSilent = 4,
  kCheck = 5,
  kMaintenance = 6,
};

struct DerivedHealth {
  Health health;
  HealthReason reason;
};
// What takes an instance out weighs more than what keeps it: an expired lease, a report of
// CRITICAL, a check that fails or has not passed yet, maintenance (DRAINING: callers finish and
// begin nothing), a report of DRAINING, silence (SUSPECT). PASSING has the reason kReported when a
// message came with the report, else kCheck where a check passes.
DerivedHealth DeriveHealth(const HealthFacts& facts);
// The text that belongs to the derived reason; empty where there is none.
std::string_view HealthMessage(const HealthFacts& facts);
inline bool IsServed(Health health) {
  return health == Health::kPassing || health == Health::kSuspect;
}
std::string_view ToString(Health health);        // "PASSING"
std::string_view ToString(HealthReason reason);  // "lease expired"

// One life of one instance. Immutable once it is in the state.
struct Instance {
  InstanceSpec spec;
  Revision incarnation;
  LeaseId lease;  // 0: permanent
  Revision changed;
  int64_t created_ms = 0;
  int64_t changed_ms = 0;
  HealthFacts facts;
  int64_t health_since_ms = 0;

  const InstanceName& name() const { return spec.name; }
  Health health() const { return DeriveHealth(facts).health; }
  friend bool operator==(const Instance&, const Instance&) = default;
};
using InstancePtr = std::shared_ptr<const Instance>;

// Commutative digest of a set of instances: the sum of the members' hashes modulo 2^64
// (docs/formats.md).
uint64_t InstanceDigest(const Instance& instance);

struct Lease {
  LeaseId id;
  LeaseEpoch epoch;
  int64_t ttl_ms = 0;
  std::string owner;
  int64_t silent_since_ms = 0;  // not 0: silent for a ttl, and the guard holds its instances
  friend bool operator==(const Lease&, const Lease&) = default;
};

}  // namespace registryd::core
