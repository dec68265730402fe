// The nouns of the registry, as plain values.
//
//   registry::InstanceSpec spec;
//   spec.service = "web";
//   spec.endpoints = {{.name = "http", .host = "10.0.0.7", .port = 8080}};
//   spec.labels["env"] = "prod";
//
// The registry checks names and limits, not this library, so that there is one rule: a field that
// breaks one is answered with INVALID_ARGUMENT, and the message begins with the field's path, for
// example "instances[0].endpoints[0].port: must be 1 to 65535, is 70000".
//
// Names (namespace, service): 1 to 63 of a-z A-Z 0-9 . _ -, starting and ending with a letter or
// digit. Instance ids: the same characters and ':', up to 128. Times are milliseconds since the
// Unix epoch as the registry's leader stamped them. An enum value that this library does not know
// yet (a newer registry) reads as kUnspecified.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace registry {

// Every field has a default (`= {}`), so that a designated initializer may leave it out without a
// warning.

// One named address of an instance. An instance has 1 to 16 of them with different names.
struct Endpoint {
  std::string name = "default";
  std::string host = {};      // IPv4 or IPv6 without brackets, or a host name
  uint32_t port = 0;          // 1 to 65535
  std::string protocol = {};  // free text, for example "http"; may be empty
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// An active check, for those who cannot send heartbeats: a member of the cluster asks the instance
// at one of its own endpoints. Zeros mean the registry's defaults.
enum class CheckKind { kUnspecified = 0, kTcp = 1, kHttp = 2, kGrpc = 3 };
struct Check {
  CheckKind kind = CheckKind::kUnspecified;
  std::string endpoint = {};  // name of the endpoint; empty: the first one
  std::string path = {};      // HTTP: begins with "/"; gRPC: a service's name or empty
  int64_t interval_ms = 0;
  int64_t timeout_ms = 0;
  uint32_t passes = 0;    // successes in a row before it is passing
  uint32_t failures = 0;  // failures in a row before it is critical
  friend bool operator==(const Check&, const Check&) = default;
};

// What the owner of an instance says about it.
struct InstanceSpec {
  std::string ns = "default";
  std::string service = {};              // required
  std::string id = {};                   // empty: this library makes a random one
  std::vector<Endpoint> endpoints = {};  // 1 to 16
  std::string version = {};              // SemVer ("1.4.2"), or empty
  std::map<std::string, std::string> labels = {};
  std::string region = {};
  std::string zone = {};
  uint32_t weight = 1;  // share of traffic, 1 to 65535
  std::optional<Check> check = {};
  friend bool operator==(const InstanceSpec&, const InstanceSpec&) = default;
};

// What the registry thinks of an instance.
enum class Health {
  kUnspecified = 0,
  kPassing = 1,   // its lease is renewed (or it has none) and it does not say otherwise of itself
  kSuspect = 2,   // silent, but the guard keeps it
  kCritical = 3,  // its lease ran out, or it says of itself that it cannot serve
  kDraining = 4,  // it finishes its work and takes no more
};

// Why the health is what it is.
enum class HealthReason {
  kUnspecified = 0,
  kRegistered = 1,
  kLeaseExpired = 2,
  kReported = 3,
  kSilent = 4,       // its lease is not renewed, and the guard keeps it
  kCheck = 5,        // what an active check found
  kMaintenance = 6,  // an operator took it out
};

// "PASSING"; "UNSPECIFIED" for kUnspecified.
const char* ToString(Health health);
// "lease expired"; "unspecified" for kUnspecified.
const char* ToString(HealthReason reason);
// From "passing", "PASSING" and so on; INVALID_ARGUMENT names the known words.
absl::StatusOr<Health> ParseHealth(const std::string& word);

// The operator's override that covers an instance.
struct InstanceMaintenance {
  std::string owner = {};
  std::string reason = {};
  int64_t since_ms = 0;
  int64_t until_ms = 0;  // 0: until somebody ends it
  bool whole_service = false;
  friend bool operator==(const InstanceMaintenance&, const InstanceMaintenance&) = default;
};

// One life of one instance.
struct Instance {
  InstanceSpec spec = {};
  uint64_t incarnation = 0;  // revision at which this life began
  Health health = Health::kUnspecified;
  HealthReason reason = HealthReason::kUnspecified;
  std::string message = {};       // what came with the last SetHealth
  int64_t health_since_ms = 0;    // since when health is what it is
  uint64_t lease_id = 0;          // 0: permanent, nobody has to renew it
  uint64_t changed_revision = 0;  // of its last visible change
  int64_t created_ms = 0;
  int64_t changed_ms = 0;
  std::optional<InstanceMaintenance> maintenance = {};
  friend bool operator==(const Instance&, const Instance&) = default;
};

// Names one instance.
struct InstanceRef {
  std::string ns = "default";
  std::string service = {};
  std::string id = {};
  // When not 0: FAILED_PRECONDITION unless this is the instance's present incarnation.
  uint64_t incarnation = 0;
};

// Where an answer stands.
struct AnswerInfo {
  uint64_t cluster_id = 0;
  uint64_t revision = 0;  // the answer is the registry's state at exactly this revision
  int64_t lag_ms = 0;     // since the node that answered last knew itself level with the leader
  bool leader_known =
      false;  // false: no quorum is in sight, the answer may be old and nothing expires
};

enum class Consistency {
  kLocal,         // the asked node's state: never waits, never fails for want of a leader
  kLinearizable,  // sees every write acknowledged before the call; UNAVAILABLE without a quorum
};

// How fresh an answer has to be.
struct ReadOptions {
  Consistency consistency = Consistency::kLocal;
  // Wait until the node has at least this revision: with the revision of your last write you read
  // your own writes, whichever node answers.
  uint64_t min_revision = 0;
  // When not zero: UNAVAILABLE where the node's lag is larger. Whole milliseconds, rounded up.
  absl::Duration max_staleness = absl::ZeroDuration();
};

struct LookupQuery {
  std::string ns = "default";
  std::string service = {};
  std::vector<Health> health = {};  // which states are wanted; empty: PASSING and SUSPECT
  std::string selector = {};  // labels in Kubernetes' grammar: "env=prod,tier in (a,b),!canary"
  std::string version_range = {};  // ">=1.2 <2", "1.x", "^1.4.0 || ~2.1"
  std::string zone = {};           // instances of this zone first
  uint32_t limit = 0;              // at most so many, the first in the answer's order; 0: all
  ReadOptions read = {};
};

struct LookupResult {
  AnswerInfo info = {};
  std::vector<Instance> instances = {};  // PASSING first, SUSPECT last, by id within
  uint32_t total = 0;                    // how many matched before `limit`
};

struct ServiceSummary {
  std::string ns = {};
  std::string service = {};
  uint32_t passing = 0;
  uint32_t suspect = 0;
  uint32_t critical = 0;
  uint32_t draining = 0;
  uint64_t changed_revision = 0;
};

struct ListServicesQuery {
  std::string ns = {};          // empty: all namespaces
  std::string prefix = {};      // of the service's name
  uint32_t page_size = 0;       // 0: the registry's default, 1,000; at most 10,000
  std::string page_token = {};  // from the page before; empty: the first page
  ReadOptions read = {};
};

struct ServicesPage {
  AnswerInfo info = {};
  std::vector<ServiceSummary> services = {};  // sorted by namespace and name
  std::string next_page_token = {};           // empty: that was the last page
};

struct ListInstancesQuery {
  std::string ns = {};       // empty: all namespaces
  std::string service = {};  // empty: all services
  uint32_t page_size = 0;
  std::string page_token = {};
  ReadOptions read = {};
};

struct InstancesPage {
  AnswerInfo info = {};
  std::vector<Instance> instances =
      {};  // of all health states, sorted by namespace, service and id
  std::string next_page_token = {};
};

// A lease as the registry granted it.
struct Lease {
  uint64_t id = 0;
  uint64_t epoch = 0;  // new with each grant; a renewal carries it
  absl::Duration ttl = {};
  absl::Duration renew_every = {};  // the advised interval: ttl / 3
};

struct RegisteredInstance {
  std::string id = {};
  uint64_t incarnation = 0;  // 0: a repeated request whose instance is gone since
};

struct RegisterResult {
  uint64_t revision = 0;
  std::vector<RegisteredInstance> instances = {};  // in the request's order
  std::optional<Lease> lease = {};                 // absent for permanent instances
};

struct DeregisterResult {
  uint64_t revision = 0;
  std::vector<bool> removed = {};  // in the request's order; false: it was not there
};

// Parts of one instance that shall change; what is not set stays as it is.
struct InstanceUpdate {
  InstanceRef instance = {};
  uint64_t expected_revision = 0;  // when not 0: refuse unless changed_revision is this
  std::optional<std::map<std::string, std::string>> labels = {};  // replaces all
  std::optional<std::vector<Endpoint>> endpoints = {};            // replaces all
  std::optional<uint32_t> weight = {};
  std::optional<std::string> version = {};
  std::optional<std::string> zone = {};
};

// The instance after an Update or SetHealth.
struct ChangeResult {
  uint64_t revision = 0;
  Instance instance = {};
};

struct RevokeResult {
  uint64_t revision = 0;
  uint64_t removed = 0;  // instances that left with the lease
};

}  // namespace registry
