// Admin: what operators ask of a registry. A library of its own, so that services that only
// register and look up do not carry it.
//
//   auto admin = registry::Admin::Create();
//   if (!admin.ok()) return admin.status();
//   auto status = (*admin)->Status();
//   if (!status.ok()) return status.status();
//   for (const registry::Member& one : status->members) Print(one.name, one.applied_index);
//
// Threads, options, retries and errors: as in client.h. An Admin has no thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry/client.h"
#include "registry/past.h"
#include "registry/types.h"

namespace registry {

enum class MemberRole { kUnspecified = 0, kLeader = 1, kFollower = 2, kCandidate = 3 };

// "leader"; "unspecified" for kUnspecified.
const char* ToString(MemberRole role);

struct Member {
  std::string name = {};
  uint64_t node_id = 0;
  std::string address = {};  // for peers
  MemberRole role = MemberRole::kUnspecified;
  uint64_t term = 0;
  uint64_t applied_index = 0;  // of the Raft log
  uint64_t last_index = 0;
  uint64_t digest = 0;  // of the instances at applied_index; equal on all members
  bool reachable =
      true;  // false: it did not answer, and only name, id, address and suffrage are known
  int64_t lag_ms = 0;              // since it last knew itself level with the leader
  std::string suffrage = "voter";  // "voter", "standby" (gets the log, does not vote) or "spare"
  std::string divergence = {};     // not empty: its state is not what it should be, and why
};

// One node's picture of itself and of the cluster.
struct ClusterStatus {
  std::string server = {};  // "host:port" that answered
  AnswerInfo info = {};
  std::string node = {};       // its name
  std::string version = {};    // of its program
  std::string leader = {};     // name of the leader, empty while there is none
  uint32_t feature_level = 0;  // what all members' programs know is in use up to this
  std::vector<Member> members = {};
  uint64_t services = 0;
  uint64_t instances = 0;
  uint64_t leases = 0;
  absl::Duration uptime = {};
  bool insecure = false;  // it was told to listen without TLS and policy
};

// What a node logs. "debug", "info", "warning" or "error".
struct LogLevel {
  std::string node = {};
  std::string level = {};   // now
  std::string before = {};  // the call
};

// Whether the policy of a node lets an identity do something.
struct AccessQuery {
  std::string identity = {};  // "spiffe://...", "dns:...", "jwt:..."; empty: who this client is
  std::string verb = {};      // "register", "lookup", ...
  std::string ns = {};        // both empty: the registry as a whole
  std::string service = {};
};
struct AccessAnswer {
  bool allowed = false;
  std::string why = {};  // a sentence for people
  std::string identity = {};
};

enum class MemberChange { kAdd, kPromote, kDemote, kRemove, kTransfer };

struct MemberChangeOptions {
  MemberChange change = MemberChange::kPromote;
  uint64_t node_id = 0;      // 0 with kTransfer: whoever is furthest
  std::string address = {};  // kAdd: of its peer port, "host:port"
  bool force = false;        // kDemote, kRemove: also when what is left could not go on
};

// A service, or one instance of it where `id` is not empty.
struct OperatorTarget {
  std::string ns = "default";
  std::string service = {};
  std::string id = {};
};

// An operator's override: it is known by name and outlives the lives of the instance.
struct Maintenance {
  OperatorTarget target = {};
  std::string owner = {};
  std::string reason = {};
  int64_t since_ms = 0;
  int64_t until_ms = 0;  // 0: until somebody ends it
};

struct MaintenanceOptions {
  std::string owner = {};  // default: the caller's identity
  std::string reason = {};
  absl::Duration duration = {};  // zero: until somebody ends it
  bool force = false;            // although the service falls below its min_healthy
};

struct MaintenanceResult {
  uint64_t revision = 0;
  Maintenance maintenance = {};
  uint64_t instances = 0;  // that changed
};

struct ServiceSettings {
  std::string ns = {};
  std::string service = {};
  uint32_t min_healthy = 0;
};

// What the guard holds of one service.
struct HeldService {
  std::string ns = {};
  std::string service = {};
  uint32_t suspect = 0;
  uint32_t passing = 0;
  int64_t since_ms = 0;  // of the instance that is held longest
  uint64_t left = 0;     // that left for silence within the last ttl
};

struct GuardStatus {
  AnswerInfo info = {};
  int64_t registry_since_ms = 0;  // not 0: the guard of the whole registry holds since then
  uint64_t silent_leases = 0;
  std::vector<HeldService> services = {};
  bool intake_leading = false;   // the node that was asked leads, so it listens
  bool intake_paused = false;    // it hears too little: nothing leaves for silence
  uint64_t intake_heard = 0;     // leases that were renewed in the last half of their ttl
  uint64_t intake_expected = 0;  // those that should have been
};

class Admin {
 public:
  // Does not connect. INVALID_ARGUMENT: an option or REGISTRY_SERVER is wrong.
  static absl::StatusOr<std::unique_ptr<Admin>> Create(ClientOptions options = {});

  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  // Of the first server that answers. To ask one certain node, create an Admin with only that
  // server.
  absl::StatusOr<ClusterStatus> Status();

