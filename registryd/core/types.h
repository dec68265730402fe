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
  std::string name;
  std::string host;
  uint16_t port = 0;
  std::string protocol;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct Label {
  std::string key;
  std::string value;
  friend bool operator==(const Label&, const Label&) = default;
};

// What the owner says about an instance.
struct InstanceSpec {
  InstanceName name;
  std::vector<Endpoint> endpoints;
  std::string version;
  std::vector<Label> labels;  // sorted by key, keys unique
  std::string region;
  std::string zone;
  uint32_t weight = 1;
  friend bool operator==(const InstanceSpec&, const InstanceSpec&) = default;
};

// What an instance says of its own health. The numbers lie on disk.
enum class Report : uint8_t { kPassing = 0, kCritical = 1, kDraining = 2 };

// The separate facts that health is derived from, by one function.
struct HealthFacts {
  bool lease_expired = false;
  Report report = Report::kPassing;
  std::string message;  // what came with the report
  friend bool operator==(const HealthFacts&, const HealthFacts&) = default;
};

// The numbers equal registry.v1.Health and are part of the digest.
enum class Health : uint8_t { kPassing = 1, kSuspect = 2, kCritical = 3, kDraining = 4 };
// The numbers equal registry.v1.HealthReason.
enum class HealthReason : uint8_t { kRegistered = 1, kLeaseExpired = 2, kReported = 3 };

struct DerivedHealth {
  Health health;
  HealthReason reason;
};
// An expired lease weighs most, then the report. PASSING has the reason kReported when a message
// came with the report.
DerivedHealth DeriveHealth(const HealthFacts& facts);
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
  friend bool operator==(const Lease&, const Lease&) = default;
};

}  // namespace registryd::core
