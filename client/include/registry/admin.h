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
};

// One node's picture of itself and of the cluster.
struct ClusterStatus {
  std::string server = {};  // "host:port" that answered
  AnswerInfo info = {};
  std::string node = {};     // its name
  std::string version = {};  // of its program
  std::string leader = {};   // name of the leader, empty while there is none
  std::vector<Member> members = {};
  uint64_t services = 0;
  uint64_t instances = 0;
  uint64_t leases = 0;
  absl::Duration uptime = {};
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
                                    const std::string& message = "");
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

  // The servers that it knows, "host:port" each.
  const std::vector<std::string>& servers() const;

 private:
  explicit Admin(std::shared_ptr<ClientCore> core);

  std::shared_ptr<ClientCore> core_;
};

}  // namespace registry