  // Changes what a node logs, until it restarts; an empty level only asks. Of the first server that
  // answers. INVALID_ARGUMENT: no such level.
  absl::StatusOr<LogLevel> SetLogLevel(const std::string& level);

  // What changed, by whom and why. OUT_OF_RANGE for a moment that is not kept.
  absl::StatusOr<ChangesResult> ListChanges(const ChangesQuery& query);
  // A lookup as it would have been answered then; `read` of the query is ignored.
  absl::StatusOr<PastLookup> LookupPast(const LookupQuery& query, const Moment& at);
  absl::StatusOr<DiffResult> Diff(const std::string& ns, const std::string& service,
                                  const Moment& from, const Moment& to);
  // Why a lookup returns an instance or does not; `id` empty: all of the service.
  absl::StatusOr<ExplainResult> Explain(const LookupQuery& query, const std::string& id = "");

  // Who watches a service, on all nodes; an empty one: who watches what.
  absl::StatusOr<SubscribersResult> ListSubscribers(const std::string& ns,
                                                    const std::string& service);
  // Turns the instance DRAINING and returns when every live subscriber has acknowledged that, or
  // after `wait` with those who have not.
  absl::StatusOr<DrainResult> Drain(const InstanceRef& instance, absl::Duration wait,
                                    const std::string& message = "", bool force = false);
  // Asks and does nothing. PERMISSION_DENIED: about another identity, by one that may not operate.
  absl::StatusOr<AccessAnswer> CheckAccess(const AccessQuery& query);
  // Adds, promotes, demotes or removes a member, or hands leadership to it. Asks again while
  // another change is under way or leadership moves, as long as the timeout allows. NOT_FOUND,
  // ALREADY_EXISTS, FAILED_PRECONDITION: as proto/registry/v1/administration.proto says.
  absl::Status ChangeMember(const MemberChangeOptions& options);

  // Writes a backup of the whole registry to `path`, which appears when it is complete and synced;
  // what was there is replaced. `timeout` is for all of it. Answers its size in bytes.
  // UNAVAILABLE, RESOURCE_EXHAUSTED: of the server; FAILED_PRECONDITION, RESOURCE_EXHAUSTED: the
  // file cannot be written.
  absl::StatusOr<uint64_t> Backup(const std::string& path, absl::Duration timeout);

  // Takes an instance or a whole service out of lookups, there or not yet. FAILED_PRECONDITION: the
  // service would fall below its min_healthy.
  absl::StatusOr<MaintenanceResult> SetMaintenance(const OperatorTarget& target,
                                                   const MaintenanceOptions& options);
  // Ends the override of exactly this target. NOT_FOUND: there is none.
  absl::StatusOr<MaintenanceResult> EndMaintenance(const OperatorTarget& target);
  // All of them, sorted by target. `ns` and `service` narrow them; empty: all.
  absl::StatusOr<std::vector<Maintenance>> ListMaintenance(const std::string& ns,
                                                           const std::string& service);

  absl::StatusOr<ServiceSettings> SetMinHealthy(const OperatorTarget& service,
                                                uint32_t min_healthy);
  absl::StatusOr<ServiceSettings> GetService(const OperatorTarget& service);

  absl::StatusOr<GuardStatus> Guard();
  // Lets go of what the guard holds of a service; absent: of all. Returns the number of instances
  // that turned CRITICAL.
  absl::StatusOr<uint64_t> ReleaseGuard(const std::optional<OperatorTarget>& service);

  // The servers that it knows, "host:port" each.
  const std::vector<std::string>& servers() const;

 private:
  explicit Admin(std::shared_ptr<ClientCore> core);

  std::shared_ptr<ClientCore> core_;
};

}  // namespace registry
